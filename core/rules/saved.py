"""A rule as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SavedRule:
    """A rule that a person added to a project; `rule` is its mapping, `person` and `name` are who did."""

    id: str
    project: str
    rule: Mapping[str, Any]
    person: str
    name: str
    created_at: datetime
