"""What changes on open pages: drawn once, handed to all who look at the same. Each message says what an element is
now, so that one heard twice changes nothing and one that is missed is made good by the next."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import structlog
from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from bot.house import House
from bot.web.access import end_with_right, is_caller_admitted
from bot.web.door import is_admitted
from bot.web.pages.visitor import Guest
from core.errors import TemporaryFailure
from core.store.database import Bells

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
_GAP = 0.03
_LOOK_AGAIN = 1.0
_BEAT = 15.0
_MOST_WAITING = 1_000


@dataclass(frozen=True, slots=True)
class Patch:
    """What an element is now: `html` with this id; "" when it is gone. A new one goes `into` another, at the end, or
    at its `top`; "" for nowhere. With a `person` it is for that one alone."""

    id: str
    html: str
    into: str = ""
    top: bool = False
    person: str = ""

    def write(self) -> dict[str, Any]:
        """As the script reads it."""
        return {"id": self.id, "html": self.html, "into": self.into, "top": self.top}


@dataclass(frozen=True, slots=True)
class Change:
    """What is new beyond a cursor, and the next cursor. `facts` are values that the script shows: counts, a title."""

    cursor: str
    patches: Sequence[Patch] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.patches or self.facts)

    @property
    def persons(self) -> frozenset[str]:
        """Who alone is told some of it."""
        return frozenset(patch.person for patch in self.patches) - {""}

    def encode(self, person: str = "") -> bytes:
        """One server-sent event for a person, with what is for everybody; its id is where to go on."""
        shown = [patch.write() for patch in self.patches if patch.person in ("", person)]
        body = {"patches": shown, "facts": dict(self.facts)}
        # All ASCII: half a surrogate pair has no encoding at all.
        return f"id: {self.cursor}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


class Source(Protocol):
    """What a page shows. `topics` are bells that ring when it may have changed."""

    @property
    def topics(self) -> Sequence[str]: ...

    async def read(self, cursor: str) -> Change:
        """Everything that is new beyond the cursor, as it is now; "" is the newest, of which nothing is new. A cursor
        that makes no sense is like "0". Raises TemporaryFailure."""
        ...


@dataclass(eq=False, slots=True)
class Watcher:
    """One open page. `lost`: it reads too slowly, and has to come back."""

    person: str = ""
    waiting: list[bytes] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def hand(self, chunk: bytes) -> None:
        """One more message."""
        self.waiting.append(chunk)
        self.lost = len(self.waiting) > _MOST_WAITING
        self.wake.set()


class Channel:
    """All who look at the same. It reads while somebody does."""

    def __init__(self, source: Source, bells: Bells) -> None:
        self.watchers: set[Watcher] = set()
        self._source = source
        self._bells = bells
        self._running: asyncio.Task[None] | None = None

    async def follow(self, cursor: str, person: str = "") -> AsyncGenerator[bytes]:
        """Server-sent events beyond the cursor, and a beat every 15 s of silence."""
        watcher = Watcher(person)
        self.watchers.add(watcher)
        try:
            await self._begin()
            yield b"retry: 1000\n\n"
            yield (await self._source.read(cursor)).encode(person)
            while not watcher.lost and self._running:
                chunk, watcher.waiting = b"".join(watcher.waiting), []
                watcher.wake.clear()
                if chunk:
                    yield chunk
                if not await _await_bell(watcher.wake):
                    yield b": beat\n\n"
        finally:
            self.watchers.discard(watcher)
            if not self.watchers:
                self.close()

    def close(self) -> None:
        """End all its streams."""
        if self._running:
            self._running.cancel()
        self._running = None
        for watcher in self.watchers:
            watcher.wake.set()

    async def _begin(self) -> None:
        if self._running is None:
            # From before the first look on, so that nothing falls between the two.
            cursor = (await self._source.read("")).cursor
            self._running = self._running or asyncio.create_task(self._run(cursor))
            self._running.add_done_callback(self._notice_end)

    async def _run(self, cursor: str) -> None:
        while True:
            heard = {topic: self._bells.listen(topic) for topic in self._source.topics}
            with contextlib.suppress(TemporaryFailure):
                change = await self._source.read(cursor)
                cursor = change.cursor
                if change:
                    self._spread(change)
            await self._bells.wait_any(heard, _LOOK_AGAIN)
            await asyncio.sleep(_GAP)

    def _spread(self, change: Change) -> None:
        public = change.encode()
        own = {person: change.encode(person) for person in change.persons}
        for watcher in self.watchers:
            watcher.hand(own.get(watcher.person, public))

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        """Pages come back by themselves, and to a channel that begins anew."""
        if not task.cancelled() and (error := task.exception()):
            log.error("a live page broke", exc_info=error)
            self.close()


async def _await_bell(wake: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_BEAT):
            await wake.wait()
    except TimeoutError:
        return False
    return True


Make = Callable[[str], Source]


class Live:
    """The channels that somebody looks at, by name: `fleet`, `agents/web-12`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sources: dict[str, Make] = {}
        self._channels: dict[str, Channel] = {}

    def add(self, kind: str, make: Make) -> None:
        """Names that begin with the kind have a source of what follows it."""
        self._sources[kind] = make

    def find(self, name: str) -> Channel | None:
        """The channel of this name; None when there can be none."""
        kind, _, rest = name.partition("/")
        if name not in self._channels and kind in self._sources:
            self._drop_empty()
            self._channels[name] = Channel(self._sources[kind](rest), self._house.database.bells)
        return self._channels.get(name)

    def close(self) -> None:
        """End all streams."""
        for channel in self._channels.values():
            channel.close()

    def _drop_empty(self) -> None:
        self._channels = {name: channel for name, channel in self._channels.items() if channel.watchers}

    def list_watched(self) -> Iterable[str]:
        """Names of channels that somebody looks at."""
        return [name for name, channel in self._channels.items() if channel.watchers]


@router.get("/live/{name:path}")
async def stream_page(
    request: Request,
    visitor: Guest,
    name: str,
    after: Annotated[str, Query(max_length=100)] = "0",
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> StreamingResponse:
    """The changes of a page, beyond what it shows."""
    channel = request.app.state.live.find(name)
    if channel is None:
        raise HTTPException(404, "There is nothing live of this name.")
    stream = channel.follow(after if last is None else last, visitor.actor.person)
    return StreamingResponse(
        end_with_visit(request, stream, visitor.actor.person),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


def end_with_visit(request: Request, stream: AsyncGenerator[bytes], person: str) -> AsyncGenerator[bytes]:
    """The same stream, which ends as its reader may look no more."""
    may_look = is_caller_admitted if "authorization" in request.headers else is_admitted
    return end_with_right(request, stream, person, may_look)
