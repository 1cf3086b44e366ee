"""How much is handled at once. What finds no place in time is refused while it can still be said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import TemporaryFailure

AT_ONCE = 32
WAITING = 2_000
SECONDS = 2.0


class FullError(TemporaryFailure):
    """There was no place: nothing was begun."""


class Room:
    """At most so many at once, and so many that wait for so many seconds: Slack waits for 3."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, seconds: float = SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._most, self._seconds = waiting, seconds
        self.waiting = 0
        self.refused = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Have a place while the context lasts. Raises FullError."""
        await self._wait()
        try:
            yield
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if self.waiting >= self._most:
            self.refused += 1
            raise FullError("Too much comes in at once.", retry_after=5)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError as error:
            self.refused += 1
            raise FullError("Too much comes in at once.", retry_after=5) from error
        finally:
            self.waiting -= 1
