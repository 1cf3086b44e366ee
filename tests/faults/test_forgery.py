"""S2, in full, for the HTTP door: 100,000 forged requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.web.door import Door
from tests.bot.web.test_forgery import assert_refuses


@pytest.mark.timeout(900)
async def test_a_hundred_thousand_forged_requests(tmp_path: Path) -> None:
    door = Door(tmp_path / "home")
    await door.start()
    try:
        await assert_refuses(door, 100_000, seed=2)
    finally:
        await door.stop()
