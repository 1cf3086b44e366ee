"""Discord as a chat: what the bot has to say there, and its living cards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Setup
from core.messages import Card, Place, Reply, Tone
from integrations.discord.acts import Act, find_act, is_young, keep_act
from integrations.discord.layout import Drawn, draw_card, draw_reply, mark_message
from integrations.discord.places import Spot, split_reference
from integrations.discord.settings import DiscordSettings
from integrations.discord.web import (
    ARCHIVED,
    CLOSED_DIRECT,
    EPHEMERAL,
    GONE,
    HAS_THREAD,
    NOBODY,
    QUIET,
    V2,
    Json,
    open_web,
    read_code,
)

_REMEMBERED = 2_000
_LOOKED_THROUGH = 100
_LOUD = (Tone.ASKING, Tone.BAD)


class DiscordChat:
    """A Chat. Whoever is alone to see something sees it as the answer to what they did, as long as Discord takes
    that; afterwards in a direct message."""

    def __init__(self, setup: Setup) -> None:
        self._settings: DiscordSettings = setup.settings
        self._anchors = setup.anchors
        self._notebook = setup.notebook
        self._web = open_web(setup)
        self._sent: dict[str, str] = {}
        self._direct: dict[str, str] = {}
        self._threads: set[str] = set()

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._web.aclose()

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Say something, with its files. Raises TemporaryFailure and PermanentFailure."""
        if known := self._sent.get(key):
            return known
        is_loud = reply.data.get("tone") in [tone.value for tone in _LOUD]
        drawn = draw_reply(reply, key, self._settings.command)
        return self._remember(key, await self._say(Spot.read(place.address), drawn, key, is_loud=is_loud))

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Draw a card anew, or in its place. Raises as `post` does."""
        reference = reference or self._sent.get(key, "")
        drawn = draw_card(card, key)
        if reference and await self._edit(reference, drawn):
            return reference
        spot = Spot.read(place.address)
        return self._remember(key, await self._say(spot, drawn, key, is_loud=card.tone in _LOUD))

    async def find(self, place: Place, key: str) -> str:
        """The message with this key among the newest of a place; "" when there is none, or only one person saw it."""
        spot = Spot.read(place.address)
        if spot.user and spot.channel:
            return ""
        channel = await self._open(spot)
        found = await self._web.call(
            "GET", f"/channels/{{channel_id}}/messages?limit={_LOOKED_THROUGH}", channel_id=channel
        )
        mark = mark_message(key)
        for message in found:
            first: Json = next(iter(message.get("components") or ()), {})
            if first.get("id") == mark and str(message["author"]["id"]) == self._web.app:
                return f"{channel}/{message['id']}"
        return ""

    def _remember(self, key: str, reference: str) -> str:
        self._sent[key] = reference
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return reference

    async def _edit(self, reference: str, drawn: Drawn) -> bool:
        """False when the message is gone."""
        channel, message = split_reference(reference)
        path = "/channels/{channel_id}/messages/{message_id}"
        body = {"flags": V2, "components": drawn.components, "allowed_mentions": NOBODY}
        try:
            await self._web.call("PATCH", path, body, channel_id=channel, message_id=message)
        except PermanentFailure as failure:
            if read_code(failure) in GONE:
                return False
            if read_code(failure) != ARCHIVED:
                raise
            await self._unarchive(channel)
            return await self._edit(reference, drawn)
        return True

    async def _say(self, spot: Spot, drawn: Drawn, key: str, *, is_loud: bool) -> str:
        if spot.channel and spot.user:
            return await self._whisper(spot, drawn, key)
        channel = await self._open(spot)
        flags = V2 | (0 if is_loud else QUIET)
        nonce = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:25]
        body = _write_body(drawn, flags) | {"nonce": nonce, "enforce_nonce": True}
        try:
            said = await self._post(channel, body, drawn)
        except PermanentFailure as failure:
            if read_code(failure) != ARCHIVED:
                raise
            await self._unarchive(channel)
            said = await self._post(channel, body, drawn)
        return f"{channel}/{said['id']}"

    async def _post(self, channel: str, body: Json, drawn: Drawn) -> Mapping[str, Any]:
        path = "/channels/{channel_id}/messages"
        said: Mapping[str, Any] = await self._web.call("POST", path, body, drawn.files, channel_id=channel)
        return said

    async def _open(self, spot: Spot) -> str:
        """The channel, thread or direct messages where it is said."""
        if not spot.channel:
            return await self._open_direct(spot.user)
        return await self._open_thread(spot) if spot.agent else spot.channel

    async def _open_thread(self, spot: Spot) -> str:
        """The thread below an agent's card: it has the id of the card's message."""
        reference = await self._anchors.find_reference(Place("discord", spot.channel), f"agent:{spot.agent}")
        if not reference:
            raise TemporaryFailure(f"The card of {spot.agent} is not there yet.", retry_after=1)
        channel, message = split_reference(reference)
        if message not in self._threads:
            if reference in self._sent.values() or not await self._is_there(message):
                await self._begin_thread(channel, message, spot.agent)
            self._threads.add(message)
        return message

    async def _is_there(self, thread: str) -> bool:
        """Whether an earlier run of the bot began it."""
        try:
            await self._web.call("GET", "/channels/{channel_id}", channel_id=thread)
        except PermanentFailure as failure:
            if read_code(failure) in GONE:
                return False
            raise
        return True

    async def _begin_thread(self, channel: str, message: str, name: str) -> None:
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        body = {"name": name[:100], "auto_archive_duration": 1440}
        try:
            await self._web.call("POST", path, body, channel_id=channel, message_id=message)
        except PermanentFailure as failure:
            if read_code(failure) != HAS_THREAD:
                raise

    async def _unarchive(self, thread: str) -> None:
        await self._web.call("PATCH", "/channels/{channel_id}", {"archived": False}, channel_id=thread)

    async def _open_direct(self, user: str) -> str:
        if user not in self._direct:
            opened = await self._web.call("POST", "/users/@me/channels", {"recipient_id": user})
            self._direct[user] = str(opened["id"])
        return self._direct[user]

    async def _whisper(self, spot: Spot, drawn: Drawn, key: str) -> str:
        """To one person alone: as an answer, else directly. Whoever said something in words is answered in words,
        there; so is who takes no direct messages."""
        if not spot.act:
            return await self._say(Spot(spot.channel, spot.agent), drawn, key, is_loud=True)
        act = await find_act(self._notebook, spot.act)
        if act is None and is_young(spot.act):
            raise TemporaryFailure("What they did is not acknowledged yet.", retry_after=0.5)
        if act and (said := await self._answer(act, drawn)):
            return f"{spot.channel}/{said}"
        try:
            return await self._say(Spot("", "", spot.user), drawn, key, is_loud=True)
        except PermanentFailure as failure:
            if read_code(failure) != CLOSED_DIRECT:
                raise
        return await self._say(Spot(spot.channel, spot.agent), drawn, key, is_loud=True)

    async def _answer(self, act: Act, drawn: Drawn) -> str:
        """The message's id; "" when Discord takes no answer any more."""
        body, names = _write_body(drawn, V2 | EPHEMERAL), {"webhook_id": act.app, "webhook_token": act.token}
        path = "/webhooks/{webhook_id}/{webhook_token}"
        try:
            if act.own:
                said = await self._web.call("PATCH", f"{path}/messages/@original", body, drawn.files, **names)
                await keep_act(self._notebook, Act(act.id, act.app, act.token, False, act.until))
            else:
                said = await self._web.call("POST", f"{path}?wait=true", body, drawn.files, **names)
        except PermanentFailure as failure:
            if read_code(failure) in GONE:
                return ""
            raise
        return str(said["id"])


def _write_body(drawn: Drawn, flags: int) -> Json:
    body: Json = {"flags": flags, "components": drawn.components, "allowed_mentions": NOBODY}
    if drawn.files:
        body["attachments"] = [{"id": number} for number in range(len(drawn.files))]
    return body
