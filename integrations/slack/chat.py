"""Slack as a chat: what the bot has to say there, and its living cards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from slack_sdk.errors import SlackApiError

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Anchors
from core.messages import Attachment, Card, Place, Reply, Tone
from integrations.slack.blocks import Drawn, draw_card, draw_reply
from integrations.slack.budget import Budget
from integrations.slack.home import draw_home
from integrations.slack.line import Line
from integrations.slack.places import Spot, split_reference
from integrations.slack.settings import SlackSettings
from integrations.slack.streams import Streams
from integrations.slack.web import GONE, call, make_client, read_code

EVENT = "callboard"
_REMEMBERED = 2_000
_LOOKED_THROUGH = 100
_LONGEST_WAIT = 15.0
# Of 100 that Slack takes.
_PAGES_A_MINUTE = 95


class SlackChat:
    """A Chat. Whoever is alone to see something sees it ephemerally; files go to them directly then."""

    def __init__(self, settings: SlackSettings, anchors: Anchors, line: Line | None = None) -> None:
        self._settings = settings
        self._anchors = anchors
        self._client = make_client(settings, line)
        self._budget = Budget()
        self._pages = Budget(most=_PAGES_A_MINUTE, kept=0)
        self._sent: dict[str, str] = {}
        self._direct: dict[str, str] = {}
        self._streams = Streams(self._client)
        self._filed: set[str] = set()

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Say something; its files go first, so that whoever reads it finds them. Raises TemporaryFailure and
        PermanentFailure."""
        if known := self._sent.get(key):
            return known
        spot = Spot.read(place.address)
        drawn = draw_reply(reply, self._settings.command)
        if drawn.files:
            await self._upload(spot, drawn.files)
        return self._remember(key, await self._say(spot, drawn, key))

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Draw a card anew, or in its place. Raises as `post` does."""
        spot = Spot.read(place.address)
        if spot.home:
            return await self._publish(spot.user, card)
        drawn = draw_card(card)
        reference = reference or self._sent.get(key, "")
        if card.prose:
            return await self._draw_prose(spot, card, drawn, reference, key)
        if reference:
            await self._enter(urgent=card.tone in (Tone.ASKING, Tone.BAD))
            if await self._edit(reference, drawn):
                return reference
        return self._remember(key, await self._say(spot, drawn, key))

    async def _draw_prose(self, spot: Spot, card: Card, drawn: Drawn, reference: str, key: str) -> str:
        """The words of an agent: streamed where that can be, else edited; what was cut is a file once it is over."""
        if not reference and card.growing and not drawn.files and (thread := await self._find_thread(spot)):
            reference = await self._streams.start(spot.channel, thread, card.readers, drawn.prose)
            if reference:
                return self._remember(key, reference)
        is_over = not card.growing
        if reference and not await self._streams.go_on(reference, drawn.prose, _mark(key), is_over=is_over):
            await self._enter(urgent=False)
            reference = reference if await self._edit(reference, drawn) else ""
        if not reference:
            reference = self._remember(key, await self._say(spot, drawn, key))
            self._streams.pass_over(reference)
        if drawn.files and not card.growing and reference not in self._filed:
            await self._upload(spot, drawn.files)
            self._filed.add(reference)
        return reference

    async def find(self, place: Place, key: str) -> str:
        """The message with this key among the newest of a place; "" when there is none, or only one person saw it."""
        spot = Spot.read(place.address)
        if spot.user:
            return ""
        thread = await self._find_thread(spot)
        asked: dict[str, Any] = {"channel": spot.channel, "limit": _LOOKED_THROUGH, "include_all_metadata": True}
        if thread:
            found = await call(self._client.conversations_replies(ts=thread, **asked))
        else:
            found = await call(self._client.conversations_history(**asked))
        for message in found.get("messages", ()):
            if _read_key(message) == key:
                return f"{spot.channel}/{message['ts']}"
        return ""

    async def _publish(self, user: str, card: Card) -> str:
        """Show a page in somebody's home tab; its reference is that of the view."""
        if wait := self._pages.take(time.monotonic(), urgent=False):
            raise TemporaryFailure("Slack takes no more home tabs this minute.", retry_after=wait)
        view = draw_home(card, self._settings.command)
        said = await call(self._client.views_publish(user_id=user, view=view))
        return str((said.get("view") or {}).get("id") or f"~{user}")

    def _remember(self, key: str, reference: str) -> str:
        self._sent[key] = reference
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return reference

    async def _enter(self, *, urgent: bool) -> None:
        """Wait for a place among the edits of this minute."""
        waited = 0.0
        while wait := self._budget.take(time.monotonic(), urgent=urgent):
            if waited + wait > _LONGEST_WAIT:
                raise TemporaryFailure("Slack takes no more edits this minute.", retry_after=wait)
            waited += wait
            await asyncio.sleep(wait)

    async def _edit(self, reference: str, drawn: Drawn) -> bool:
        """False when the message is gone."""
        channel, ts = split_reference(reference)
        update = self._client.chat_update(channel=channel, ts=ts, text=drawn.text, blocks=drawn.blocks)
        try:
            await call(update)
        except PermanentFailure as failure:
            if isinstance(failure.__cause__, SlackApiError) and read_code(failure.__cause__) in GONE:
                return False
            raise
        return True

    async def _say(self, spot: Spot, drawn: Drawn, key: str) -> str:
        content: dict[str, Any] = {"text": drawn.text, "blocks": drawn.blocks}
        if thread := await self._find_thread(spot):
            content["thread_ts"] = thread
        if spot.channel and spot.user:
            said = await call(self._client.chat_postEphemeral(channel=spot.channel, user=spot.user, **content))
            return f"{spot.channel}/{said['message_ts']}"
        channel = spot.channel or await self._open_direct(spot.user)
        content |= {"metadata": _mark(key), "unfurl_links": False, "unfurl_media": False}
        said = await call(self._client.chat_postMessage(channel=channel, **content))
        return f"{channel}/{said['ts']}"

    async def _find_thread(self, spot: Spot) -> str:
        """The time stamp of the card below which it is said, "" outside threads."""
        if not spot.agent:
            return ""
        reference = await self._anchors.find_reference(Place("slack", spot.channel), f"agent:{spot.agent}")
        if not reference:
            raise TemporaryFailure(f"The card of {spot.agent} is not there yet.", retry_after=1)
        return split_reference(reference)[1]

    async def _open_direct(self, user: str) -> str:
        if user not in self._direct:
            opened = await call(self._client.conversations_open(users=user))
            self._direct[user] = str(opened["channel"]["id"])
        return self._direct[user]

    async def _upload(self, spot: Spot, files: list[Attachment]) -> None:
        where: dict[str, Any] = {"channel": spot.channel}
        if spot.user:
            where = {"channel": await self._open_direct(spot.user)}
        elif thread := await self._find_thread(spot):
            where["thread_ts"] = thread
        uploads = [{"filename": file.name, "content": file.text or " ", "title": file.name} for file in files]
        await call(self._client.files_upload_v2(file_uploads=uploads, **where))


def _mark(key: str) -> dict[str, Any]:
    return {"event_type": EVENT, "event_payload": {"key": key}}


def _read_key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", "")) if metadata.get("event_type") == EVENT else ""
