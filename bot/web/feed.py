"""The live stream of events: read once from the store, encoded once, handed to every reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

from bot.commands.events import write_event
from core.errors import TemporaryFailure
from core.events import Event
from core.store import Database, last_seq, list_events

_GAP = 0.04
_LOOK_AGAIN = 2.0
_BEAT = 15.0
_MOST_WAITING = 5_000
_BATCH = 1_000


@dataclass(eq=False, slots=True)
class Reader:
    """One open stream. `lost`: it was too slow, and has to come back with the last id it saw."""

    kinds: Sequence[str]
    agent: str
    waiting: list[tuple[int, bytes]] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def wants(self, event: Event) -> bool:
        """Whether the event fits what the reader asked for."""
        if self.agent and event.agent != self.agent:
            return False
        return not self.kinds or any(_fits(kind, event.kind) for kind in self.kinds)


def _fits(wanted: str, kind: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith(".*") else kind == wanted


class Feed:
    """Follows the sequence of events for all readers of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: set[Reader] = set()
        self._closing = False

    async def run(self) -> None:
        """Hand new events to readers until cancelled."""
        bells = self._database.bells
        async with self._database.reading() as tx:
            seen = await last_seq(tx)
        while True:
            heard = bells.listen("events")
            events: Sequence[Event] = ()
            with contextlib.suppress(TemporaryFailure):
                async with self._database.reading() as tx:
                    events = await list_events(tx, after=seen, limit=_BATCH)
            if events:
                seen = events[-1].seq
                self._spread(events)
            if len(events) < _BATCH:
                await bells.wait("events", heard, _LOOK_AGAIN)
                await asyncio.sleep(_GAP)

    def close(self) -> None:
        """End all streams."""
        self._closing = True
        for reader in self._readers:
            reader.wake.set()

    def _spread(self, events: Sequence[Event]) -> None:
        coded = [(event, encode_event(event)) for event in events]
        for reader in self._readers:
            fresh = [(event.seq, code) for event, code in coded if reader.wants(event)]
            if len(reader.waiting) + len(fresh) > _MOST_WAITING:
                reader.lost = True
            elif fresh:
                reader.waiting.extend(fresh)
            if fresh:
                reader.wake.set()

    async def follow(self, after: int, kinds: Sequence[str], agent: str) -> AsyncGenerator[bytes]:
        """Server-sent events beyond `after`, without a gap or a double, with a beat every 15 s of silence."""
        reader = Reader(kinds, agent)
        self._readers.add(reader)
        try:
            yield b"retry: 1000\n\n"
            async for seq, code in self._catch_up(reader, after):
                after = seq
                yield code
            while not self._closing and not reader.lost:
                fresh, reader.waiting = reader.waiting, []
                reader.wake.clear()
                if chunk := b"".join(code for seq, code in fresh if seq > after):
                    after = max(after, fresh[-1][0])
                    yield chunk
                if not await self._await_more(reader):
                    yield b": beat\n\n"
        finally:
            self._readers.discard(reader)

    async def _catch_up(self, reader: Reader, after: int) -> AsyncIterator[tuple[int, bytes]]:
        events: Sequence[Event] = ()
        while not self._closing and (not events or len(events) == _BATCH):
            async with self._database.reading() as tx:
                events = await list_events(tx, after=after, kinds=reader.kinds, agent=reader.agent, limit=_BATCH)
            if not events:
                return
            after = events[-1].seq
            # What is read here came in on the other way too: it does not count against the reader.
            reader.waiting = [(seq, code) for seq, code in reader.waiting if seq > after]
            yield after, b"".join(encode_event(event) for event in events)

    async def _await_more(self, reader: Reader) -> bool:
        try:
            async with asyncio.timeout(_BEAT):
                await reader.wake.wait()
        except TimeoutError:
            return False
        return True


def encode_event(event: Event) -> bytes:
    """One server-sent event; its id is the place in the sequence."""
    # All ASCII: many clients end a line at U+2028 and the like, and half a surrogate pair has no encoding at all.
    body = json.dumps(write_event(event), separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {body}\n\n".encode()
