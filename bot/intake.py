"""What comes in at the same time is stored in one transaction: a store has few writers, and all wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import TemporaryFailure
from core.files import Blob
from core.inbox import receive_items
from core.model import InboxItem
from core.store import Database
from core.store.files import keep_blobs

MOST_AT_ONCE = 200


@dataclass(slots=True)
class Waiting:
    """A call that is to be stored, and who waits for that."""

    item: InboxItem
    blobs: Sequence[Blob]
    stored: asyncio.Future[tuple[InboxItem, bool]]


class Intake:
    """Stores calls. While one transaction runs those that come meanwhile gather for the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Waiting] = []
        self._storing: asyncio.Task[None] | None = None

    async def receive(self, item: InboxItem, blobs: Sequence[Blob]) -> tuple[InboxItem, bool]:
        """Returns what is stored under its key, and whether it is new. Raises TemporaryFailure when it cannot be."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(item, blobs, stored))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_all(), name="intake")
        found: tuple[InboxItem, bool] = await stored
        return found

    async def _store_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not await self._store(batch):
                # One of them does not fit: each for itself, so that it spoils nothing for the others.
                for one in batch:
                    await self._store([one])

    async def _store(self, batch: Sequence[Waiting]) -> bool:
        """False when it has to be tried one by one; else all know what became of theirs."""
        task = asyncio.create_task(self._write(batch))
        await asyncio.wait([task])
        error = task.exception()
        if error and len(batch) > 1 and not isinstance(error, TemporaryFailure):
            return False
        for at, one in enumerate(batch):
            if not one.stored.done():
                one.stored.set_exception(_copy(error)) if error else one.stored.set_result(task.result()[at])
        return True

    async def _write(self, batch: Sequence[Waiting]) -> list[tuple[InboxItem, bool]]:
        async with self._database.transaction() as tx:
            found = await receive_items(tx, [one.item for one in batch])
            fresh = [blob for one, (_, is_new) in zip(batch, found, strict=True) if is_new for blob in one.blobs]
            await keep_blobs(tx, fresh)
        return found


def _copy(error: BaseException) -> BaseException:
    """Each who waits raises one of their own."""
    if isinstance(error, TemporaryFailure):
        return TemporaryFailure(error.message, remedy=error.remedy, retry_after=error.retry_after)
    return error
