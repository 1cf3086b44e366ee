"""Home tabs: the page that a chat keeps for one person alone, where it has such pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.messages import Place

KIND = "home"
TURN = "home "
# At least so long between two drawings of one tab, and between two looks at whether it has to be drawn.
GAP = timedelta(seconds=5)
# Some of what it shows changes by nothing but the time: an agent is silent for too long.
LOOKED_AT = timedelta(minutes=1)
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Tab:
    """The tab of somebody who opened it. `facts` are what the chat knew of them when they last did something there.
    `column` and `mine` are what of the fleet they want to see, `answer` is the reply to what they did there last
    (core.wire). Of all events up to `seq` it was drawn, or is about to be, since `looked_at`."""

    place: str
    identity: str
    name: str
    facts: Sequence[str]
    seq: int
    looked_at: datetime
    seen_at: datetime
    column: str = ""
    mine: bool = False
    answer: Mapping[str, Any] | None = None


def name_subject(place: str) -> str:
    """What a posting of a tab shows."""
    return f"{KIND}:{place}"


def is_subject(subject: str) -> bool:
    """Whether a posting shows a tab."""
    return subject.startswith(f"{KIND}:")


def is_home(place: Place) -> bool:
    """Whether a place is somebody's tab: a chat writes it as `~` and whoever sees it."""
    return place.address.startswith("~")
