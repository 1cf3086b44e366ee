"""What everything on its way out shares: where it may go, how fast, and the one try around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import Held, PermanentFailure, TemporaryFailure
from core.interfaces import Chat, Pace
from core.messages import Card, Place
from core.model import Delivery
from core.pace import Gate
from core.store import Database, Transaction

log = structlog.get_logger(__name__)

SEND_LIMIT = 30.0
FIND_LIMIT = 10.0
# Longer than a look-up and a send together: until then nobody else takes what a courier holds.
LEASE = timedelta(seconds=45)
UNREACHABLE = "no chat named"
# What is held says so, and is due again as soon as settings were read again.
HELD = "held: "
_MOST_STUMBLES = 20
_LONGEST_ERROR = 500

Draw = Callable[[Transaction, str], Awaitable[Card | None]]
OnFailure = Callable[[Transaction, Delivery, str], Awaitable[None]]
Stage = Callable[[], Awaitable[None]]


class UnreachableError(Held):
    """The chat is not enabled in this process; it does not count as an attempt."""


class Job(Protocol):
    """One thing on its way out: a list of stages, and what to write down when one fails."""

    @property
    def id(self) -> str: ...

    @property
    def attempts(self) -> int: ...

    @property
    def stages(self) -> Sequence[Stage]: ...

    async def put_off(self, failure: TemporaryFailure) -> None: ...

    async def give_up(self, reason: str) -> None: ...


class Line(Protocol):
    """A queue of jobs in the store. `topic` is its bell, `room` how many of it may be on their way at once, `gather`
    the seconds for which what follows a bell is taken together."""

    @property
    def topic(self) -> str: ...

    @property
    def room(self) -> int: ...

    @property
    def gather(self) -> float: ...

    async def claim(self, tx: Transaction, room: int, ids: set[str]) -> Sequence[Job]:
        """Take up to `room` jobs that are due, but none of `ids`, so that nobody else takes them."""
        ...

    async def find_next(self, tx: Transaction) -> datetime | None:
        """When something that is not due yet will be."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The surroundings of a job."""

    database: Database
    clock: Clock
    chats: Mapping[str, Chat]
    paces: Mapping[str, Pace]
    redact: Callable[[str], str]
    draw: Draw
    on_failure: OnFailure | None
    holder: str
    gate: Gate = field(default_factory=Gate)
    sealed: Mapping[str, bool] = field(default_factory=dict)

    def pace_of(self, place: str) -> Pace:
        """The pace of a place's chat."""
        return self.paces.get(place.partition(":")[0], Pace())

    def is_sealed(self, place: Place) -> bool:
        """Whether buttons there carry ids of stored actions."""
        return self.sealed.get(place.chat, False)

    def gap_of(self, place: str) -> timedelta:
        """The least time between two posts in a place."""
        rate = self.pace_of(place).posts_per_second
        return timedelta(seconds=1 / rate) if rate > 0 else timedelta()

    def find_chat(self, place: Place) -> Chat:
        """The chat of a place. Raises UnreachableError."""
        if place.chat not in self.chats:
            raise UnreachableError(f"{UNREACHABLE} {place.chat} is enabled.", retry_after=300)
        return self.chats[place.chat]

    def describe(self, error: Exception) -> str:
        """An error as it may be stored and shown."""
        mark = HELD if isinstance(error, Held) else ""
        return mark + self.redact(str(error) or type(error).__name__)[:_LONGEST_ERROR]

    async def look_up(self, place: Place, key: str) -> str:
        """The reference of what an earlier attempt may have left in a place, "" if nothing is known of it."""
        try:
            return await limit_time(self.find_chat(place).find(place, key), FIND_LIMIT, place)
        except PermanentFailure as failure:
            log.warning("cannot look up what was sent", place=str(place), key=key, reason=self.describe(failure))
            return ""


async def limit_time(call: Awaitable[str], seconds: float, place: Place) -> str:
    """The call's answer. Raises TemporaryFailure when it does not come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise TemporaryFailure(f"{place.chat} did not answer within {seconds:.0f} s.") from error


async def run_stages(job: Job) -> None:
    """Run a job. One of the three places that catch everything: what leaves must not stop for a bug of one chat."""
    try:
        for stage in job.stages:
            await stage()
    except PermanentFailure as failure:
        ending = job.give_up(str(failure))
    except TemporaryFailure as failure:
        ending = job.put_off(failure)
    except Exception as error:
        log.exception("a delivery stumbled", job=job.id, attempts=job.attempts)
        reason = f"{type(error).__name__}: {error}"
        spent = job.attempts >= _MOST_STUMBLES
        ending = job.give_up(reason) if spent else job.put_off(TemporaryFailure(reason))
    else:
        return
    await _write_down(job, ending)


async def _write_down(job: Job, ending: Awaitable[None]) -> None:
    # What cannot be written down stays claimed, and is looked at again when the claim ends.
    with contextlib.suppress(TemporaryFailure):
        await ending
        return
    log.error("cannot record how a delivery went", job=job.id)
