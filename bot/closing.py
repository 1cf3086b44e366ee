"""Parts that are let go of, those that take a moment for it too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_SECONDS = 5.0


class Closing:
    """Calls `close` of what has it, and runs `aclose` beside the loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, parts: Iterable[Any]) -> None:
        """Let go of them. Does not wait."""
        for part in parts:
            if close := getattr(part, "close", None):
                close()
            if aclose := getattr(part, "aclose", None):
                task = asyncio.create_task(_limit(aclose()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Until all that was begun is done."""
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _limit(work: Any) -> None:
    async with asyncio.timeout(_SECONDS):
        await work
