"""A terminal that shows what passes, line by line, above one line that moves; and what is typed on it."""

from __future__ import annotations

import os
import shutil
import sys
import termios
from typing import TYPE_CHECKING, TextIO

from bot.cli.render import make_console, write_plain
from core.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
CLEAR = "\r\x1b[2K"


class Screen:
    """Says lines; on a terminal also draws a status line. Text given to it must be plain already."""

    def __init__(self, stream: TextIO, *, live: bool) -> None:
        self._stream = stream
        self.live = live
        self._console: Console | None = make_console(stream) if live else None
        self._drawn = False
        self._turn = 0

    def say(self, text: str, style: str = "") -> None:
        """One or more lines that stay."""
        self.clear()
        if self._console is None:
            write_plain(self._stream, text + "\n")
            return
        from rich.text import Text

        self._console.print(Text(text, style), soft_wrap=True)

    def draw(self, status: str) -> None:
        """The line at the bottom, with the next picture of the spinner. Nothing in a pipe."""
        if not self.live:
            return
        from rich.cells import set_cell_size

        self._turn += 1
        width = max(shutil.get_terminal_size().columns - 3, 10)
        line = set_cell_size(one_line(status), width).rstrip()
        write_plain(self._stream, f"{CLEAR}{SPINNER[self._turn % len(SPINNER)]} {line}")
        self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            write_plain(self._stream, CLEAR)
            self._drawn = False

    def prompt(self, text: str) -> None:
        """Ask on a line of its own."""
        self.clear()
        write_plain(self._stream, f"{text} > ")


class Keyboard:
    """Lines typed on a terminal, read without waiting."""

    def __init__(self, descriptor: int = 0) -> None:
        self.descriptor = descriptor
        self._held = b""

    def forget(self) -> None:
        """Throw away what was typed before the question was shown: it cannot be its answer."""
        self._held = b""
        termios.tcflush(self.descriptor, termios.TCIFLUSH)

    def read_line(self) -> str | None:
        """A whole line if there is one. Raises EOFError when nobody is there any more."""
        got = os.read(self.descriptor, 4096)
        if not got:
            raise EOFError
        self._held += got
        line, found, rest = self._held.partition(b"\n")
        if not found:
            return None
        self._held = rest
        return line.decode("utf-8", "replace")


def is_interactive(stream: TextIO) -> bool:
    """Whether a person sees what is written and can type."""
    return sys.stdin is not None and sys.stdin.isatty() and stream.isatty() and os.environ.get("TERM") != "dumb"
