"""Which message shows what, as the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.messages import Place
from core.model import Posting
from core.store import Database, find
from core.store.spine import list_drawn


@dataclass(frozen=True, slots=True)
class Moorings:
    """The cards of all chats."""

    database: Database

    async def find_reference(self, place: Place, subject: str) -> str:
        async with self.database.reading() as tx:
            found = await find(tx, Posting, place=str(place), subject=subject)
        return found[0].reference if found else ""

    async def find_subject(self, place: Place, reference: str) -> str:
        async with self.database.reading() as tx:
            found = await find(tx, Posting, place=str(place), reference=reference)
        return found[0].subject if found and reference else ""

    async def list_cards(self, chat: str, kind: str) -> Sequence[tuple[str, str]]:
        async with self.database.reading() as tx:
            found = await list_drawn(tx, f"{chat}:", kind)
        return [(posting.subject, posting.reference) for posting in found]
