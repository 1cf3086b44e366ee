from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from house import LiveHouse

Opener = Callable[..., Awaitable[LiveHouse]]


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[Opener]:
    """Starts bots, each with settings of its own, and ends them."""
    opened: list[LiveHouse] = []

    async def open_one(name: str = "home", environ: dict[str, str] | None = None, **settings: Any) -> LiveHouse:
        house = LiveHouse(tmp_path / name, settings, environ)
        opened.append(house)
        return await house.start()

    yield open_one
    for house in opened:
        await house.stop()


@pytest.fixture
async def house(open_house: Opener) -> LiveHouse:
    """A running bot with default settings."""
    return await open_house()
