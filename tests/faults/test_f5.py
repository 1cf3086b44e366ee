"""F5 at full length: 200 kills. Prints what was shot. Run by `make faults`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))

from shot import ShotHouse, run_kills, run_rich_kills


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10))
async def test_two_hundred_kills(tmp_path: Path, seed: int) -> None:
    shot = await run_kills(ShotHouse(tmp_path / "home", {"limits": {"restarts": 30}}), 20, seed=seed)
    print(f"F5 seed {seed}: shot {shot}, lost 0, run twice 0, left behind 0")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(5))
async def test_fifty_kills_with_setup_rules_and_budgets(tmp_path: Path, seed: int) -> None:
    shot = await run_rich_kills(tmp_path, 10, seed=seed)
    print(f"F5 with set-up, rules and budgets, seed {seed}: shot {shot}, set up twice 0, counted twice 0")
