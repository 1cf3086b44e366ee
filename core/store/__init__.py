"""The only place with SQL: SQLite by default, PostgreSQL by URL.

A change is made in `async with database.transaction() as tx`, and everything that belongs to it, the audit row, the
events and the outgoing deliveries too, is written with the same `tx`.
"""

from core.store.database import Bells, Database, Transaction
from core.store.events import append_events, forget_events, last_seq, list_events, lock_numbers, take_numbers
from core.store.notes import get_note, set_note
from core.store.records import change, count, find, get, insert, insert_all_new, insert_new, remove, upsert

__all__ = [
    "Bells",
    "Database",
    "Transaction",
    "append_events",
    "change",
    "count",
    "find",
    "forget_events",
    "get",
    "get_note",
    "insert",
    "insert_all_new",
    "insert_new",
    "last_seq",
    "list_events",
    "lock_numbers",
    "remove",
    "set_note",
    "take_numbers",
    "upsert",
]
