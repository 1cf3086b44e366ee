"""What people did in chats is stored as it came, acknowledged, and understood after that, in order for each of them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

import structlog

from bot.gathering import Gathering
from bot.house import House
from core.crew import insistent
from core.errors import TemporaryFailure
from core.heard import Heard, decode_message, note_message
from core.messages import Message
from core.store.heard import forget_heard, keep_heard, list_heard

log = structlog.get_logger()
LINES = 2


class Hearing:
    """`see_to` is called once for everything that was heard, again after a crash; it may raise TemporaryFailure, and
    is called again then."""

    def __init__(self, house: House, see_to: Callable[[Message], Awaitable[None]]) -> None:
        self._house = house
        self._see_to = see_to
        self._gathering: Gathering[Heard, bool] = Gathering(house.database, keep_heard)
        self._lines: list[asyncio.Queue[Heard]] = [asyncio.Queue() for _ in range(LINES)]
        self._forgetting: Gathering[str, bool] = Gathering(house.database, forget_heard)

    async def keep(self, message: Message) -> None:
        """Returns when it is stored. Raises TemporaryFailure when it cannot be."""
        note = note_message(message, self._house.id, self._house.now())
        if await self._gathering.store(note):
            self._queue(note)

    async def run(self) -> None:
        """Understand what comes, what was left over at the last end first."""
        await self._resume()
        async with asyncio.TaskGroup() as group:
            for line in self._lines:
                group.create_task(self._work(line))

    async def _resume(self) -> None:
        database = self._house.database
        async with database.reading() as tx:
            left = await list_heard(tx, "" if database.is_sqlite else self._house.id)
        # What came in meanwhile waits already, behind what was left over.
        lines, self._lines = self._lines, [asyncio.Queue() for _ in range(LINES)]
        fresh = [line.get_nowait() for line in lines for _ in range(line.qsize())]
        known = {note.key for note in left}
        for note in (*left, *(note for note in fresh if note.key not in known)):
            self._queue(note)

    def _queue(self, note: Heard) -> None:
        """What one person did stays in order."""
        who = str(note.body["identity"])
        self._lines[zlib.crc32(who.encode()) % LINES].put_nowait(note)

    async def _work(self, line: asyncio.Queue[Heard]) -> None:
        while True:
            note = await line.get()
            await self._insist(note)
            await self._forget(note.key)

    @insistent
    async def _forget(self, key: str) -> None:
        await self._forgetting.store(key)

    @insistent
    async def _insist(self, note: Heard) -> None:
        await self._try(note)

    async def _try(self, note: Heard) -> None:
        """Raises TemporaryFailure. A mistake of ours is logged and holds up nobody else."""
        task = asyncio.ensure_future(self._see_to(decode_message(note.body)))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TemporaryFailure):
            raise error
        if error:
            log.error("what was heard could not be understood", key=note.key, exc_info=error)
