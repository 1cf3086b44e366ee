"""Records and rows: the statements that are made once, and SQLite's own driver."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from core.model import InboxItem, Person, Role
from core.store import Database, change, count, find, get, insert
from core.store.driver import connect

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/test.db")
    await made.upgrade()
    yield made
    await made.close()


def make_item(id: str, handled_at: datetime | None = None) -> InboxItem:
    return InboxItem(id, id, "door", "p-1", Role.ADMIN, "terminal:up", "list", {}, NOW, handled_at)


async def test_none_is_looked_for_as_null(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, make_item("c-1", NOW), make_item("c-2"))
        assert await get(tx, InboxItem, handled_at=None) == make_item("c-2")
        assert await get(tx, InboxItem, id="c-1", handled_at=NOW) == make_item("c-1", NOW)
        assert await get(tx, InboxItem, id="c-1", handled_at=None) is None


async def test_null_is_written_and_changed(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, make_item("c-1"), make_item("c-2", NOW))
        assert await change(tx, InboxItem, {"handled_at": None}, handled_at=NOW, reply={"text": "x"}) == 1
        assert await change(tx, InboxItem, {"id": "c-2", "handled_at": NOW}, handled_at=None) == 1
        assert await change(tx, InboxItem, {"id": ["c-1", "c-2"]}, reply=None) == 2
        assert {item.id: item.handled_at for item in await find(tx, InboxItem)} == {"c-1": NOW, "c-2": None}


async def test_a_value_and_a_condition_may_be_of_one_column(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, Person("p-1", "a", Role.VIEWER, NOW), Person("p-2", "a", Role.ADMIN, NOW))
        assert await change(tx, Person, {"name": "a", "role": Role.ADMIN}, name="b", role=Role.NOBODY) == 1
        assert await get(tx, Person, id="p-2") == Person("p-2", "b", Role.NOBODY, NOW)


async def test_the_second_of_one_key_is_refused_and_nothing_is_kept(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await insert(tx, make_item("c-1"), make_item("c-1"))
    async with database.reading() as tx:
        assert await count(tx, InboxItem) == 0


async def test_a_cursor_brings_all_rows_along(tmp_path: Path) -> None:
    connection = await connect(tmp_path / "plain.db", isolation_level=None)
    cursor = connection.cursor()
    await cursor.execute("create table things (name text unique)")
    await cursor.executemany("insert into things values (?)", [("a",), ("b",)])
    assert cursor.rowcount == 2
    await cursor.execute("select name from things where name > ?", ("a",))
    assert await cursor.fetchall() == [("b",)]
    assert cursor.description[0][0] == "name"
    with pytest.raises(sqlite3.IntegrityError):
        await cursor.execute("insert into things values ('a')")
    await cursor.close()
    await connection.close()


async def test_a_change_that_is_cancelled_leaves_nothing(database: Database) -> None:
    begun = asyncio.Event()

    async def act() -> None:
        async with database.transaction() as tx:
            await insert(tx, make_item("c-1"))
            begun.set()
            await asyncio.Event().wait()

    acting = asyncio.create_task(act())
    await begun.wait()
    acting.cancel()
    await asyncio.wait([acting])
    async with database.transaction() as tx:
        assert await count(tx, InboxItem) == 0
