"""Buttons as other companies see them: an id that says nothing, and what it stands for in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import Conflict
from core.messages import Action, Button, Card, Reply
from core.model import Delivery
from core.store import Transaction, change, get, insert_new
from core.wire import decode_reply

LASTS = timedelta(days=90)
_DRAW_AGAIN = "Look at its card again: it shows what can be done now."


async def seal_card(tx: Transaction, card: Card, holder: str, subject: str, now: datetime) -> Card:
    """The same card with an id in the place of each command. A button that says the same has the same id for good."""
    sealed = [await _seal_button(tx, button, holder, subject, now) for button in card.buttons]
    parts = [await seal_card(tx, part, holder, subject, now) for part in card.parts]
    return replace(card, buttons=tuple(sealed), parts=tuple(parts))


async def seal_reply(tx: Transaction, reply: Reply, holder: str, now: datetime) -> Reply:
    """The same for the cards of a reply, which show nothing that is drawn again."""
    return replace(reply, cards=tuple([await seal_card(tx, card, holder, "", now) for card in reply.cards]))


async def _seal_button(tx: Transaction, button: Button, holder: str, subject: str, now: datetime) -> Button:
    id = name_action(holder, button)
    await insert_new(tx, Action(id, holder, subject, button.command, bool(button.prompt), now), "id")
    return replace(button, command=id)


def name_action(holder: str, button: Button) -> str:
    """The id of a button of a card or delivery."""
    said = f"{holder}\n{button.command}\n{bool(button.prompt)}"
    return f"b-{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


async def open_action(tx: Transaction, id: str, now: datetime) -> Action:
    """What a button stands for. Raises Conflict for one that is not known, too old, or used up."""
    found = await get(tx, Action, id=id)
    if found is None or now - found.made_at > LASTS:
        raise Conflict("This button is too old.", remedy="`list` shows the agents; a command does the same.")
    if found.used_at is not None:
        raise Conflict("This button was used already.", remedy="`list` shows the agents.")
    return found


async def use_action(tx: Transaction, action: Action, now: datetime) -> bool:
    """Use up the button of a reply; False when somebody was faster. Those of a card are of use while it shows them."""
    return bool(action.subject) or await change(tx, Action, {"id": action.id, "used_at": None}, used_at=now) == 1


async def find_sent(tx: Transaction, action: Action) -> list[Card]:
    """The cards of the reply that a button was sent with; none when it is forgotten."""
    sent = await get(tx, Delivery, id=action.holder)
    return list(decode_reply(sent.body).cards) if sent else []


def demand_offered(action: Action, cards: Sequence[Card]) -> Button:
    """The button among these cards as they are now. Raises Conflict when they do not offer it any more."""
    for button in (button for card in cards for button in card.list_buttons()):
        if (button.command, bool(button.prompt)) == (action.command, action.prompted):
            return button
    raise Conflict("This cannot be done any more: somebody did it, or things went on.", remedy=_DRAW_AGAIN)
