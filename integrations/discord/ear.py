"""What people do in Discord, as the bot understands it: translated, handed in, and only then acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import discord
import structlog
from discord.http import Route

from core.errors import CallboardError, TemporaryFailure
from core.files import LARGEST_FILE, MOST_FILES, clean_name
from core.forms import fill_fields
from core.interfaces import Setup
from core.messages import Given, How, Message, Place
from integrations.discord import forms
from integrations.discord.acts import keep_act, make_act
from integrations.discord.commands import START, find_source, list_files, read_typed
from integrations.discord.layout import draw_sure, draw_words, shorten
from integrations.discord.places import Spot
from integrations.discord.settings import DiscordSettings
from integrations.discord.text import read_sent
from integrations.discord.web import EPHEMERAL, NOBODY, SECONDS, V2

log = structlog.get_logger()
Json = Mapping[str, Any]
MOORED_IN = 2.0
_MOST_AT_ONCE = 64
_MESSAGE, _THINKING, _QUIETLY, _CHOICES, _FORM = 4, 5, 6, 8, 9
_NOT_NOW = "Callboard cannot take this right now: nothing was done. Try again in a moment."
_REMEMBERED = 2.0


class Ear:
    """Hands in what people do."""

    def __init__(self, setup: Setup) -> None:
        self.settings: DiscordSettings = setup.settings
        self.notebook = setup.notebook
        self._street = setup.street
        self._anchors = setup.anchors
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)
        self._offers: dict[tuple[str, str], tuple[float, list[Json]]] = {}

    # ------------------------------------------------------------------------------------------------ what is said

    async def hear_message(self, client: discord.Client, message: discord.Message) -> None:
        """Words in an agent's thread, for the bot by name, or to it directly; anything else is none of its business."""
        if self._is_own(client, message):
            return
        async with self._room:
            spot = await self._find_spot(client, message.channel, MOORED_IN)
            me = str(client.user.id) if client.user else ""
            is_direct = message.guild is None
            is_meant = f"<@{me}>" in message.content or f"<@!{me}>" in message.content or is_direct
            if not (spot.agent or is_meant):
                return
            how = How.MENTION if is_meant else How.LINE
            text = read_sent(message.content, me)
            files = [await _fetch(client, item.url, item.filename, item.size) for item in message.attachments]
            made = self._write(f"message:{message.id}", spot, message.author, text, how, is_direct=is_direct)
            given = [file for file in files[: MOST_FILES + 1] if file]
            await self._street.hear(replace(made, files=given))

    def _is_own(self, client: discord.Client, message: discord.Message) -> bool:
        """What the bot said itself, or another bot where none are let in: answering those would never end."""
        is_bot = message.author.bot or message.webhook_id is not None
        is_me = client.user is not None and message.author.id == client.user.id
        return is_me or (is_bot and "bot" not in self.settings.admit)

    # ------------------------------------------------------------------------------------------------ what is done

    async def hear_act(self, client: discord.Client, act: discord.Interaction) -> None:
        """A command, a button, a form, or what is typed into an option."""
        async with self._room:
            try:
                await self._see_to(client, act)
            except CallboardError as failure:
                log.error("not taken from Discord", kind=str(act.type), reason=str(failure))
                said = _NOT_NOW if isinstance(failure, TemporaryFailure) else f"{failure} {failure.remedy}".strip()
                await self._show(client, act, draw_words(said))

    async def _see_to(self, client: discord.Client, act: discord.Interaction) -> None:
        data: Json = act.data or {}
        if act.type is discord.InteractionType.autocomplete:
            await self._complete(client, act, data)
        elif act.type is discord.InteractionType.application_command:
            await self._see_to_command(client, act, data)
        elif act.type is discord.InteractionType.component:
            await self._see_to_button(client, act, data)
        elif act.type is discord.InteractionType.modal_submit:
            await self._see_to_form(client, act, data)

    async def _see_to_command(self, client: discord.Client, act: discord.Interaction, data: Json) -> None:
        if data.get("name") == START:
            shown: Json = next(iter((data.get("resolved") or {}).get("messages", {}).values()), {})
            text = read_sent(str(shown.get("content") or ""), str(client.user.id) if client.user else "")
            await self._respond(client, act, _FORM, forms.draw_spawn(text))
            return
        verbs = self._street.list_verbs()
        typed = read_typed(data, verbs)
        if typed.verb == "spawn" and not typed.values.get(forms.TEXT):
            kind, project = (str(typed.values.get(name) or "") for name in (forms.KIND, forms.PROJECT))
            await self._respond(client, act, _FORM, forms.draw_spawn("", project, kind))
            return
        names = list_files(typed, verbs)
        arguments = {name: value for name, value in typed.values.items() if name not in names}
        files = await self._fetch_files(
            client, data, [str(typed.values[name]) for name in names if name in typed.values]
        )
        await self._hand_in(client, act, typed.verb, How.COMMAND, arguments=arguments, files=files)

    async def _see_to_button(self, client: discord.Client, act: discord.Interaction, data: Json) -> None:
        kind, id = _read_id(data)
        if kind == "ask":
            await self._respond(client, act, _FORM, forms.draw_button(id, await self._street.find_button(id)))
        elif kind == "sure":
            button = await self._street.find_button(id)
            await self._show(client, act, draw_sure(button.confirm, button.label, id))
        else:
            await self._hand_in(client, act, str((data.get("values") or [id])[0]), How.BUTTON)

    async def _see_to_form(self, client: discord.Client, act: discord.Interaction, data: Json) -> None:
        kind, id = _read_id(data)
        values = forms.read_values(data)
        if kind == forms.WORDS:
            words = values.get(forms.TEXT, "")
            if forms.TEXT not in values:
                fields = (await self._street.find_button(id)).fields
                words = fill_fields(fields, forms.read_given(data, fields))
            await self._hand_in(client, act, id, How.BUTTON, words=words)
        else:
            arguments = {name: value for name, value in values.items() if value.strip()}
            await self._hand_in(client, act, "spawn", How.COMMAND, arguments=arguments)

    async def _complete(self, client: discord.Client, act: discord.Interaction, data: Json) -> None:
        verbs = self._street.list_verbs()
        typed = read_typed(data, verbs)
        choices = await self._offer(find_source(typed, verbs), str(typed.values.get(typed.focused) or ""))
        await self._respond(client, act, _CHOICES, {"choices": choices})

    async def _offer(self, source: str, typed: str) -> list[Json]:
        """What fits, remembered for a moment: people type faster than the store is asked."""
        at, known = self._offers.get((source, typed), (-_REMEMBERED, []))
        if time.monotonic() - at < _REMEMBERED:
            return known
        found = await self._street.suggest(Place("discord", ""), source, typed) if source else []
        made: list[Json] = [
            {"name": shorten(f"{value} · {about}" if about else value, 100), "value": value[:100]}
            for value, about in found[:25]
        ]
        if len(self._offers) > 500:
            self._offers.clear()
        self._offers[source, typed] = time.monotonic(), made
        return made

    async def _hand_in(
        self,
        client: discord.Client,
        act: discord.Interaction,
        text: str,
        how: How,
        *,
        words: str = "",
        arguments: Json | None = None,
        files: Sequence[Given] = (),
    ) -> None:
        """Stored, then acknowledged, then answered: who answers sooner waits for that."""
        spot = await self._find_spot(client, act.channel)
        is_direct = act.guild_id is None
        made = self._write(f"act:{act.id}", spot, act.user, text, how, is_direct=is_direct, act=str(act.id))
        await self._street.hear(replace(made, words=words, arguments=arguments, files=files))
        own = act.message is None
        await self._respond(client, act, _THINKING if own else _QUIETLY, {"flags": EPHEMERAL} if own else None)
        await keep_act(self.notebook, make_act(str(act.id), str(act.application_id), act.token, own=own))

    # ---------------------------------------------------------------------------------------------------- in detail

    def _write(
        self, key: str, spot: Spot, user: discord.abc.User, text: str, how: How, *, is_direct: bool, act: str = ""
    ) -> Message:
        id = str(user.id)
        private = replace(spot, user=id, act=act)
        facts = {*_list_roles(user), *(["bot"] if user.bot else []), *(["direct"] if is_direct else [])}
        return Message(
            key=key,
            place=Place("discord", str(spot)),
            private=Place("discord", str(private)),
            identity=f"discord:{id}",
            name=user.display_name,
            text=text,
            how=how,
            facts=sorted(facts),
        )

    async def _find_spot(self, client: discord.Client, channel: Any, patience: float = 0.0) -> Spot:
        """The channel, or the thread of the agent below whose card it is. A card is written down after it was drawn:
        who answers it at once is waited for, so many seconds at most."""
        if isinstance(channel, discord.PartialMessageable):
            channel = await self._fetch_channel(client, channel.id)
        if not isinstance(channel, discord.Thread):
            return Spot(str(channel.id))
        parent, end = str(channel.parent_id), time.monotonic() + patience
        is_ours = client.user is not None and channel.owner_id == client.user.id
        where, reference = Place("discord", parent), f"{parent}/{channel.id}"
        while not (subject := await self._anchors.find_subject(where, reference)):
            if not is_ours or time.monotonic() >= end:
                break
            await asyncio.sleep(0.1)
        kind, _, agent = subject.partition(":")
        return Spot(parent, agent) if kind == "agent" else Spot(str(channel.id))

    async def _fetch_channel(self, client: discord.Client, id: int) -> Any:
        try:
            async with asyncio.timeout(SECONDS):
                return await client.fetch_channel(id)
        except (discord.HTTPException, discord.RateLimited, TimeoutError, OSError) as error:
            raise TemporaryFailure("Discord does not say which channel it is.") from error

    async def _fetch_files(self, client: discord.Client, data: Json, ids: Iterable[str]) -> list[Given]:
        known = (data.get("resolved") or {}).get("attachments") or {}
        found = [known[id] for id in ids if id in known]
        files = [await _fetch(client, item["url"], item["filename"], int(item.get("size") or 0)) for item in found]
        return [file for file in files if file]

    async def _show(self, client: discord.Client, act: discord.Interaction, components: list[Any]) -> None:
        body = {"flags": V2 | EPHEMERAL, "components": components, "allowed_mentions": NOBODY}
        await self._respond(client, act, _MESSAGE, body)

    async def _respond(self, client: discord.Client, act: discord.Interaction, kind: int, data: Any) -> None:
        """The first answer, due within 3 s. When Discord does not take it any more, what was done stays done."""
        path = "/interactions/{interaction_id}/{interaction_token}/callback"
        route = Route("POST", path, interaction_id=act.id, interaction_token=act.token)
        body = {"type": kind} | ({"data": data} if data is not None else {})
        try:
            async with asyncio.timeout(SECONDS):
                await client.http.request(route, json=body)
        except (discord.HTTPException, discord.RateLimited, TimeoutError, OSError) as error:
            log.warning("Discord took no answer in time", kind=str(act.type), reason=str(error)[:200])


def _list_roles(user: discord.abc.User) -> list[str]:
    roles = [role.id for role in user.roles] if isinstance(user, discord.Member) else []
    return [f"group:{role}" for role in roles]


def _read_id(data: Json) -> tuple[str, str]:
    """What a component or form is, and the id of what it stands for."""
    kind, id, *_ = f"{data.get('custom_id') or ''}::".split(":")
    return kind, id


async def _fetch(client: discord.Client, url: str, name: str, size: int) -> Given | None:
    """A file that came along; the log says which was not taken. Raises TemporaryFailure when it is not handed over."""
    if size > LARGEST_FILE:
        log.warning("a file was not taken", name=name[:80], size=size)
        return None
    try:
        async with asyncio.timeout(SECONDS):
            return Given(clean_name(name), await client.http.get_from_cdn(url))
    except (discord.HTTPException, TimeoutError, OSError) as error:
        raise TemporaryFailure("Discord does not hand over a file.") from error
