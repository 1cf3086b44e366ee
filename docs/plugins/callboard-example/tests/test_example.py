"""Callboard's own exam, for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from callboard_example import lines, log

from core.exam import examine_integration, examine_notifier, examine_runtime, make_setup
from core.interfaces import Integration


@pytest.mark.parametrize("record", [log, lines], ids=lambda record: record.name)
def test_the_record(record: Integration, tmp_path: Path) -> None:
    asyncio.run(examine_integration(record, tmp_path))


def test_the_notifier(tmp_path: Path) -> None:
    assert log.notifier
    notifier, file = log.notifier(make_setup(log, tmp_path)), tmp_path / "log" / "alerts.log"
    asyncio.run(examine_notifier(notifier, lambda: file.read_text("utf-8"), "alerts", wrong="../alerts"))


def test_the_runtime(tmp_path: Path) -> None:
    assert lines.runtime
    (kind,) = lines.kinds

    @asynccontextmanager
    async def start() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*kind.command, stdin=pipe, stdout=pipe, cwd=tmp_path)
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout, process.stdin
        finally:
            process.kill()
            process.stdin.close()
            await process.wait()

    def noted() -> bool:
        return "ask me" in (tmp_path / "notes.txt").read_text()

    runtime = lines.runtime(make_setup(lines, tmp_path))
    words = {"task": "hello", "long": "wait", "ask": "ask me"}
    asyncio.run(examine_runtime(runtime, start, str(tmp_path), **words, did=noted))
