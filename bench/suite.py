"""What is measured under one name."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.row import Row

Part = Callable[[], Awaitable[Sequence[Row]]]


@dataclass(frozen=True, slots=True)
class Suite:
    """The parts run one after another, each alone on the machine. `about` is for the page."""

    about: str
    parts: Mapping[str, Part]

    async def measure(self, wanted: Sequence[str] | None = None) -> list[Row]:
        """The rows of the wanted parts, of all when none is named."""
        rows: list[Row] = []
        for name, part in self.parts.items():
            if not wanted or name in wanted:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                rows += await part()
        return rows
