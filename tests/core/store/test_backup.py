"""Copies of a database that is in use, and the copy that is made before an upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import PermanentFailure
from core.events import Event
from core.store import Database, append_events, migration
from core.store.backup import check_database, copy_database, name_copy
from tests.fakes.clock import START

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("holders", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
"""


@pytest.fixture
def file(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


def count_events(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        return int(opened.execute("SELECT count(*) FROM events").fetchone()[0])


async def write_event(database: Database) -> None:
    async with database.transaction() as tx:
        await append_events(tx, Event("bot.started", START))


async def test_a_copy_holds_what_was_committed_and_waits_for_nobody(sqlite_url: str, file: Path) -> None:
    database = Database(sqlite_url)
    target = file.with_name("copy.sqlite3")
    await write_event(database)
    async with database.transaction() as tx:
        await append_events(tx, Event("bot.stopped", START))
        await asyncio.wait_for(asyncio.to_thread(copy_database, file, target), 10)
    await database.close()
    assert count_events(target) == 1
    assert count_events(file) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not list(file.parent.glob("copy.sqlite3-*"))
    assert not list(file.parent.glob(".copy*"))


async def test_writers_go_on_while_it_is_copied(sqlite_url: str, file: Path) -> None:
    database = Database(sqlite_url)
    for _ in range(20):
        await write_event(database)
        copying = asyncio.to_thread(copy_database, file, file.with_name("copy.sqlite3"))
        await asyncio.gather(copying, write_event(database))
        check_database(file.with_name("copy.sqlite3"))
    await database.close()
    assert count_events(file) == 40


def test_a_damaged_database_is_no_backup(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[8192:20480] = b"x" * 12288
    file.write_bytes(content)
    with pytest.raises(PermanentFailure, match=r"damaged|could not be copied"):
        copy_database(file, file.with_name("copy.sqlite3"))
    assert not file.with_name("copy.sqlite3").exists()
    assert not list(file.parent.glob(".copy*"))


def test_what_cannot_be_written_is_said(file: Path) -> None:
    with pytest.raises(PermanentFailure, match="cannot be written"):
        copy_database(file, file.parent / "no-such-folder" / "copy.sqlite3")


def test_no_copy_takes_the_place_of_another(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    assert name_copy(file, "0002").name == "a.sqlite3.before-0002"
    name_copy(file, "0002").touch()
    assert name_copy(file, "0002").name == "a.sqlite3.before-0002-2"


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with one more migration than there is."""
    folder = tmp_path / "migrations"
    shutil.copytree(migration._FOLDER, folder)
    folder.joinpath("versions/0002_second.py").write_text(SECOND)
    monkeypatch.setattr(migration, "_FOLDER", folder)
    monkeypatch.setattr(migration, "HEAD", "0002")


async def test_an_upgrade_copies_first_and_loses_nothing(sqlite_url: str, file: Path, second: None) -> None:
    before = Database(sqlite_url)
    await write_event(before)
    await before.close()
    after = Database(sqlite_url)
    await after.upgrade()
    async with after.reading() as tx:
        assert (await tx.run(sa.text("SELECT count(*) FROM events"))).scalar() == 1
        await tx.run(sa.text("SELECT mood FROM holders"))
    await after.close()
    copy = file.with_name(f"{file.name}.before-0002")
    assert count_events(copy) == 1
    with contextlib.closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


async def test_a_new_database_and_a_current_one_need_no_copy(tmp_path: Path, sqlite_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/new.db", sqlite_url):
        database = Database(url)
        await database.upgrade()
        await database.close()
    assert not list(tmp_path.glob("*.before-*"))


async def test_without_a_copy_there_is_no_upgrade(
    sqlite_url: str, file: Path, second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise PermanentFailure("no room")

    monkeypatch.setattr(migration, "copy_database", fail)
    database = Database(sqlite_url)
    with pytest.raises(PermanentFailure, match="no room"):
        await database.upgrade()
    await database.close()
    with contextlib.closing(sqlite3.connect(file)) as opened:
        assert opened.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
