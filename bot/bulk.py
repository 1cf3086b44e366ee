"""Stopping many agents: whom it would stop and whom not is said before, and then exactly that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.agents import stop_agent
from core.cards import Sight
from core.lifecycle import is_resting
from core.messages import Button, Card, Tone
from core.model import Actor, Agent, Wanted
from core.permissions import RULES, allow
from core.prompts import title_task
from core.store import Transaction, find

MOST = 1_000
STOPPED = "is stopped"
_SHOWN = 15
Plan = Sequence[tuple[Sight, str]]


def find_hindrance(actor: Actor, sight: Sight) -> str:
    """Why an agent cannot be stopped by this person; "" when it can."""
    if is_resting(sight.agent):
        return f"It is {sight.status.value} already."
    if sight.agent.wanted is Wanted.STOP:
        return "It is being stopped."
    decision = allow(actor, "stop", RULES["stop"], sight.agent.owner, project=sight.agent.project)
    return "" if decision.allowed else decision.reason


def list_able(plan: Plan) -> list[str]:
    """Those of a plan that would be stopped."""
    return [sight.agent.id for sight, hindrance in plan if not hindrance]


def draw_plan(plan: Plan) -> Card:
    """What would be stopped and what not, with the button that does exactly this."""
    able = [sight for sight, hindrance in plan if not hindrance]
    if not able:
        return Card("Nothing to stop", lines=_cut([_say_left(*item) for item in plan]))
    agents = "agent" if len(able) == 1 else "agents"
    ids = " ".join(sight.agent.id for sight in able)
    label = "Stop it" if len(able) == 1 else f"Stop these {len(able)}"
    return Card(
        f"Stop {len(able)} {agents}? Their work is kept.",
        Tone.ASKING,
        lines=(*_cut([_say_one(sight) for sight in able]), *_cut([_say_left(*item) for item in plan if item[1]])),
        buttons=(Button(label, f'stop all --only "{ids}"', primary=True),),
    )


def _say_one(sight: Sight) -> str:
    return f"{sight.agent.id} · {sight.status.value} · {title_task(sight.agent.task, 50)} · {sight.owner}"


def _say_left(sight: Sight, hindrance: str) -> str:
    return f"{sight.agent.id} is left out: {hindrance}"


def _cut(lines: Sequence[str]) -> tuple[str, ...]:
    missing = len(lines) - _SHOWN
    return (*lines[:_SHOWN], f"… {missing} more") if missing > 0 else tuple(lines)


def say_outcomes(outcomes: Mapping[str, str]) -> str:
    """How many are stopped, and what became of each other."""
    stopped = [agent for agent, how in outcomes.items() if how == STOPPED]
    left = [f"{agent} {how}." for agent, how in outcomes.items() if how != STOPPED]
    words = f"Stopping {', '.join(_cut(stopped))}; their work is kept." if stopped else "Nothing was stopped."
    return " ".join((words, *_cut(left)))


async def stop_agents(tx: Transaction, actor: Actor, ids: Sequence[str], now: datetime) -> dict[str, str]:
    """Stop these, each if this person may, and it runs by now; what became of each."""
    known = {agent.id: agent for agent in await find(tx, Agent, id=tuple(ids))}
    # In one order always: agents stay locked until the end, and two who stop the same must not wait for each other.
    return {id: await _stop_one(tx, actor, known.get(id), now) for id in sorted(dict.fromkeys(ids))}


async def _stop_one(tx: Transaction, actor: Actor, agent: Agent | None, now: datetime) -> str:
    if agent is None or agent.removed_at is not None:
        return "is gone"
    decision = allow(actor, "stop", RULES["stop"], agent.owner, project=agent.project)
    if not decision.allowed:
        return f"is not stopped: {decision.reason.rstrip('.')}"
    return STOPPED if await stop_agent(tx, actor, agent, "", now) else "does not run any more"
