"""Words that Slack never delivered: looked for in what it keeps, and handed in as if they had come, once each.

Slack repeats an event three times within five minutes and never again, and was once silent for hours. What is found is
known by the same key as its event, so whichever comes second changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError

from core.errors import Held, PermanentFailure, TemporaryFailure
from core.interfaces import Setup
from integrations.slack.budget import Budget
from integrations.slack.ear import Ear, name_words
from integrations.slack.places import split_reference
from integrations.slack.web import call

log = structlog.get_logger()
AGAIN = 300.0
# Connections are renewed by the dozen in bad times: seconds between two looks at least.
LEAST_GAP = 10.0
# Slack's clock and ours differ, and a message may show up late: so far back a look begins before the last one.
OVERLAP = 300.0
# What is older is not even told of. The store remembers for longer what was done.
OLDEST = 6 * 86_400.0
MOST_THREADS = 100
MOST_PLACES = 60
MOST_PAGES = 10
CALLS_A_MINUTE = 30
NOTE = "looked through"
_PAGE = 100
_TYPES = "public_channel,private_channel,im"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """A channel, or a thread in it below the message `ts`."""

    channel: str
    ts: str = ""
    is_direct: bool = False

    @property
    def name(self) -> str:
        return f"{self.channel}/{self.ts}" if self.ts else self.channel


@dataclass(slots=True)
class Note:
    """Up to when each place was looked through, and all of them: seconds since 1970."""

    since: float
    places: dict[str, float] = field(default_factory=dict)

    def find_start(self, spot: Spot, now: float) -> float:
        """From when on to look."""
        first = float(spot.ts) if spot.ts else self.since
        known = self.places.get(spot.name, first)
        return max(known - OVERLAP, now - OLDEST)


class History:
    """Looks through channels that the bot is in, and threads of its agents: when `look` is set, and now and then."""

    def __init__(self, ear: Ear, setup: Setup) -> None:
        self.look = asyncio.Event()
        self._ear = ear
        self._notebook = setup.notebook
        self._anchors = setup.anchors
        self._budget = Budget(CALLS_A_MINUTE, 0)

    async def run(self) -> None:
        """Look again and again, until cancelled. Raises Held."""
        await self.look.wait()
        while True:
            self.look.clear()
            try:
                await self.look_through()
            except Held:
                raise
            except (TemporaryFailure, PermanentFailure) as failure:
                log.warning("what Slack did not deliver is looked for later", reason=str(failure))
            await asyncio.sleep(LEAST_GAP)
            try:
                async with asyncio.timeout(max(AGAIN - LEAST_GAP, 0.0)):
                    await self.look.wait()
            except TimeoutError:
                continue

    async def look_through(self) -> int:
        """One look; how much was handed in. Places that were not looked at for longest come first. Raises
        TemporaryFailure where what was found cannot be stored: the next look begins there again."""
        began = time.time()
        note = await self._read_note(began)
        spots = await self._list_spots()
        waiting = sorted(spots, key=lambda spot: note.places.get(spot.name, 0.0))
        found = 0
        try:
            for spot in waiting[:MOST_PLACES]:
                at = time.time()
                found += await self._look_into(spot, note.find_start(spot, at))
                note.places[spot.name] = at
        finally:
            known = {spot.name for spot in spots}
            note.places = {name: at for name, at in note.places.items() if name in known}
            note.since = began if len(waiting) <= MOST_PLACES else note.since
            await self._notebook.write(NOTE, json.dumps({"since": note.since, "places": note.places}))
        if found:
            log.info("found what Slack did not deliver", amount=found)
        return found

    async def _read_note(self, now: float) -> Note:
        """At the very first start nothing was missed yet."""
        written = json.loads(await self._notebook.read(NOTE) or "{}")
        return Note(float(written.get("since", now)), dict(written.get("places", {})))

    async def _list_spots(self) -> Sequence[Spot]:
        cards = await self._anchors.list_cards("slack", "agent:")
        threads = [Spot(*split_reference(reference)) for _, reference in cards]
        newest = sorted(threads, key=lambda spot: float(spot.ts), reverse=True)[:MOST_THREADS]
        return [*await self._list_channels(newest), *newest]

    async def _list_channels(self, threads: Sequence[Spot]) -> list[Spot]:
        """Those that the bot is in; without the scope for that, those where it has cards."""
        found: list[Spot] = []
        cursor = ""
        try:
            while True:
                await self._pace()
                said = await call(self._ear.client.users_conversations(types=_TYPES, limit=200, cursor=cursor))
                found += [Spot(str(one["id"]), "", bool(one.get("is_im"))) for one in said.get("channels", ())]
                cursor = str((said.get("response_metadata") or {}).get("next_cursor") or "")
                if not cursor:
                    return found
        except PermanentFailure as failure:
            log.warning("only channels with cards are looked through", reason=str(failure))
            return [Spot(name) for name in dict.fromkeys(spot.channel for spot in threads)]

    async def _look_into(self, spot: Spot, start: float) -> int:
        try:
            said = await self._read(spot, start)
        except PermanentFailure as failure:
            log.warning("a place in Slack cannot be looked through", place=spot.name, reason=str(failure))
            return 0
        return sum([await self._hand_in(spot, message) for message in said])

    async def _read(self, spot: Spot, start: float) -> list[Json]:
        """What was said there since then, oldest first."""
        found: list[Json] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            said = await self._read_page(spot, start, cursor)
            found += said.get("messages", ())
            cursor = str((said.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        else:
            log.warning("more was said than is looked through", place=spot.name, messages=len(found))
        return sorted(found, key=lambda message: float(message.get("ts", 0)))

    async def _read_page(self, spot: Spot, start: float, cursor: str) -> Json:
        """One page. Whoever is to wait waits: some apps may ask once a minute only."""
        asked: dict[str, Any] = {"channel": spot.channel, "oldest": f"{start:.6f}", "limit": _PAGE, "cursor": cursor}
        client = self._ear.client
        while True:
            await self._pace()
            ask = (
                client.conversations_replies(ts=spot.ts, **asked) if spot.ts else client.conversations_history(**asked)
            )
            try:
                return await call(ask)
            except TemporaryFailure as failure:
                if not isinstance(failure.__cause__, SlackApiError) or failure.retry_after is None:
                    raise
                await asyncio.sleep(min(failure.retry_after, 120.0))

    async def _pace(self) -> None:
        """Wait for a place among the calls of this minute."""
        wait = self._budget.take(time.monotonic(), urgent=True)
        while wait:
            await asyncio.sleep(wait)
            wait = self._budget.take(time.monotonic(), urgent=True)

    async def _hand_in(self, spot: Spot, message: Json) -> bool:
        """Whether it was handed in now: what came as an event before is not."""
        event = {**message, "channel": spot.channel, "channel_type": "im" if spot.is_direct else "channel"}
        if not message.get("ts") or message["ts"] == spot.ts or name_words(event) in self._ear.heard:
            return False
        at = datetime.fromtimestamp(float(message["ts"]), UTC)
        is_mention = f"<@{self._ear.bot}" in str(message.get("text", "")) and not spot.is_direct
        if not (is_mention or spot.ts or spot.is_direct):
            return False
        try:
            await (self._ear.hear_mention(event, at) if is_mention else self._ear.hear_message(event, at))
        except PermanentFailure as failure:
            log.warning("what was found is not taken", place=spot.name, reason=str(failure))
        return name_words(event) in self._ear.heard
