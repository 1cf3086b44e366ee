"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from core.store import Bells

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class _Waiter:
    def __init__(self, bells: Bells, topic: str, heard: int, until: datetime) -> None:
        self.bells, self.topic, self.heard, self.until = bells, topic, heard, until
        self.due = asyncio.get_running_loop().create_future()

    def is_parked(self) -> bool:
        return not self.due.done() and self.bells.listen(self.topic) == self.heard


class FakeClock:
    """Waits end when the bell rings or `advance` passes their time. `settle` returns when all wait."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._waiters: list[_Waiter] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        return self._now

    async def wait(self, bells: Bells, topic: str, heard: int, until: datetime) -> bool:
        waiter = _Waiter(bells, topic, heard, until)
        if until <= self._now:
            await asyncio.sleep(0)
            return bells.listen(topic) != heard
        self._waiters.append(waiter)
        await self._tell()
        rang = asyncio.ensure_future(bells.wait(topic, heard, 3600.0))
        try:
            await asyncio.wait({rang, waiter.due}, return_when=asyncio.FIRST_COMPLETED)
            return rang.done()
        finally:
            rang.cancel()
            self._waiters.remove(waiter)

    def advance(self, seconds: float) -> datetime:
        """Move the time, backwards too."""
        self._now += timedelta(seconds=seconds)
        for waiter in self._waiters:
            if waiter.until <= self._now and not waiter.due.done():
                waiter.due.set_result(None)
        return self._now

    async def settle(self, parked: int, also: Callable[[], bool] = lambda: True, timeout: float = 20.0) -> None:
        """Wait until so many wait for a bell that has not rung or a time to come, and `also` holds."""

        def is_settled() -> bool:
            return sum(waiter.is_parked() for waiter in self._waiters) >= parked and also()

        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(is_settled)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
