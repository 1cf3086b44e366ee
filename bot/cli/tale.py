"""An agent's transcript, told as it comes: its words line by line, its tools by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cli.screen import Screen
from core.activity import Titles, describe_update
from core.text import one_line, plain

TOLD_KINDS = ("tool", "report", "note")


class Tale:
    """`after` is the number of the last update that was told, `activity` what to show of it in one line."""

    def __init__(self, screen: Screen, after: int) -> None:
        self._screen = screen
        self._words = ""
        self._last = ""
        self._titles = Titles()
        self.after = after
        self.activity = ""

    def tell(self, updates: Sequence[Mapping[str, Any]]) -> None:
        for update in updates:
            self.after = max(self.after, int(update.get("number", 0)))
            self._tell_update(str(update.get("kind", "")), update.get("data") or {})

    def knows(self, call: str) -> bool:
        """Whether it was told that a tool call began."""
        return self._titles.knows(call)

    def pause(self) -> None:
        """Say what was held back for the rest of its line."""
        if self._words.strip():
            self._screen.say(plain(self._words).rstrip())
        self._words = ""

    def _tell_update(self, kind: str, data: Mapping[str, Any]) -> None:
        line = one_line(describe_update(kind, self._titles.fill(data) if kind == "tool" else data))
        self.activity = line or self.activity
        if kind == "message":
            self._words += str(data.get("text", ""))
            whole, found, self._words = self._words.rpartition("\n")
            if found and whole.strip():
                self._screen.say(plain(whole))
            return
        self.pause()
        if line and kind in TOLD_KINDS and line != self._last:
            self._screen.say(f"  · {line}", "dim")
            self._last = line
