"""The fleet in columns: agents that want the same of people stand in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from core.lifecycle import ENDS
from core.model import Agent, Outcome, Status

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """Agents that want the same of people."""

    name: str
    title: str
    statuses: tuple[Status, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How those of it that rest came to rest."""
        return tuple(outcome for outcome, end in ENDS.items() if end in self.statuses)


COLUMNS = (
    Column("needs-you", "Needs you", (Status.NEEDS_YOU,)),
    Column("trouble", "Stuck or failed", (Status.STUCK, Status.FAILED)),
    Column("working", "Working", (Status.WORKING,)),
    Column("queued", "Queued", (Status.QUEUED,)),
    Column("ready", "Ready", (Status.READY,)),
    Column("done", "Done", (Status.DONE, Status.STOPPED)),
)
COLUMN_OF = {status: column.name for column in COLUMNS for status in column.statuses}
_WAITING = ("needs-you", "queued")


def sort_column(name: str, items: Iterable[T], agent_of: Callable[[T], Agent]) -> list[T]:
    """What stands in a column: who waits for somebody, the longest first; others, the newest first."""
    return sorted(items, key=lambda item: _find_moment(agent_of(item)), reverse=name not in _WAITING)


def _find_moment(agent: Agent) -> datetime:
    return agent.ended_at or agent.created_at
