"""The command line on a terminal of its own: a pseudo-terminal that the test reads and types on."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bot.cli.fake import CODE, make_environ

PATIENCE = 20.0


class Terminal:
    """`seen` is everything that was written, without colours and cursor movements."""

    def __init__(self, descriptor: int, process: int) -> None:
        self._descriptor, self._process = descriptor, process
        self._raw = ""
        self._mark = 0
        self.code: int | None = None

    @property
    def seen(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._raw).replace("\r\n", "\n")

    @property
    def raw(self) -> str:
        return self._raw

    def expect(self, text: str) -> None:
        """Wait until the text is written, after what was expected before."""
        end = time.monotonic() + PATIENCE
        while (found := self.seen.find(text, self._mark)) < 0:
            assert self._read(end), f"{text!r} was not written:\n{self.seen}"
        self._mark = found + len(text)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        os.kill(self._process, signal.SIGINT)

    def finish(self) -> int:
        """Wait for the end; the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        _, status = os.waitpid(self._process, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def close(self) -> None:
        if self.code is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._descriptor)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            got = os.read(self._descriptor, 65_536)
        except OSError:
            return False
        self._raw += got.decode("utf-8", "replace")
        return bool(got)


@contextmanager
def open_terminal(home: Path, *words: str, **more: str) -> Iterator[Terminal]:
    environ = make_environ(home, TERM="xterm-256color", COLUMNS="100", LINES="40", **more)
    environ.pop("NO_COLOR", None) if "NO_COLOR" not in more else None
    process, descriptor = pty.fork()
    if process == 0:
        # Whoever runs the tests in the background ignores it, and what is ignored is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(sys.executable, [sys.executable, "-W", "error", "-c", CODE, *words], environ)
    terminal = Terminal(descriptor, process)
    try:
        yield terminal
    finally:
        terminal.close()
