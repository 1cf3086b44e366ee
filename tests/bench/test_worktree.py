from __future__ import annotations

from pathlib import Path

import pytest

from bench.house import open_house
from bench.repository import make_repository
from bench.spare import measure_spare, time_ready, write_settings
from bench.worktree import measure_worktree


async def test_a_worktree_is_measured_beside_gits() -> None:
    (row,) = await measure_worktree(files=30, rounds=1)
    assert row.name == "worktree of 30 files"
    assert row.figure > 0
    assert row.floor is not None
    assert row.floor > 0
    assert str(row.wanted) == "at most 1.1 x floor"


async def test_a_spare_is_measured_beside_the_cold_way() -> None:
    (row,) = await measure_spare(files=30, rounds=1)
    assert row.name == "order to ready worktree of 30 files, with a spare"
    assert row.figure > 0
    assert row.floor is not None
    assert row.floor > 0
    assert str(row.wanted) == "at most 0.5 x floor"


async def test_one_way_is_never_taken_for_the_other(tmp_path: Path) -> None:
    make_repository(tmp_path / "repository", 3)
    async with open_house(write_settings(tmp_path / "repository")) as house:
        with pytest.raises(RuntimeError, match=r"begin by agent\.took_spare, and had agent\.queued"):
            await time_ready(house, "cold", "agent.took_spare")
