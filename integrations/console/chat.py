"""Puts on the board what the bot has to say in the console. What people see of it, the pages draw."""

from __future__ import annotations

from core.interfaces import Board
from core.messages import Card, Place, Reply


class ConsoleChat:
    """A Chat on a board. Texts are kept as they are: whoever draws them escapes them."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Put a reply there. Raises TemporaryFailure, and PermanentFailure for a place elsewhere."""
        return await self._board.put(place, reply, key)

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Show a card in its place, or anew where it is gone. Raises as `post` does."""
        if reference and await self._board.edit(reference, card):
            return reference
        drawn = await self._board.put(place, card, key)
        await self._board.edit(drawn, card)
        return drawn

    async def find(self, place: Place, key: str) -> str:
        """What stands there under the key. Raises TemporaryFailure."""
        return await self._board.find(place, key)
