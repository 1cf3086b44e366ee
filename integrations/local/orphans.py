"""What a killed guard leaves behind, found again in /proc. Without /proc (macOS) nothing is found."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import TemporaryFailure

MARKER = "CALLBOARD_AGENT"
END_SECONDS = 10.0
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Trace:
    """By what an agent's processes are known. `since` is when its guard began, in clock ticks since boot."""

    marker: str
    folder: str
    since: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A living process as /proc shows it. `terminal` is 0 for none; `began` counts clock ticks since boot."""

    pid: int
    parent: int
    session: int
    terminal: int
    began: int
    folder: str = ""
    marker: str = ""


def end_orphans(trace: Trace) -> list[int]:
    """End what is left of an agent whose guard is gone; blocks up to ten seconds. Returns the pids that were ended.

    Raises TemporaryFailure when one does not go."""
    ended: set[int] = set()
    deadline = time.monotonic() + END_SECONDS
    pause = 0.005
    while found := find_orphans(read_entries(), trace, os.getpid()):
        if time.monotonic() > deadline:
            raise TemporaryFailure(f"Left-over processes of an agent could not be ended: {found}.", retry_after=30)
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        ended.update(found)
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
    return sorted(ended)


def find_orphans(entries: Sequence[Entry], trace: Trace, own: int) -> list[int]:
    """Those with the marker, those that work in the folder, and the descendants and sessions of both.

    A folder alone is weak evidence (a person may look around there): it counts only for processes without a terminal
    that began after the guard did, and never for ourselves and what we started."""
    ours = {own, *_find_above(entries, own)}
    family = ours | _find_below(entries, {own})
    marked = {entry.pid for entry in entries if trace.marker and entry.marker == trace.marker} - ours
    inside = {entry.pid for entry in entries if _works_inside(entry, trace)} - family
    found = marked | inside
    sessions = {entry.session for entry in entries if entry.pid in found}
    sessions -= {entry.session for entry in entries if entry.pid in ours or entry.terminal}
    found |= {entry.pid for entry in entries if entry.session in sessions}
    return sorted((found | _find_below(entries, found)) - ours)


def _works_inside(entry: Entry, trace: Trace) -> bool:
    if entry.terminal or not entry.folder or not trace.since or entry.began < trace.since:
        return False
    return f"{entry.folder}/".startswith(f"{trace.folder}/")


def _find_below(entries: Sequence[Entry], roots: Iterable[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in entries:
        children.setdefault(entry.parent, []).append(entry.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(fresh)
        waiting += fresh
    return found


def _find_above(entries: Sequence[Entry], pid: int) -> set[int]:
    parents = {entry.pid: entry.parent for entry in entries}
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) and pid not in found:
        found.add(pid)
    return found


def read_entries() -> list[Entry]:
    """Every living process of this machine that we may look at."""
    if not _PROC.joinpath("self/stat").exists():
        return []
    entries = []
    for name in os.listdir(_PROC):  # noqa: PTH208
        if name.isdigit() and (entry := _read_entry(int(name))):
            entries.append(entry)
    return entries


def _read_entry(pid: int) -> Entry | None:
    """None for the dead. Another user's process has neither folder nor marker for us."""
    try:
        fields = _PROC.joinpath(str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in b"ZX":
        return None
    return Entry(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        terminal=int(fields[4]),
        began=int(fields[19]),
        folder=_read_folder(pid),
        marker=_read_marker(pid),
    )


def _read_folder(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")  # noqa: PTH115
    except OSError:
        return ""


def _read_marker(pid: int) -> str:
    try:
        pairs = _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    start = f"{MARKER}=".encode()
    return next((pair[len(start) :].decode(errors="replace") for pair in pairs if pair.startswith(start)), "")
