"""What stands on the board: once for every key, in order, and found again by whoever knows an older version."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from core.board import (
    BELL,
    edit_entry,
    find_entry,
    forget_entries,
    last_version,
    list_changes,
    list_entries,
    put_entry,
)
from core.messages import Entry, EntryKind
from core.store import Database
from tests.fakes.clock import START

MAIN = "console:main"


async def put(database: Database, key: str, place: str = MAIN, **body: Any) -> Entry:
    async with database.transaction() as tx:
        return await put_entry(tx, place, EntryKind.REPLY, body or {"text": key}, key, START)


async def edit(database: Database, entry: Entry, late: int = 0, **body: Any) -> Entry | None:
    async with database.transaction() as tx:
        return await edit_entry(tx, entry.id, body, START + timedelta(seconds=late))


async def changes(database: Database, after: int) -> list[str]:
    async with database.reading() as tx:
        return [entry.key for entry in await list_changes(tx, "console:", after, below=True)]


async def keys(database: Database, *places: str, **bounds: int) -> list[str]:
    async with database.reading() as tx:
        return [entry.key for entry in await list_entries(tx, places or (MAIN,), **bounds)]


async def test_a_key_stands_once_in_its_place(database: Database) -> None:
    first = await put(database, "k", text="one")
    assert await put(database, "k", text="two") == first
    elsewhere = await put(database, "k", "console:main/web-1")
    assert elsewhere.id != first.id
    async with database.reading() as tx:
        assert await find_entry(tx, MAIN, "k") == first
        assert await find_entry(tx, MAIN, "none") is None


async def test_the_same_put_twenty_times_at_once_is_one(database: Database) -> None:
    put_ = await asyncio.gather(*(put(database, "k") for _ in range(20)))
    assert len({entry.id for entry in put_}) == 1


async def test_an_edit_keeps_the_place_and_has_a_version_of_its_own(database: Database) -> None:
    first, second = await put(database, "a"), await put(database, "b")
    edited = await edit(database, first, text="new")
    assert edited is not None
    assert (edited.number, edited.version > second.version) == (first.number, True)
    assert await keys(database) == ["a", "b"]
    assert await changes(database, second.version) == ["a"]
    assert await changes(database, 0) == ["b", "a"]


async def test_the_same_again_changes_nothing(database: Database) -> None:
    entry = await put(database, "a")
    heard = database.bells.listen(BELL)
    assert await edit(database, entry, text="a") == entry
    assert database.bells.listen(BELL) == heard
    await edit(database, entry, text="b")
    assert database.bells.listen(BELL) != heard


async def test_what_is_gone_cannot_be_edited(database: Database) -> None:
    entry = await put(database, "a")
    async with database.transaction() as tx:
        assert await forget_entries(tx, START + timedelta(seconds=1)) == 1
    assert await edit(database, entry, text="b") is None


async def test_only_what_did_not_change_is_forgotten(database: Database) -> None:
    old, _ = await put(database, "a"), await put(database, "b")
    await edit(database, old, 10, text="new")
    async with database.transaction() as tx:
        assert await forget_entries(tx, START + timedelta(seconds=5)) == 1
    assert await keys(database) == ["a"]


async def test_pages_of_a_place_in_order(database: Database) -> None:
    entries = [await put(database, str(number)) for number in range(7)]
    await put(database, "x", "console:@p-1")
    await put(database, "y", "slack:main")
    assert await keys(database, limit=3) == ["4", "5", "6"]
    assert await keys(database, before=entries[4].number, limit=3) == ["1", "2", "3"]
    assert await keys(database, after=entries[4].number) == ["5", "6"]
    assert (await keys(database, MAIN, "console:@p-1", limit=2)) == ["6", "x"]
    assert "y" not in await changes(database, 0)


async def test_nothing_is_missed_by_who_reads_while_many_write(database: Database) -> None:
    """Versions appear in the order of the commits: behind the last one read nothing turns up any more."""
    seen: dict[str, str] = {}
    entries = [await put(database, f"{number}") for number in range(5)]
    done = asyncio.Event()

    async def write(entry: Entry) -> None:
        for number in range(8):
            await edit(database, entry, text=f"{entry.key}.{number}")
            await put(database, f"{entry.key}+{number}")

    async def read() -> None:
        after = 0
        while True:
            is_over = done.is_set()
            async with database.reading() as tx:
                found = await list_changes(tx, "console:", after, limit=3, below=True)
            seen.update({entry.key: str(entry.body["text"]) for entry in found})
            after = found[-1].version if found else after
            if is_over and not found:
                return

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(entry) for entry in entries))
    done.set()
    await asyncio.wait_for(reading, 20)
    assert len(seen) == 45
    assert [seen[entry.key] for entry in entries] == [f"{entry.key}.7" for entry in entries]
    async with database.reading() as tx:
        assert await last_version(tx) == max(
            entry.version for entry in await list_changes(tx, "console:", 0, below=True)
        )
