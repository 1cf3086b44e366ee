"""Notices as lines of a file."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from pydantic import Field

from core.errors import PermanentFailure, TemporaryFailure
from core.messages import Reply
from core.settings import Section
from core.text import one_line


class LogSettings(Section):
    """Where notices are written."""

    folder: Path | None = Field(None, description="The folder of the files; `log` in the bot's home unless it is set.")


class LogNotifier:
    """A Notifier of core/interfaces. An address is the name of a file; the key tells what is in it already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def notify(self, address: str, reply: Reply, key: str) -> str:
        """Write one line. Raises PermanentFailure for an address that is no name, TemporaryFailure for a full disk."""
        if not re.fullmatch(r"[a-z0-9-]+", address):
            raise PermanentFailure(f"{address!r} is no name for a file of notices.")
        words = " · ".join(text for text in (reply.text, *(card.title for card in reply.cards)) if text)
        try:
            await asyncio.to_thread(self._append, self._folder / f"{address}.log", key, one_line(words))
        except OSError as error:
            raise TemporaryFailure(f"The notice was not written: {error.strerror}.") from error
        return f"{address}.log {key}"

    def _append(self, file: Path, key: str, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+", encoding="utf-8") as log:
            log.seek(0)
            if not any(line.startswith(f"{key} ") for line in log):
                log.write(f"{key} {text}\n")
