from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integrations.acp.fake import Line, Recorder, draw_line


@pytest.fixture
async def line(quiet: None) -> AsyncIterator[Line]:
    async with draw_line() as line:
        yield line


@pytest.fixture
def recorder(line: Line) -> Recorder:
    return line.recorder


@pytest.fixture
async def quiet(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Nothing on the log, no exception that nobody saw, no task left."""
    unseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unseen.append(context))
    before = asyncio.all_tasks()
    yield
    before.add(asyncio.current_task())  # type: ignore[arg-type]
    for _ in range(50):
        if not asyncio.all_tasks() - before:
            break
        await asyncio.sleep(0.01)
    assert not asyncio.all_tasks() - before
    assert not unseen
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
