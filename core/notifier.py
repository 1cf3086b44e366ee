"""A Notifier as a Chat, so that whatever is told to a place can be told to one that only takes notices."""

from __future__ import annotations

from core.errors import PermanentFailure
from core.interfaces import Notifier
from core.messages import Card, Place, Reply


class NotifierChat:
    """Posts by notifying. It draws no living cards, and cannot look up what was sent: after an ambiguous send the same
    notice goes out again with the same key."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Send a notice to the place's address; returns the receipt."""
        return await self._notifier.notify(place.address, reply, key)

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Raises PermanentFailure: a notice that was sent cannot be changed."""
        raise PermanentFailure(f"{place.chat} sends notices and cannot show cards that change.")

    async def find(self, place: Place, key: str) -> str:
        return ""

    def close(self) -> None:
        """Let go of what the notifier keeps ready."""
        if close := getattr(self._notifier, "close", None):
            close()
