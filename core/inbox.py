"""The one way in: stored before it is acknowledged, once for every key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.delivery import name_delivery, queue_reply
from core.messages import Place, Reply, Visibility
from core.model import InboxItem, Lane
from core.store import Transaction, change, find, get, insert_all_new, insert_new
from core.store.spine import forget_handled, list_unhandled
from core.tab import is_home
from core.tabs import answer_tab

__all__ = ["BELL", "amend_item", "finish_item", "forget_handled", "list_unhandled", "receive_item", "receive_items"]

BELL = "inbox"


async def receive_item(tx: Transaction, item: InboxItem) -> tuple[InboxItem, bool]:
    """Store what came in. Returns what is stored under its key, and whether it is new."""
    if await insert_new(tx, item, "key"):
        tx.ring(BELL)
        return item, True
    stored = await get(tx, InboxItem, key=item.key)
    assert stored is not None
    return stored, False


async def receive_items(tx: Transaction, items: Sequence[InboxItem]) -> list[tuple[InboxItem, bool]]:
    """The same for what came in at the same time, two of one key among them if need be."""
    if len(items) == 1:
        return [await receive_item(tx, items[0])]
    await insert_all_new(tx, sorted(items, key=lambda item: item.key), "key")
    tx.ring(BELL)
    stored = {item.key: item for item in await find(tx, InboxItem, key=tuple({item.key for item in items}))}
    return [(stored[item.key], stored[item.key].id == item.id) for item in items]


async def finish_item(tx: Transaction, id: str, reply: Mapping[str, Any], now: datetime) -> bool:
    """Write down the answer; False, and nothing is written, when it was handled before: whoever acts in the same
    transaction must then take the act back. Rings `inbox:ID` for a caller that still waits."""
    tx.ring(f"{BELL}:{id}")
    return await change(tx, InboxItem, {"id": id, "handled_at": None}, reply=reply, handled_at=now) == 1


async def answer_place(tx: Transaction, item: InboxItem, reply: Reply, now: datetime, key: str = "") -> None:
    """Have the place that a call names hear its reply, once, in the transaction that finishes it; what is for the one
    who asked goes where they alone hear it: to the place that the call names, or their own (`console:@p-1`). With a
    key of its own it is something that is said before."""
    if not item.reply_to:
        return
    place = Place.parse(item.reply_to)
    if is_home(place) and await answer_tab(tx, place, reply):
        return
    if reply.visibility is Visibility.ASKER or is_home(place):
        place = Place.parse(item.private) if item.private else Place(place.chat, f"@{item.person}")
    stream = f"replies:{place}"
    await queue_reply(tx, place, reply, stream=stream, lane=Lane.HUMAN, now=now, key=key or _name_reply(item.id))


def name_answer(id: str) -> str:
    """The key under which a chat gets the answer to a call."""
    return name_delivery(_name_reply(id))


def _name_reply(id: str) -> str:
    return f"reply:{id}"


async def amend_item(tx: Transaction, id: str, reply: Mapping[str, Any]) -> None:
    """Put a fuller answer in the place of the one that was written with the act."""
    await change(tx, InboxItem, {"id": id}, reply=reply)
