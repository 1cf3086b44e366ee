"""How many calls are worked on at once, so that those that come in meanwhile are stored in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 2
# Some calls take minutes. After so many seconds the next one may begin beside them.
SECONDS = 1.0


class Turns:
    """So many begin at once; the others wait for their turn, in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Have a turn; who takes long does not keep it."""
        await self._places.acquire()
        is_over = False

        def give() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._places.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, give)
        try:
            yield
        finally:
            timer.cancel()
            give()
