"""Which models an agent kind offers, as `doctor` heard it last: a wrong name is refused before anything starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches

from bot.house import House
from core.errors import BadInput
from core.store import Transaction, get_note, set_note

OWNER = "models"
_MOST_NAMED = 30


async def keep_models(house: House, kind: str, models: Sequence[str]) -> None:
    """Remember what a kind offers; nothing when it says nothing of models. Raises TemporaryFailure."""
    async with house.database.transaction() as tx:
        await set_note(tx, OWNER, kind, json.dumps(list(models)))


async def demand_model(tx: Transaction, kind: str, model: str) -> None:
    """Raises BadInput, with the nearest names and the list, for a model that the kind is known not to offer. A kind of
    which nothing was heard takes any."""
    known: list[str] = json.loads(await get_note(tx, OWNER, kind) or "[]") if model else []
    if not known or model.strip().casefold() in {name.casefold() for name in known}:
        return
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    folded = {name.casefold(): name for name in known}
    close = [folded[name] for name in get_close_matches(model.strip().casefold()[:100], folded, n=3, cutoff=0.6)]
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    remedy = f"{meant}It offers {', '.join(known[:_MOST_NAMED])}{more}; `doctor` asks it anew."
    raise BadInput(f"Agent kind {kind} has no model {model!r}.", remedy=remedy)
