from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.errors import ConfigurationError, TemporaryFailure
from core.model import Person, Role
from core.store import Database, count, find, insert
from core.store.driver import connect
from core.store.migration import HEAD, _sync_url
from core.store.tables import metadata
from tests.fakes.clock import START

PERSON = Person("p-1", "alice", Role.ADMIN, START)


def open_sync(url: str) -> sa.Engine:
    return sa.create_engine(_sync_url(sa.make_url(url)), poolclass=sa.NullPool)


async def write(database: Database, person: Person = PERSON) -> None:
    async with database.transaction() as tx:
        await insert(tx, person)


async def names(database: Database) -> list[str]:
    async with database.reading() as tx:
        return [person.id for person in await find(tx, Person)]


# ------------------------------------------------------------------------------------------------------ migrations


async def test_an_empty_database_gets_the_schema_of_the_tables(empty_url: str) -> None:
    database = Database(empty_url)
    await database.upgrade()
    await database.upgrade()
    await write(database)
    await database.close()
    with open_sync(empty_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD


async def test_two_that_start_at_once_migrate_once(make_postgres: Callable[[], str]) -> None:
    url = make_postgres()
    program = "import asyncio, sys; from core.store import Database; asyncio.run(Database(sys.argv[1]).upgrade())"
    started = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, url) for _ in range(2)]
    async with asyncio.timeout(30):
        assert [await process.wait() for process in started] == [0, 0]
    database = Database(url)
    await write(database)
    await database.close()


async def test_a_newer_database_is_refused(empty_url: str) -> None:
    with open_sync(empty_url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    database = Database(empty_url)
    with pytest.raises(ConfigurationError, match="written by a newer Callboard"):
        await database.upgrade()
    await database.close()


async def test_a_foreign_database_is_refused(empty_url: str) -> None:
    with open_sync(empty_url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (id INTEGER)")
    database = Database(empty_url)
    with pytest.raises(ConfigurationError, match=r"not Callboard's \(invoices\)"):
        await database.upgrade()
    await database.close()


# -------------------------------------------------------------------------------------------------------- in trouble


async def test_a_change_is_all_or_nothing(database: Database) -> None:
    with contextlib.suppress(RuntimeError):
        async with database.transaction() as tx:
            await insert(tx, PERSON)
            raise RuntimeError
    assert await names(database) == []
    with pytest.raises(sa.exc.IntegrityError):
        async with database.transaction() as tx:
            await insert(tx, PERSON, PERSON)
    assert await names(database) == []
    await write(database)
    assert await names(database) == ["p-1"]


async def test_what_is_written_while_reading_is_not_kept(database: Database) -> None:
    async with database.reading() as tx:
        await insert(tx, PERSON)
        assert await count(tx, Person) == 1
    assert await names(database) == []


async def test_a_cancelled_change_is_undone_and_the_next_goes_on(database: Database) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.transaction() as tx:
            await insert(tx, PERSON)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await write(database)
    assert await names(database) == ["p-1"]


async def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")


@pytest.mark.parametrize("content", [b"this is no database, " * 100, b"SQLite format 3\0" + b"\xff" * 4080])
async def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "callboard.db"
    file.write_bytes(content)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(ConfigurationError, match=f"{file} is damaged, or no database"):
        await database.upgrade()
    await database.close()


async def test_damage_in_use_is_told(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await write(database)
    await database.close()
    file = Path(sa.make_url(sqlite_url).database or "")
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    for left in file.parent.glob("callboard.db-*"):
        left.unlink()
    with pytest.raises(ConfigurationError, match="is damaged"):
        await names(database)
    await database.close()


async def test_a_full_disk_keeps_nothing_and_says_so(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.transaction() as tx:
        await tx.run(sa.text("PRAGMA max_page_count = 1"))
    with pytest.raises(TemporaryFailure, match=r"full.*room on its disk"):
        await write(database, Person("p-1", "x" * 10_000_000, Role.ADMIN, START))
    assert await names(database) == []
    async with database.transaction() as tx:
        await tx.run(sa.text("PRAGMA max_page_count = 1000000"))
    await write(database)
    assert await names(database) == ["p-1"]
    await database.close()


async def test_a_database_that_cannot_be_written_says_so(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.transaction() as tx:
        await tx.run(sa.text("PRAGMA query_only = ON"))
    with pytest.raises(TemporaryFailure, match="readonly database"):
        await write(database)
    assert await names(database) == []
    await database.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_file_or_folder_without_permission(sqlite_url: str, what: str) -> None:
    file = Path(sa.make_url(sqlite_url).database or "")
    target = file if what == "file" else file.parent
    target.chmod(0o444 if what == "file" else 0o555)
    database = Database(sqlite_url)
    try:
        with pytest.raises(TemporaryFailure):
            await write(database)
    finally:
        target.chmod(0o700)
        await database.close()


async def test_a_locked_file_is_tried_later(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.transaction() as tx:
        await tx.run(sa.text("PRAGMA busy_timeout = 50"))
    with contextlib.closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryFailure, match="locked"):
            await write(database)
        assert await names(database) == [], "a reader does not wait for a writer"
        other.execute("ROLLBACK")
    await write(database)
    assert await names(database) == ["p-1"]
    await database.close()


async def test_a_server_that_is_away_is_tried_later() -> None:
    database = Database("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(TemporaryFailure) as caught:
        await write(database)
    assert "secret" not in str(caught.value)
    await database.close()


async def test_a_connection_that_was_cut_is_replaced(postgres_url: str, postgres: sa.Engine) -> None:
    database = Database(postgres_url)
    assert await names(database) == []
    with postgres.connect() as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(sa.text(cut), {"name": database.url.database})
    await write(database)
    assert await names(database) == ["p-1"]
    await database.close()


async def test_a_connection_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    connection = connect(tmp_path / "callboard.sqlite3")
    await connection
    thread, link = connection._thread, connection._conn
    del connection
    gc.collect()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        link.total_changes  # noqa: B018
