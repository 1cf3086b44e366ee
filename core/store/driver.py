"""SQLite by aiosqlite, with one trip to the connection's thread for each statement instead of four: trips, not SQL,
are what small statements cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL


class Connection(aiosqlite.Connection):
    """What SQLAlchemy's adapter asks for a cursor."""

    def __del__(self) -> None:
        """A loop that ends while somebody is cancelled in the middle of connecting leaves it to nobody: that is no
        fault to warn of, and it is closed in its thread all the same."""
        if (link := self._connection) is not None:
            self._tx.put_nowait((None, partial(_end_thread, link)))

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)


class Cursor:
    """Runs one statement and brings all rows along. Closing it is free: nothing is left open in the thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Cursor:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Raises sqlite3's errors."""
        return await self._travel(lambda link: link.execute(sql, parameters))

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Cursor:
        """Raises sqlite3's errors."""
        return await self._travel(lambda link: link.executemany(sql, rows))

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        """Nothing to do."""

    async def _travel(self, run: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> Cursor:
        await self._connection._execute(self._run, run)  # type: ignore[no-untyped-call]
        return self

    def _run(self, run: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> None:
        """In the connection's thread."""
        cursor = run(self._connection._conn)
        self._rows = cursor.fetchall() if cursor.description else []
        self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        cursor.close()


def _end_thread(link: sqlite3.Connection) -> object:
    link.close()
    return _STOP_RUNNING_SENTINEL


def connect(database: str | Path, **options: Any) -> Connection:
    """As aiosqlite.connect. The thread keeps no process alive."""
    connection = Connection(lambda: sqlite3.connect(str(database), **options), 64)
    connection._thread.daemon = True
    return connection
