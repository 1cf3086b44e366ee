"""The board: what was said and shown in places that no other company keeps. One entry for each key; every put and edit
has a version of its own, in the order of the commits, so that whoever knows one finds all that came after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.ids import make_id
from core.messages import Entry, EntryKind
from core.store import Transaction, change, get, insert, take_numbers
from core.store.board import forget_entries, last_version, list_changes, list_entries

__all__ = [
    "BELL",
    "edit_entry",
    "find_entry",
    "forget_entries",
    "last_version",
    "list_changes",
    "list_entries",
    "put_entry",
]

BELL = "board"


async def put_entry(
    tx: Transaction,
    place: str,
    kind: EntryKind,
    body: Mapping[str, Any],
    key: str,
    now: datetime,
    *,
    person: str = "",
    name: str = "",
) -> Entry:
    """Put something on the board, once for every key in its place; returns what stands there. Rings BELL."""
    if known := await find_entry(tx, place, key):
        return known
    number = await take_numbers(tx, BELL)
    # Numbers are given under a lock: whoever had it before may have put the same.
    if known := await find_entry(tx, place, key):
        return known
    entry = Entry(make_id("e"), place, key, kind, person, name, body, now, now, number, number)
    await insert(tx, entry)
    tx.ring(BELL)
    return entry


async def edit_entry(tx: Transaction, id: str, body: Mapping[str, Any], now: datetime) -> Entry | None:
    """Show something else in an entry's place; None when it is gone. The same again changes nothing."""
    known = await get(tx, Entry, id=id)
    if known is None or known.body == body:
        return known
    version = await take_numbers(tx, BELL)
    await change(tx, Entry, {"id": id}, body=body, version=version, changed_at=now)
    tx.ring(BELL)
    return replace(known, body=body, version=version, changed_at=now)


async def find_entry(tx: Transaction, place: str, key: str) -> Entry | None:
    """What stands under a key in a place."""
    return await get(tx, Entry, place=place, key=key)
