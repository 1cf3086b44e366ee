"""What people do with their home tabs. Whoever opened one has it drawn from then on, also after a restart."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.messages import Message, Place, Reply, Visibility
from core.model import Posting
from core.postings import bump_postings, show_posting
from core.store import Transaction, change, get, insert, last_seq
from core.store.tabs import list_unseen, remove_tab
from core.tab import KEPT, TURN, Tab, name_subject
from core.wire import encode_reply

MINE, ALL, DISMISS, COLUMN = "mine", "all", "dismiss", "column"
_ANSWER_STAYS = timedelta(minutes=10)


async def open_tab(tx: Transaction, opened: Message, now: datetime) -> None:
    """Draw a tab now, and from now on. What a chat has of it is not relied upon."""
    place = str(opened.place)
    if known := await get(tx, Tab, place=place):
        answer = known.answer if now - known.seen_at < _ANSWER_STAYS else None
        await change(tx, Tab, {"place": place}, answer=answer, **_note(opened, now))
    else:
        seq = await last_seq(tx)
        await insert(tx, Tab(place, opened.identity, opened.name, tuple(opened.facts), seq, now, now))
    posting = await show_posting(tx, name_subject(place), opened.place)
    await change(tx, Posting, {"id": posting.id}, digest="")


async def touch_tab(tx: Transaction, used: Message, now: datetime) -> None:
    """Somebody did something in their tab."""
    await change(tx, Tab, {"place": str(used.place)}, **_note(used, now))


def _note(message: Message, now: datetime) -> dict[str, object]:
    facts = list(message.facts)
    return {"identity": message.identity, "name": message.name, "facts": facts, "seen_at": now}


async def turn_tab(tx: Transaction, place: Place, command: str) -> None:
    """Show something else of the fleet, or the answer no more, as a button of the tab says."""
    verb, _, word = command.removeprefix(TURN).partition(" ")
    turned: dict[str, dict[str, object]] = {
        COLUMN: {"column": word},
        MINE: {"mine": True},
        ALL: {"mine": False},
        DISMISS: {},
    }
    await change(tx, Tab, {"place": str(place)}, **{"answer": None, **turned.get(verb, {})})
    await bump_postings(tx, name_subject(str(place)))


async def answer_tab(tx: Transaction, place: Place, reply: Reply) -> bool:
    """Show a reply in the tab where it was asked for. False, and nothing is shown, for what is not to be seen there: a
    refusal, which is not to be missed, and what a page has no room for."""
    is_elsewhere = reply.visibility is Visibility.ASKER or reply.attachments or reply.table or reply.secret
    if is_elsewhere or await change(tx, Tab, {"place": str(place)}, answer=encode_reply(reply)) != 1:
        return False
    await bump_postings(tx, name_subject(str(place)))
    return True


async def forget_tabs(tx: Transaction, now: datetime) -> int:
    """Draw those no more that nobody opened for so long; how many there were."""
    unseen = await list_unseen(tx, now - KEPT)
    for place in unseen:
        await remove_tab(tx, place)
    return len(unseen)
