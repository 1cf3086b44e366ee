"""The web console as a chat: what is said and shown there stands on a board, which its pages read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.interfaces import Integration, Setup

if TYPE_CHECKING:
    from core.interfaces import Chat


def _make_chat(setup: Setup) -> Chat:
    from integrations.console.chat import ConsoleChat

    return ConsoleChat(setup.board)


integration = Integration(always=True, name="console", about="The web console, in a browser.", chat=_make_chat)
