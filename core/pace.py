"""How fast, and when again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BACKOFF = (1, 5, 30, 120, 600)
_LEAST, _MOST = 0.1, 3600.0


def choose_delay(attempts: int, retry_after: float | None) -> timedelta:
    """How long to wait after the attempt with this number (from 1); what the other side asked for comes first."""
    if retry_after is not None:
        return timedelta(seconds=min(max(retry_after, _LEAST), _MOST))
    return timedelta(seconds=BACKOFF[min(max(attempts, 1), len(BACKOFF)) - 1])


class Gate:
    """When a place may be posted to again. In memory: after a restart every place may."""

    def __init__(self) -> None:
        self._closed: dict[str, datetime] = {}

    def close(self, place: str, until: datetime) -> None:
        """Nothing more to the place before then."""
        self._closed[place] = max(until, self._closed.get(place, until))

    def list_closed(self, now: datetime) -> Mapping[str, datetime]:
        """Places that wait, and until when."""
        self._closed = {place: until for place, until in self._closed.items() if until > now}
        return self._closed


@dataclass(frozen=True, slots=True)
class Look:
    """When a line looked, and until when places were closed then: what becomes due or free while it looks was not seen,
    and must not be slept over."""

    at: datetime
    closed: Sequence[datetime] = ()

    @classmethod
    def take(cls, gate: Gate, now: datetime) -> Look:
        return cls(now, tuple(gate.list_closed(now).values()))
