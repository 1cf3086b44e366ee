"""docs/figures.md: the last run, with the machine it was made on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.row import COLUMNS, Row, write_cells

INTRODUCTION = """# Figures

Made by `make bench`, not by hand. Each figure stands beside its floor: the least that the same work costs without
Callboard, measured in the same run, in turns with it. Times are medians unless a percentile is named. A row that wants
nothing explains the others.
"""


def write_page(results: Mapping[str, Sequence[Row]], about: Mapping[str, str], now: datetime | None = None) -> str:
    """The whole page. `about` says of each name what is measured and how."""
    parts = [INTRODUCTION, describe_machine(now or datetime.now(UTC))]
    for name, rows in results.items():
        parts.append(
            f"## {name}\n\n`python -m bench {name}`\n\n{about[name]}\n\n{write_rows(rows)}\n{name_misses(rows)}"
        )
    return "\n".join(parts)


def write_rows(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *map(write_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def name_misses(rows: Sequence[Row]) -> str:
    """What does not hold, said in words."""
    missed = [row.name for row in rows if row.holds is False]
    return f"\nDoes not hold: {'; '.join(missed)}.\n" if missed else ""


def describe_machine(now: datetime) -> str:
    return (
        f"{now:%Y-%m-%d}, {os.cpu_count()} cores ({name_processor()}), {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}.\n"
    )


def name_processor() -> str:
    """The model as Linux tells it; the architecture elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
