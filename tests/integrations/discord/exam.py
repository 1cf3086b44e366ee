"""How Discord is examined: before the stand-in's own rules, without a socket between, read as people see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import discord

from core.exam.record import Ear, Moorings, Pages, Shelf
from core.interfaces import Chat, Setup
from core.messages import Attachment
from integrations.discord.chat import DiscordChat
from integrations.discord.settings import DiscordSettings
from integrations.discord.web import Web, explain
from tests.fakes.discord import rest
from tests.fakes.discord.records import Channel, Refused
from tests.fakes.discord.server import FakeDiscord

TOKEN = "MTAwMDAwMDAwMDAwMDAwMDAx.first.made-up"


class ShortWeb(Web):
    """The calls that the chat makes, each answered by the stand-in at once."""

    def __init__(self, world: FakeDiscord) -> None:
        super().__init__(DiscordSettings(token=TOKEN))
        self._world = world
        self.uploaded: list[str] = []

    @property
    def app(self) -> str:
        return self._world.app

    async def call(
        self, method: str, path: str, body: Any = None, files: Sequence[Attachment] = (), **names: Any
    ) -> Any:
        self.uploaded += [item.text for item in files]
        where, _, query = path.format(**names).partition("?")
        handle, found = find_route(method, where)
        asked = MagicMock(body=body or {}, query=dict(part.split("=") for part in query.split("&") if part))
        asked.files = {f"files[{at}]": (item.name, item.text.encode()) for at, item in enumerate(files)}
        asked.names = found
        asked.__getitem__ = lambda _self, name: found[name]
        try:
            return await handle(self._world, asked)
        except Refused as refused:
            response = MagicMock(status=refused.status, reason="refused")
            raise explain(discord.HTTPException(response, {"code": refused.code, "message": refused.message})) from None


def find_route(method: str, path: str) -> tuple[Any, dict[str, str]]:
    for verb, pattern, handle, _ in rest.ROUTES:
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
        if verb == method and match:
            return handle, match.groupdict()
    raise AssertionError(f"{method} {path} is no call of Discord's")


def open_chat() -> tuple[Chat, Callable[[], str]]:
    world = FakeDiscord()
    world.gateway.tell = _tell_nobody  # type: ignore[method-assign]
    world.channels["here"] = Channel(id="here", name="here", guild=world.guild("home"))
    web = ShortWeb(world)
    settings = DiscordSettings(token=TOKEN)
    chat = DiscordChat(Setup(Path(), settings, Pages(), Shelf(), Ear(), Moorings(), {"web": web}))

    def read() -> str:
        assert world.pings == world.unexpected == []
        return "\n".join([*(message.text for message in world.messages("here")), *web.uploaded])

    return chat, read


async def _tell_nobody(*_: Any) -> int:
    return 0
