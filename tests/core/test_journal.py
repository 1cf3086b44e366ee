from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core import journal as module
from core.events import Event
from core.journal import Journal, read_cursor
from core.store import Database, append_events, forget_events
from tests.fakes.chat import KilledError
from tests.fakes.clock import START, FakeClock


def same(text: str) -> str:
    return text


async def happen(database: Database, amount: int, text: str = "x") -> None:
    async with database.transaction() as tx:
        await append_events(tx, *(_make(text) for _ in range(amount)))


def _make(text: str) -> Event:
    return Event("agent.reported", START, agent="web-1", project="web", actor="p-1", data={"text": text})


def read_all(path: Path) -> list[int]:
    """The sequence numbers in all files, oldest first."""
    files = sorted(path.parent.glob(f"{path.name}*"), key=lambda file: -int(file.suffix[1:]) if file != path else 0)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    return [json.loads(line)["seq"] for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "events.jsonl"


async def test_writes_lines_without_secrets(database: Database, path: Path) -> None:
    await happen(database, 1, "pw hunter2 é \ud800")
    journal = Journal(database, path, 10_000, 3, lambda text: text.replace("hunter2", "***"))
    assert await journal.export() == 1
    assert json.loads(path.read_text()) == {
        "seq": 1,
        "at": "2026-03-02T12:00:00+00:00",
        "kind": "agent.reported",
        "agent": "web-1",
        "project": "web",
        "actor": "p-1",
        "data": {"text": "pw *** é \ud800"},
    }


async def test_goes_on_where_the_file_ends(database: Database, path: Path) -> None:
    await happen(database, 3)
    assert await Journal(database, path, 10_000, 3, same).export() == 3
    await happen(database, 2)
    assert await Journal(database, path, 10_000, 3, same).export() == 2
    assert read_all(path) == [1, 2, 3, 4, 5]


async def test_follows_as_it_happens(database: Database, path: Path) -> None:
    clock = FakeClock()
    task = asyncio.create_task(Journal(database, path, 10_000, 3, same, clock).run())
    await clock.settle(1)
    for expected in ([1], [1, 2, 3]):
        await happen(database, len(expected) - len(read_all(path)) if path.exists() else 1)
        await clock.settle(1)
        assert read_all(path) == expected
    task.cancel()


async def test_rotates_by_size_and_keeps_so_many(database: Database, path: Path) -> None:
    await happen(database, 200)
    await Journal(database, path, 2_000, 2, same).export()
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]
    kept = read_all(path)
    assert kept == list(range(kept[0], 201))
    assert all(file.stat().st_size < 2_200 for file in path.parent.iterdir())


@pytest.mark.parametrize("rotate", [3_000, 10_000_000])
async def test_a_thousand_events_and_a_kill_at_every_point(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch, rotate: int
) -> None:
    real_append, real_rotate = module.append_lines, module.rotate_files
    turn = 0

    def append_half(file: Path, lines: list[bytes]) -> None:
        data = b"".join(lines)
        cut = len(data) * (turn % 7) // 6
        real_append(file, [data[:cut]])
        raise KilledError

    def rotate_and_die(file: Path, files: int) -> None:
        if turn % 2:
            real_rotate(file, files)
        raise KilledError

    for turn in range(40):
        await happen(database, 25)
        with monkeypatch.context() as patch:
            if turn % 3 == 2 and rotate < 10_000:
                patch.setattr(module, "rotate_files", rotate_and_die)
            else:
                patch.setattr(module, "append_lines", append_half)
            with pytest.raises(KilledError):
                await Journal(database, path, rotate, 1_000, same).export()
    await Journal(database, path, rotate, 1_000, same).export()
    assert read_all(path) == list(range(1, 1_001))


@pytest.mark.parametrize(
    ("tail", "cursor"),
    [
        (b"", 2),
        (b'{"seq": 3, "at', 2),
        (b'{"seq": 3}', 2),
        (b'{"seq": 3}\n', 3),
        (b"\x00" * 100, 2),
        (b"\x00" * 100 + b"\n", 2),
        (b"\n\n", 2),
        (b'{"seq": 3, "x": "' + b"y" * 300_000, 2),
        (b'{"seq": 3, "x": "' + b"y" * 300_000 + b'"}\n', 3),
    ],
)
def test_cuts_a_spoiled_tail(path: Path, tail: bytes, cursor: int) -> None:
    path.write_bytes(b'{"seq": 1}\n{"seq": 2}\n' + tail)
    assert read_cursor(path) == cursor
    assert path.read_bytes().endswith(b"\n")
    assert path.read_bytes().count(b"\n") == cursor


def test_reads_the_cursor_of_the_file_before(path: Path) -> None:
    assert read_cursor(path) == 0
    path.with_name("events.jsonl.1").write_bytes(b'{"seq": 7}\n')
    assert read_cursor(path) == 7
    path.write_bytes(b'{"seq": 8')
    assert read_cursor(path) == 7


async def test_a_log_of_another_database_is_put_aside(database: Database, path: Path) -> None:
    path.write_bytes(b'{"seq": 99}\n')
    await happen(database, 2)
    with capture_logs() as logs:
        await Journal(database, path, 10_000, 3, same).export()
    assert "another database" in logs[0]["event"]
    assert path.with_name("events.jsonl.1").read_bytes() == b'{"seq": 99}\n'
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, 2]


async def test_says_what_was_forgotten(database: Database, path: Path) -> None:
    await happen(database, 2)
    await Journal(database, path, 10_000, 3, same).export()
    await happen(database, 1)
    async with database.transaction() as tx:
        await forget_events(tx, START.replace(year=2030))
    await happen(database, 1)
    with capture_logs() as logs:
        await Journal(database, path, 10_000, 3, same).export()
    assert logs[0]["after"] == 2
    assert logs[0]["before"] == 4


async def test_a_full_disk_is_told_once_a_minute_and_caught_up(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    real = os.open
    full = True

    def refuse(file: Any, *rest: Any) -> int:
        if full and Path(file) == path:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, *rest)

    monkeypatch.setattr(module.os, "open", refuse)
    await happen(database, 5)
    task = asyncio.create_task(Journal(database, path, 10_000, 3, same, clock).run())
    with capture_logs() as logs:
        await clock.settle(1)
        for _ in range(14):
            clock.advance(5)
            await clock.settle(1)
    assert [entry["reason"] for entry in logs] == ["[Errno 28] No space left on device"] * 2
    full = False
    clock.advance(5)
    await clock.settle(1)
    assert read_all(path) == [1, 2, 3, 4, 5]
    task.cancel()


async def test_a_half_written_batch_is_not_doubled(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    real: Callable[[Path, list[bytes]], None] = module.append_lines  # type: ignore[assignment]

    def fill(file: Path, lines: list[bytes]) -> None:
        real(file, [b"".join(lines)[:400]])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "append_lines", fill)
        await happen(database, 5)
        task = asyncio.create_task(Journal(database, path, 10_000, 3, same, clock).run())
        await clock.settle(1)
    clock.advance(5)
    await clock.settle(1)
    assert read_all(path) == [1, 2, 3, 4, 5]
    task.cancel()
