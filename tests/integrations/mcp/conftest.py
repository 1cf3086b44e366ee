"""A desk on a private socket, and an agent's listener that a test answers by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.interfaces import Answer, Ask
from integrations.mcp.desk import Desk


class FakeListener:
    """Keeps what it hears; every ask waits for the test to give an Answer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, Any]]] = []
        self.asked: asyncio.Queue[tuple[Ask, asyncio.Future[Answer]]] = asyncio.Queue()

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        self.heard.append((kind, data))

    async def ask(self, ask: Ask) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((ask, future))
        return await future

    async def next_ask(self) -> tuple[Ask, asyncio.Future[Answer]]:
        async with asyncio.timeout(10):
            return await self.asked.get()


@pytest.fixture
def make_listener() -> type[FakeListener]:
    return FakeListener


@pytest.fixture
def listener() -> FakeListener:
    return FakeListener()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "agents.sock"


@pytest.fixture
async def desk(socket_path: Path) -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.start(socket_path)
    yield desk
    await desk.close()
