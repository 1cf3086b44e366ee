"""How much of an agent's budget is used, in words and as shares. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.budgets import WARN_AT, Budget, Measure, count_usage, say_amount, say_used
from core.cards import Sight


@dataclass(frozen=True, slots=True)
class Share:
    """One measure. `share` is how much is used (1.0 is all), None where use or limit is not known."""

    name: str
    words: str
    share: float | None = None

    @property
    def state(self) -> str:
        """In a word, beside the bar."""
        if self.share is None or self.share < WARN_AT:
            return ""
        return "used up" if self.share >= 1 else "nearly used"


def list_shares(sight: Sight) -> Sequence[Share]:
    """Every measure, also those that are unknown or have no limit."""
    usage, budget = count_usage(sight.agent), sight.budget or Budget()
    return [_make_share(what, getattr(usage, what), getattr(budget, what)) for what in Measure]


def _make_share(what: Measure, used: Any, limit: Any) -> Share:
    words = say_used(what, used, limit) if limit is not None else f"{say_amount(what, used)}, no limit"
    return Share(what.value, words, used / limit if used is not None and limit else None)
