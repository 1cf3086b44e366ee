"""How the console is examined: on a board in memory, read as its pages draw it."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.web.pages.chat import Easel
from core.exam.record import Shelf
from core.interfaces import Chat
from core.messages import Card, Entry, EntryKind, Reply
from core.wire import encode_card, encode_reply
from integrations.console.chat import ConsoleChat
from tests.fakes.clock import START


@dataclass
class Page:
    """What a browser shows of a board."""

    shelf: Shelf = field(default_factory=Shelf)

    def read(self) -> str:
        return "\n".join(self._draw(number, *item) for number, item in enumerate(self.shelf.shown.items()))

    def _draw(self, number: int, key: str, shown: Reply | Card) -> str:
        if isinstance(shown, Card):
            kind, body = EntryKind.CARD, encode_card(shown)
        else:
            kind, body = EntryKind.REPLY, encode_reply(shown)
        entry = Entry(f"e-{number}", "console:main", key, kind, "", "", body, START, START, number, number)
        return html.unescape(Easel().draw(entry))


def open_chat() -> tuple[Chat, Callable[[], str]]:
    page = Page()
    return ConsoleChat(page.shelf), page.read
