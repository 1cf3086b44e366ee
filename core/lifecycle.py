"""What an agent's facts mean. Pure: facts and `now` in, status out. The status is never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.model import Agent, Outcome, ProcessState, Status, Wanted

ENDS = {
    Outcome.DONE: Status.DONE,
    Outcome.READY: Status.READY,
    Outcome.FAILED: Status.FAILED,
    Outcome.STOPPED: Status.STOPPED,
}
ORDER = tuple(Status)
SETTING_UP = "setting up: "  # how the last activity begins while a set-up command runs


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence is normal. While a tool runs (a build, a test suite) silence means less."""

    silent: timedelta = timedelta(minutes=10)
    silent_in_tool: timedelta = timedelta(minutes=45)


def derive_status(agent: Agent, open_requests: int, now: datetime, patience: Patience) -> Status:
    """The one word for an agent, from stored facts."""
    if agent.outcome is not Outcome.NONE:
        return ENDS[agent.outcome]
    if open_requests and agent.wanted is Wanted.RUN:
        return Status.NEEDS_YOU
    if agent.process is ProcessState.NONE and not agent.holder:
        return Status.QUEUED
    return Status.STUCK if is_stuck(agent, now, patience) else Status.WORKING


def find_outcome(status: Status) -> Outcome:
    """The stored outcome that an agent of this status has."""
    return next((outcome for outcome, end in ENDS.items() if end is status), Outcome.NONE)


def is_stuck(agent: Agent, now: datetime, patience: Patience) -> bool:
    """Whether a turn has been silent for longer than its last sign of life explains."""
    if agent.turn_started_at is None:
        return False
    last = max(agent.turn_started_at, agent.last_activity_at or agent.turn_started_at)
    in_tool = agent.last_activity.startswith("running ")
    return now - last > (patience.silent_in_tool if in_tool else patience.silent)


def is_resting(agent: Agent) -> bool:
    """Whether nothing runs, or will run, for the agent until somebody speaks to it."""
    return agent.outcome is not Outcome.NONE


def is_removed(agent: Agent) -> bool:
    return agent.removed_at is not None


def count_seconds(agent: Agent, now: datetime) -> float:
    """Seconds from the order to the end, or until now."""
    return max(0.0, ((agent.ended_at or now) - agent.created_at).total_seconds())
