"""Makes events at a steady rate while the file `append` is there, which says how many a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

STEP = 0.02


async def append_steadily(home: Path, append: Callable[[int], Awaitable[None]]) -> None:
    """Calls `append` with how many are due; fifty times a second when it keeps up."""
    loop = asyncio.get_running_loop()
    began, made = loop.time(), 0
    while True:
        await asyncio.sleep(STEP)
        rate = read_rate(home / "append")
        if not rate:
            began, made = loop.time(), 0
            continue
        due = int((loop.time() - began) * rate) - made
        await append(due)
        made += due


def read_rate(file: Path) -> int:
    """Events a second; 0 when there is no file, or it is being written."""
    try:
        return int(file.read_text() or 0)
    except FileNotFoundError:
        return 0
