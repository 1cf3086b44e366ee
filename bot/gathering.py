"""What comes in at the same time is stored in one transaction: a store has few writers, and all wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import TemporaryFailure
from core.store import Database, Transaction

MOST_AT_ONCE = 200
T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Waiting(Generic[T, R]):
    """Something that is to be stored, and who waits for that."""

    thing: T
    stored: asyncio.Future[R]


class Gathering(Generic[T, R]):
    """Stores things by `write`, which says of each what became of it. While one transaction runs those that come
    meanwhile gather for the next."""

    def __init__(self, database: Database, write: Callable[[Transaction, Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._database = database
        self._write = write
        self._waiting: list[Waiting[T, R]] = []
        self._storing: asyncio.Task[None] | None = None

    async def store(self, thing: T) -> R:
        """What `write` says of it. Raises TemporaryFailure when it cannot be stored."""
        stored: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(thing, stored))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_all(), name="store")
        return await stored

    async def _store_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not await self._store(batch):
                # One of them does not fit: each for itself, so that it spoils nothing for the others.
                for one in batch:
                    await self._store([one])

    async def _store(self, batch: Sequence[Waiting[T, R]]) -> bool:
        """False when it has to be tried one by one; else all know what became of theirs."""
        task = asyncio.create_task(self._run([one.thing for one in batch]))
        await asyncio.wait([task])
        error = task.exception()
        if error and len(batch) > 1 and not isinstance(error, TemporaryFailure):
            return False
        for at, one in enumerate(batch):
            if not one.stored.done():
                one.stored.set_exception(_copy(error)) if error else one.stored.set_result(task.result()[at])
        return True

    async def _run(self, things: Sequence[T]) -> Sequence[R]:
        async with self._database.transaction() as tx:
            return await self._write(tx, things)


def _copy(error: BaseException) -> BaseException:
    """Each who waits raises one of their own."""
    if isinstance(error, TemporaryFailure):
        return TemporaryFailure(error.message, remedy=error.remedy, retry_after=error.retry_after)
    return error
