"""The event log as files: every event once, in order, also when the bot is killed at any moment.

The file is its own cursor: what it ends with is where the next start goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import structlog

from core.clock import Clock, WallClock
from core.errors import TemporaryFailure
from core.events import Event
from core.store import Database, last_seq, list_events
from core.store.events import BELL
from core.wire import map_text

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
_TROUBLE = timedelta(seconds=5)
_TOLD_AGAIN = timedelta(minutes=1)
_BATCH = 500
_GATHER = 0.1
_WINDOW = 65_536


class Journal:
    """Copies events to `path` as JSON lines; at `rotate_bytes` it becomes `path.1`, and so on; `files` old ones, at
    least one, are kept."""

    def __init__(
        self,
        database: Database,
        path: Path,
        rotate_bytes: int,
        files: int,
        redact: Callable[[str], str],
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._files = max(1, files)
        self._redact = redact
        self._clock = clock or WallClock()
        self._cursor: int | None = None
        self._told_at: datetime | None = None

    async def run(self) -> None:
        """Copy for ever. A full disk, or a database that cannot be read, is told of and tried again."""
        bells = self._database.bells
        while True:
            heard = bells.listen(BELL)
            pause = LOOK_AGAIN
            try:
                await self.export()
            except (OSError, TemporaryFailure) as error:
                self._cursor = None
                pause = _TROUBLE
                self._tell(error)
            await self._clock.wait(bells, BELL, heard, self._clock.now() + pause)
            await asyncio.sleep(_GATHER)

    async def export(self) -> int:
        """Copy what is not in the files yet; how many events. Raises OSError when they cannot be written."""
        copied = 0
        if self._cursor is None:
            self._cursor = await self._find_cursor()
        while True:
            async with self._database.reading() as tx:
                events = await list_events(tx, after=self._cursor, limit=_BATCH)
            if not events:
                return copied
            self._check_gap(events[0].seq)
            await asyncio.to_thread(self._write, events)
            self._cursor = events[-1].seq
            copied += len(events)

    async def _find_cursor(self) -> int:
        cursor = await asyncio.to_thread(read_cursor, self._path)
        async with self._database.reading() as tx:
            newest = await last_seq(tx)
        if cursor <= newest:
            return cursor
        log.warning("the event log is of another database and is put aside", path=str(self._path), ends_with=cursor)
        await asyncio.to_thread(rotate_files, self._path, self._files)
        return 0

    def _check_gap(self, first: int) -> None:
        if self._cursor and first > self._cursor + 1:
            log.warning("events were forgotten before they were exported", after=self._cursor, before=first)

    def _write(self, events: Sequence[Event]) -> None:
        lines = [write_line(event, self._redact) for event in events]
        while lines:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size >= self._rotate_bytes:
                rotate_files(self._path, self._files)
                size = 0
            fitting = count_fitting(lines, self._rotate_bytes - size)
            append_lines(self._path, lines[:fitting])
            lines = lines[fitting:]

    def _tell(self, error: Exception) -> None:
        now = self._clock.now()
        if self._told_at is None or now - self._told_at >= _TOLD_AGAIN:
            self._told_at = now
            log.error("the event log cannot be written; it is caught up later", path=str(self._path), reason=str(error))


def write_line(event: Event, redact: Callable[[str], str]) -> bytes:
    """An event as one line of JSON, without its secrets."""
    shown = {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "agent": redact(event.agent),
        "project": redact(event.project),
        "actor": redact(event.actor),
        "data": map_text(dict(event.data), redact),
    }
    return json.dumps(shown, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def count_fitting(lines: Sequence[bytes], room: int) -> int:
    """How many lines a file takes until it has no room left; the last of them may stick out."""
    for index, line in enumerate(lines):
        if room <= 0:
            return index
        room -= len(line)
    return len(lines)


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Add lines to a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.writelines(lines)


def rotate_files(path: Path, files: int) -> None:
    """`path` becomes `path.1`, and so on; the oldest goes, so that `files` old ones are left."""
    for number in range(files, 0, -1):
        source = _numbered(path, number - 1)
        if source.exists():
            source.replace(_numbered(path, number))
    path.unlink(missing_ok=True)


def read_cursor(path: Path) -> int:
    """The sequence number that the files end with, 0 when there are none. A last line that a kill cut short, or that
    a power failure spoiled, is cut off."""
    for file in (path, _numbered(path, 1)):
        if file.exists() and (cursor := _cut_file(file)):
            return cursor
    return 0


def _cut_file(path: Path) -> int:
    with path.open("r+b") as file:
        return _cut_tail(file)


def _cut_tail(file: BinaryIO) -> int:
    while True:
        end = file.seek(0, os.SEEK_END)
        start, line = _read_last(file, end)
        cursor = _parse_cursor(line)
        if cursor or not end:
            return cursor
        file.truncate(start)


def _read_last(file: BinaryIO, end: int) -> tuple[int, bytes]:
    window = _WINDOW
    while True:
        start = max(0, end - window)
        file.seek(start)
        tail = file.read(end - start)
        cut = tail.rfind(b"\n", 0, -1)
        if cut >= 0 or start == 0:
            return start + cut + 1, tail[cut + 1 :]
        window *= 4


def _parse_cursor(line: bytes) -> int:
    if not line.endswith(b"\n"):
        return 0
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, KeyError, TypeError):
        return 0


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path
