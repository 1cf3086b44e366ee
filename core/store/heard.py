"""Statements about what came in and is not understood yet."""

from __future__ import annotations

from collections.abc import Sequence

from core.heard import Heard
from core.store.database import Transaction
from core.store.records import find, insert_all_new, remove


async def keep_heard(tx: Transaction, notes: Sequence[Heard]) -> list[bool]:
    """Store what came in at the same time, each once for its key; which of them are new."""
    await insert_all_new(tx, sorted(notes, key=lambda note: note.key), "key")
    kept = {note.key: note for note in await find(tx, Heard, key=tuple({note.key for note in notes}))}
    seen: set[str] = set()
    is_new = []
    for note in notes:
        known = kept[note.key]
        is_new.append((known.house, known.heard_at) == (note.house, note.heard_at) and note.key not in seen)
        seen.add(note.key)
    return is_new


async def list_heard(tx: Transaction, house: str) -> list[Heard]:
    """What was not understood before the last end, the oldest first; of all bots when `house` is ""."""
    found = await (find(tx, Heard, house=house) if house else find(tx, Heard))
    return sorted(found, key=lambda note: (note.heard_at, note.key))


async def forget_heard(tx: Transaction, keys: Sequence[str]) -> list[bool]:
    """They were understood."""
    await remove(tx, Heard, key=tuple(keys))
    return [True] * len(keys)
