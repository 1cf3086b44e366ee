"""Connections, transactions, and the bells that ring after a commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.errors import ConfigurationError, TemporaryFailure
from core.store.driver import connect
from core.store.migration import upgrade_database


class Bells:
    """Wakes what waits in this process for a topic. Only a hint: whoever waits also looks again from time to time.

    Of so many topics the last ring is remembered; who asks for an older one is woken once too often, never too rarely.
    """

    def __init__(self, remembered: int = 4096) -> None:
        self._remembered = remembered
        self._rings = 0
        self._forgotten = 0
        self._rung: dict[str, int] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def ring(self, topic: str) -> None:
        """Wake all that wait for the topic."""
        self._rings += 1
        self._rung.pop(topic, None)
        self._rung[topic] = self._rings
        if len(self._rung) > self._remembered:
            self._forget_half()
        for waiting in self._waiting.pop(topic, ()):
            if not waiting.done():
                waiting.set_result(None)

    def listen(self, topic: str) -> int:
        """Which ring of the topic was the last; taken before looking, handed to `wait` after."""
        return self._rung.get(topic, self._forgotten)

    async def wait(self, topic: str, heard: int, timeout: float) -> bool:
        """Wait until the topic has rung since the ring `heard`, at most `timeout` seconds; whether it rang."""
        if self.listen(topic) != heard:
            return True
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, set()).add(waiting)
        try:
            async with asyncio.timeout(timeout):
                await waiting
        except TimeoutError:
            return False
        finally:
            self._drop(topic, waiting)
        return True

    async def wait_any(self, heard: Mapping[str, int], timeout: float) -> bool:
        """Wait until one of several topics has rung since the ring given for it; whether one did. None is none."""
        if not heard:
            await asyncio.sleep(timeout)
            return False
        waits = [asyncio.ensure_future(self.wait(topic, ring, timeout)) for topic, ring in heard.items()]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return any(wait.result() for wait in done)

    def _forget_half(self) -> None:
        for topic in list(self._rung)[: self._remembered // 2]:
            self._forgotten = self._rung.pop(topic)

    def _drop(self, topic: str, waiting: asyncio.Future[None]) -> None:
        others = self._waiting.get(topic, set())
        others.discard(waiting)
        if not others:
            self._waiting.pop(topic, None)


class Transaction:
    """One open transaction. What is rung with it is heard after the commit, and not at all after a rollback."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.rung: list[str] = []

    @property
    def is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    async def run(self, statement: sa.Executable, rows: Any = None) -> sa.CursorResult[*tuple[Any, ...]]:
        """Execute one statement, for every row of `rows` if given."""
        return await self.connection.execute(statement, rows)

    def ring(self, *topics: str) -> None:
        """Ring the topics' bells once this is committed."""
        self.rung.extend(topics)


class Database:
    """The store. SQLite has one writer at a time; PostgreSQL has as many as its pool."""

    def __init__(self, url: str, bells: Bells | None = None) -> None:
        self.url = sa.make_url(url)
        self.bells = bells or Bells()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._turn = asyncio.Lock()
        self._writer = _open_sqlite(self.url, "IMMEDIATE", 1) if self.is_sqlite else _open_postgresql(self.url)
        self._reader = _open_sqlite(self.url, "DEFERRED", 4) if self.is_sqlite else self._writer

    async def upgrade(self) -> None:
        """Migrate to this program's schema. Raises ConfigurationError when that is impossible."""
        with _translated(self.url):
            await upgrade_database(self.url, self._writer)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A change: all or nothing. Raises TemporaryFailure when the database cannot be written now, and
        ConfigurationError when its file is damaged."""
        async with self._turn if self.is_sqlite else contextlib.nullcontext():
            with _translated(self.url):
                async with self._writer.begin() as connection:
                    tx = Transaction(connection)
                    yield tx
        for topic in tx.rung:
            self.bells.ring(topic)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A consistent look; what is written in it is not kept."""
        with _translated(self.url):
            async with self._reader.connect() as connection:
                yield Transaction(connection)

    async def close(self) -> None:
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


@contextlib.contextmanager
def _translated(url: sa.URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, _OUR_MISTAKES):
            raise
        words = str(error.orig).strip().splitlines() or [type(error).__name__]
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise _make_refusal(url, words[0]) from error
        raise _make_failure(url, words[0]) from error
    except (sa.exc.TimeoutError, OSError) as error:
        raise _make_failure(url, str(error)) from error


_OUR_MISTAKES = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.NotSupportedError)

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _make_refusal(url: sa.URL, words: str) -> ConfigurationError:
    return ConfigurationError(
        f"the file {url.database} is damaged, or no database: {words}.",
        where="database",
        remedy="Restore a backup, or move the file away to begin with an empty one.",
    )


def _make_failure(url: sa.URL, words: str) -> TemporaryFailure:
    return TemporaryFailure(
        f"the database {url.render_as_string(hide_password=True)} cannot be used: {words}.",
        remedy="Is it reachable, writable, whole, and is there room on its disk?",
    )


def _open_sqlite(url: sa.URL, begin: str, size: int) -> AsyncEngine:
    folder = Path(url.database or "").parent
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder} for the database.", where="database")
    _make_private(Path(url.database or ""))
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        pool_size=size,
        max_overflow=0,
        connect_args={"async_creator_fn": connect, "timeout": 20, "isolation_level": None, "cached_statements": 256},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _make_private(file: Path) -> None:
    # SQLite gives its other files the mode of this one.
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


# FULL: a commit is on the disk before anything is acknowledged, even when the power fails.
_PRAGMAS: Sequence[str] = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8000",
)


def _open_postgresql(url: sa.URL) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"), pool_size=10, max_overflow=10, pool_timeout=20, pool_pre_ping=True
    )
