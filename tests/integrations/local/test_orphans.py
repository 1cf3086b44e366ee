from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from integrations.local.orphans import Entry, Trace, find_orphans, read_entries

TRACE = Trace("home:web-1", "/w/web-1", since=100)
BOT = 10


def entry(pid: int, parent: int = 1, session: int = 0, **more: object) -> Entry:
    known = {"terminal": 0, "began": 200, "folder": "/", "marker": ""}
    return Entry(pid, parent, session or pid, **{**known, **more})  # type: ignore[arg-type]


INIT = entry(1, 0)
SHELL = entry(5, 1, terminal=34816)
SELF = entry(BOT, 5, 5, terminal=34816)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([], []),
        ([entry(20, marker="home:web-1")], [20]),
        ([entry(20, marker="home:web-2"), entry(21, marker="other:web-1"), entry(22, marker="home:web-11")], []),
        ([entry(20, marker="home:web-1"), entry(21, 20), entry(22, 21)], [20, 21, 22]),
        ([entry(20, marker="home:web-1"), entry(21, 1, 20)], [20, 21]),
        ([entry(20, folder="/w/web-1/src")], [20]),
        ([entry(20, folder="/w/web-1")], [20]),
        ([entry(20, folder="/w/web-12")], []),
        ([entry(20, folder="/w/web-1", began=99)], []),
        ([entry(20, folder="/w/web-1", terminal=34817)], []),
        ([entry(20, 5, 5, folder="/w/web-1", terminal=34816)], []),
        ([entry(20, BOT, folder="/w/web-1")], []),
        ([entry(20, BOT, marker="home:web-1")], [20]),
        ([entry(20, marker="home:web-1", session=5), entry(21, 1, 5, terminal=34816)], [20]),
    ],
)
def test_who_is_an_orphan(others: Sequence[Entry], found: Sequence[int]) -> None:
    assert find_orphans([INIT, SHELL, SELF, *others], TRACE, BOT) == found


def test_a_bot_started_by_an_agent_does_not_end_itself() -> None:
    above = entry(6, 5, marker="home:web-1")
    own = entry(BOT, 6, 6, marker="home:web-1")
    assert find_orphans([INIT, SHELL, above, own], TRACE, BOT) == []


def test_without_a_beginning_the_folder_says_nothing() -> None:
    trace = Trace("home:web-1", "/w/web-1")
    assert find_orphans([INIT, SELF, entry(20, folder="/w/web-1")], trace, BOT) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_process_is_seen() -> None:
    own = next(entry for entry in read_entries() if entry.pid == os.getpid())
    assert own.parent == os.getppid()
    assert own.session == os.getsid(0)
    assert Path(own.folder) == Path.cwd()
