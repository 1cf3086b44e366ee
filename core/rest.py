"""How agents come to rest."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.announce import subject_of
from core.crew import Crew, LeaseLost, write_facts
from core.delivery import bump_postings
from core.errors import TemporaryFailure
from core.interfaces import Work, Workspace
from core.model import Agent, AgentMessage, MessageState, Outcome, Wanted
from core.store import Transaction, change
from core.turns import Halt, TurnResult


@dataclass(frozen=True, slots=True)
class Rest:
    """How an agent comes to rest."""

    outcome: Outcome
    reason: str = ""


HALTS = {
    Halt.STOP: Rest(Outcome.STOPPED, "stopped"),
    Halt.OUTPUT: Rest(Outcome.FAILED, "it said more than limits.output_mb allows"),
}


def judge_turn(last: TurnResult) -> Rest | TurnResult | None:
    """What ends the conversation, if the turn did; a result says that the process is of no use any more."""
    if last.halt is Halt.BUDGET:
        return Rest(Outcome.READY, last.spent)
    if last.failed:
        return Rest(Outcome.FAILED, last.failed)
    return HALTS.get(last.halt) or (last if last.broken else None)


def add_trouble(rest: Rest, trouble: str) -> Rest:
    """The same rest where the work could not be collected: somebody has to look, so it is not done."""
    if not trouble:
        return rest
    if rest.outcome is Outcome.DONE:
        return Rest(Outcome.READY, f"its work was not committed: {trouble}")
    return replace(rest, reason=f"{rest.reason}; its work was not committed: {trouble}")


def write_rest_facts(rest: Rest, work: Work, now: datetime) -> dict[str, Any]:
    """What a rest says of its agent."""
    return {
        "outcome": rest.outcome,
        "reason": rest.reason,
        "wanted": Wanted.REST,
        "ended_at": now,
        "turn_started_at": None,
        "commits": tuple(work.commits),
        "diffstat": _say_missing(work) + work.diffstat,
    }


def _say_missing(work: Work) -> str:
    return f" … {work.missing:,} older commits are not listed\n" if work.missing else ""


def write_rest_data(rest: Rest, work: Work, workspace: Workspace | None) -> dict[str, Any]:
    """What a rest's event carries."""
    if rest.outcome is Outcome.DONE:
        return {"commits": len(work.commits) + work.missing, "branch": workspace.branch if workspace else ""}
    return {"reason": rest.reason}


async def drop_messages(tx: Transaction, agent: str, now: datetime) -> int:
    """A stop takes back what was not handed over yet; how many messages."""
    waiting = {"agent": agent, "state": MessageState.QUEUED}
    await change(tx, AgentMessage, {"agent": agent, "state": MessageState.SENT}, state=MessageState.DONE, ended_at=now)
    return await change(tx, AgentMessage, waiting, state=MessageState.DROPPED, ended_at=now)


async def note_wait(crew: Crew, agent: Agent, failure: TemporaryFailure) -> None:
    """Say on the agent's card what it is tried again for. Nothing is said while the database itself is away."""
    words = crew.redact(f"waits, and is tried again: {failure}")[:300]
    with contextlib.suppress(TemporaryFailure, LeaseLost):
        async with crew.database.transaction() as tx:
            await write_facts(tx, agent, last_activity=words, last_activity_at=crew.now())
            await bump_postings(tx, subject_of(agent.id))
