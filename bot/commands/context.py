"""What a command is given beside its arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.messages import Reply
from core.model import Actor

if TYPE_CHECKING:
    from bot.house import House
    from core.store import Transaction

Finish = Callable[["Transaction", Reply], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """How a platform knows the one who calls, "" where there is none: the command line, the console, the API."""

    identity: str = ""
    name: str = ""


@dataclass(slots=True)
class Context:
    """One call of a command. `place` is where it was said (`chat:address`), `now` when it is decided, `kept` the
    reply that was stored with the act."""

    actor: Actor
    place: str
    now: datetime
    house: House
    finish: Finish
    kept: Reply | None = None
    caller: Caller = Caller()

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A consistent look at the store."""
        return self.house.database.reading()

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        """The act's transaction. The reply given to it is stored with the act, so that a repeated call finds it, and
        so that of two who do the same call only one acts. One reply a call."""
        async with self.house.database.transaction() as tx:
            change = Change(tx)
            yield change
            if change.reply is not None:
                await self.finish(tx, change.reply)
                self.kept = change.reply


@dataclass(slots=True)
class Change:
    """An open act."""

    tx: Transaction
    reply: Reply | None = None
