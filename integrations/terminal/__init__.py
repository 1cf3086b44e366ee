"""The terminal in which the bot runs: the place where people are told things when nothing else is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.interfaces import Integration, Setup

if TYPE_CHECKING:
    from core.interfaces import Chat


def _make_chat(_setup: Setup) -> Chat:
    from integrations.terminal.chat import TerminalChat

    return TerminalChat()


integration = Integration(always=True, name="terminal", about="The terminal in which the bot runs.", chat=_make_chat)
