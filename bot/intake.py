"""Calls, stored with the files that came with them."""

from __future__ import annotations

from collections.abc import Sequence

from core.files import Blob
from core.inbox import receive_items
from core.model import InboxItem
from core.store import Transaction
from core.store.files import keep_blobs

Coming = tuple[InboxItem, Sequence[Blob]]


async def receive_calls(tx: Transaction, calls: Sequence[Coming]) -> list[tuple[InboxItem, bool]]:
    """What is stored under the key of each, and whether it is new."""
    found = await receive_items(tx, [item for item, _ in calls])
    fresh = [blob for (_, blobs), (_, is_new) in zip(calls, found, strict=True) if is_new for blob in blobs]
    await keep_blobs(tx, fresh)
    return found
