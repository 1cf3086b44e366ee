"""A figure, its floor, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """A limit: at most, or with `least` at least; with `times` of the floor, else of the figure itself."""

    limit: float
    least: bool = False
    times: bool = False

    def __str__(self) -> str:
        return f"at {'least' if self.least else 'most'} {self.limit:g}{' x floor' if self.times else ''}"

    def holds(self, value: float) -> bool:
        """Whether the value is within the limit."""
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. A row that wants nothing is shown for what it explains."""

    name: str
    figure: float
    unit: str
    floor: float | None = None
    wanted: Wanted | None = None

    @property
    def ratio(self) -> float | None:
        """The figure in floors; None without one."""
        return self.figure / self.floor if self.floor else None

    @property
    def holds(self) -> bool | None:
        """None when nothing is wanted. A ratio that cannot be had does not hold."""
        if self.wanted is None:
            return None
        value = self.ratio if self.wanted.times else self.figure
        return value is not None and self.wanted.holds(value)

    def write(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "figure": round_figure(self.figure),
            "floor": None if self.floor is None else round_figure(self.floor),
            "ratio": None if self.ratio is None else round_figure(self.ratio),
            "wanted": None if self.wanted is None else str(self.wanted),
            "unit": self.unit,
            "holds": self.holds,
        }


COLUMNS = ("figure of", "figure", "unit", "floor", "ratio", "wanted", "holds")


def write_cells(row: Row) -> tuple[str, ...]:
    """The row as people read it, in the order of COLUMNS."""
    return (
        row.name,
        show_number(row.figure),
        row.unit,
        show_number(row.floor),
        show_number(row.ratio),
        str(row.wanted or ""),
        {True: "yes", False: "NO", None: ""}[row.holds],
    )


def write_table(rows: Sequence[Row]) -> str:
    """Aligned columns for a terminal."""
    lines = [COLUMNS, *map(write_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def show_number(value: float | None) -> str:
    """Three digits that count, thousands apart."""
    return "" if value is None else f"{round_figure(value):,g}" if abs(value) < 1e5 else f"{value:,.0f}"


def round_figure(value: float) -> float:
    """To three digits that count."""
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def take_percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


__all__ = ["Row", "Wanted", "median", "show_number", "take_percentile", "write_cells", "write_table"]
