"""Promises for a time: one due table and one loop. Everything that waits, waits here and survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from core.errors import TemporaryFailure
from core.model import Timer
from core.store import Database, Transaction, remove, upsert
from core.store.spine import delay_timer, find_next_timer, list_unheard_topics, take_due_timer

log = structlog.get_logger(__name__)

Handler = Callable[[Transaction, Timer, datetime], Awaitable[None]]

BELL = "timers"
LOOK_AGAIN = timedelta(seconds=30)
BACKOFF = (30, 60, 300)
HANDLER_LIMIT = 30.0
_TROUBLE = timedelta(seconds=5)


async def set_timer(tx: Transaction, timer: Timer) -> None:
    """Promise something for a time; a timer with the same key is moved."""
    await upsert(tx, timer, "key")
    tx.ring(BELL)


async def cancel_timer(tx: Transaction, key: str) -> bool:
    """Take a promise back; False when there is none, because it was never set or was kept already."""
    return await remove(tx, Timer, key=key) == 1


class Timers:
    """Fires what is due, in order, each in a transaction of its own that also deletes it: once, whoever dies when."""

    def __init__(self, database: Database, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._failures: dict[str, int] = {}
        self._unheard: set[str] = set()

    async def run(self) -> None:
        """Fire for ever. A database that cannot be used now is tried again."""
        bells = self._database.bells
        while True:
            heard = bells.listen(BELL)
            try:
                until = await self._fire_due()
            except TemporaryFailure as failure:
                log.warning("timers wait for the database", reason=str(failure))
                until = self._clock.now() + _TROUBLE
            await self._clock.wait(bells, BELL, heard, until)

    async def _fire_due(self) -> datetime:
        while await self._fire_next():
            pass
        now = self._clock.now()
        async with self._database.reading() as tx:
            self._tell_unheard(await list_unheard_topics(tx, now, self._handlers))
            due = await find_next_timer(tx, self._handlers)
        return min(due or now + LOOK_AGAIN, now + LOOK_AGAIN)

    async def _fire_next(self) -> bool:
        taken: list[Timer] = []
        # A handler's failure is looked at, not caught: it concerns this timer alone.
        (outcome,) = await asyncio.gather(self._fire(taken), return_exceptions=True)
        if not isinstance(outcome, BaseException):
            return outcome
        if not taken or not isinstance(outcome, Exception):
            raise outcome
        await self._put_off(taken[0], outcome)
        return True

    async def _fire(self, taken: list[Timer]) -> bool:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            timer = await take_due_timer(tx, now, self._handlers)
            if timer is None:
                return False
            taken.append(timer)
            async with asyncio.timeout(HANDLER_LIMIT):
                await self._handlers[timer.topic](tx, timer, now)
        self._failures.pop(timer.key, None)
        return True

    async def _put_off(self, timer: Timer, error: Exception) -> None:
        failures = self._failures.get(timer.key, 0)
        self._failures[timer.key] = failures + 1
        seconds = BACKOFF[min(failures, len(BACKOFF) - 1)]
        log.error("a timer failed", key=timer.key, topic=timer.topic, again_in=seconds, exc_info=error)
        async with self._database.transaction() as tx:
            await delay_timer(tx, timer, self._clock.now() + timedelta(seconds=seconds))

    def _tell_unheard(self, topics: list[str]) -> None:
        for topic in set(topics) - self._unheard:
            log.warning("nobody hears this timer; it is kept", topic=topic)
        self._unheard = set(topics)
