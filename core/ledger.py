"""Budgets as they are used: usage is written with the facts it is of, and looked at before and while agents work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.announce import announce
from core.audit import write_audit
from core.budgets import (
    Budget,
    BudgetWarning,
    DayRaise,
    Measure,
    Plan,
    Scope,
    Usage,
    UsageDay,
    count_usage,
    find_spent,
    is_spent,
    list_warnings,
    read_raised,
    say_amount,
    say_whose,
)
from core.errors import BadInput, Conflict
from core.events import Event
from core.model import Actor, Agent, Person
from core.permissions import demand
from core.store import Transaction, change, find, get, insert_new
from core.store.fleet import lock_agent
from core.store.usage import add_raise, add_usage, sum_usage

RAISED = "You were interrupted because your budget was used up. It was raised: go on where you left off."


async def record_usage(tx: Transaction, before: Mapping[str, Any], day: str, **after: Any) -> None:
    """Write what an agent's facts grew by to its day. `before` are the stored facts, locked in this transaction
    (core.store.usage.lock_facts); `after` names those that are written with it."""
    grown = {name: _subtract(after[name], before[name]) for name in ("tokens", "cost") if name in after}
    seconds = max(0.0, after.get("active_seconds", before["active_seconds"]) - before["active_seconds"])
    turns = after["turns"] - before["turns"] if "turns" in after else 0
    key = {"day": day, "agent": before["id"], "person": before["owner"], "project": before["project"]}
    await add_usage(tx, UsageDay(**key, seconds=seconds, turns=turns, **grown))


def write_before(agent: Agent) -> dict[str, Any]:
    """A locked agent's facts, for `record_usage`."""
    names = ("id", "owner", "project", "active_seconds", "turns", "tokens", "cost")
    return {name: getattr(agent, name) for name in names}


async def see_scopes(tx: Transaction, agent: Agent, plan: Plan, day: str, usage: Usage | None = None) -> list[Scope]:
    """Every budget that an agent lives on, its own first. `usage` is the agent's where more is known than is stored."""
    now = usage or count_usage(agent)
    pending = _subtract_usage(now, count_usage(agent))
    own = Scope("agent", agent.id, f"agent:{agent.id}", now, plan.agent.raised(read_raised(agent)))
    shared = await see_days(tx, plan, agent.project, agent.owner, day)
    return [own, *(replace(scope, usage=scope.usage.add(pending)) for scope in shared)]


async def see_days(
    tx: Transaction, plan: Plan, project: str, person: str, day: str, *, every: bool = False
) -> list[Scope]:
    """The budgets of a day that have a limit, or all of them, with what was used of them."""
    scopes = []
    raises = {(item.kind, item.name): item.more for item in await find(tx, DayRaise, day=day)}

    def make_scope(kind: str, id: str, name: str, key: str, usage: Usage) -> Scope:
        more = raises.get((kind, id), Budget())
        return Scope(kind, name, key, usage, getattr(plan, kind).raised(more), more)

    if every or plan.person_day != Budget():
        owner = await get(tx, Person, id=person)
        usage = await sum_usage(tx, day, person=person)
        name = owner.name if owner else person
        scopes.append(make_scope("person_day", person, name, f"person:{person}:{day}", usage))
    if every or plan.project_day != Budget():
        usage = await sum_usage(tx, day, project=project)
        scopes.append(make_scope("project_day", project, project, f"project:{project}:{day}", usage))
    if every or plan.day != Budget():
        scopes.append(make_scope("day", "", "", f"day:{day}", await sum_usage(tx, day)))
    return scopes


async def demand_room(tx: Transaction, plan: Plan, project: str, person: str, day: str) -> None:
    """Raises Conflict when a budget of the day is used up, so that nothing new is begun."""
    if spent := find_spent(await see_days(tx, plan, project, person, day), starting=True):
        reason, _, remedy = spent.partition("; ")
        raise Conflict(f"{reason[0].upper()}{reason[1:]}.", remedy=f"{remedy[0].upper()}{remedy[1:]}.")


async def note_warnings(tx: Transaction, agent: Agent, scopes: Sequence[Scope], now: datetime) -> None:
    """Tell of each budget that is nearly used, once for as long as its limit is the same."""
    near = list_warnings(scopes)
    # All keys before the first event: else two agents could wait for each other's.
    fresh = [item for item in near if await insert_new(tx, BudgetWarning(item[0], now), "key")]
    for _, scope, verdict in fresh:
        assert verdict.what is not None
        used, limit = getattr(scope.usage, verdict.what), getattr(scope.budget, verdict.what)
        data = {
            "scope": scope.kind,
            "whose": say_whose(scope),
            "what": verdict.what.value,
            "share": round(verdict.share, 3),
            "used": say_amount(verdict.what, used),
            "limit": say_amount(verdict.what, limit),
        }
        await announce(tx, agent, "budget.warned", now, **data)


def list_added(more: Budget) -> dict[str, Any]:
    """What is added, by measure. Raises BadInput when it is nothing."""
    added = {what.value: amount for what in Measure if (amount := getattr(more, what))}
    if added:
        return added
    raise BadInput("Nothing was raised.", remedy="Say by how much: --money 5, --minutes 30, --turns 10, --tokens N.")


async def raise_day(
    tx: Transaction, actor: Actor, kind: str, name: str, more: Budget, plan: Plan, day: str, now: datetime
) -> Event:
    """Add to a budget of this day. `name` is a person's id, a project or "" for everybody. Returns what is to be
    recorded when all rows are written. Raises BadInput for what has no limit."""
    verb = f"budget raise {kind.removesuffix('_day')}"
    demand(actor, verb)
    added = list_added(more)
    if free := [what for what in added if getattr(getattr(plan, kind), what) is None]:
        raise BadInput(f"No limit of {free[0]} is set here.", remedy="`budget show` shows the limits.")
    await add_raise(tx, DayRaise(day, kind, name, **added))
    words = ", ".join(f"{what} {amount:g}" for what, amount in added.items())
    await write_audit(tx, actor, verb, name or "everybody", True, f"{day}: {words}", now)
    data = {"of": kind, "name": name, "day": day, **added}
    return Event("budget.raised", now, project=name if kind == "project_day" else "", actor=actor.person, data=data)


async def raise_budget(tx: Transaction, actor: Actor, agent: Agent, more: Budget, now: datetime) -> tuple[Agent, bool]:
    """Add to an agent's own budget. Returns it as it is now, and whether it rests because a budget was used up, so
    that it is to go on."""
    demand(actor, "budget raise", agent.owner, agent.project)
    added = list_added(more)
    agent = await lock_agent(tx, agent.id) or agent
    raised = {**agent.raised, **{what: agent.raised.get(what, 0) + amount for what, amount in added.items()}}
    await change(tx, Agent, {"id": agent.id}, raised=raised)
    words = ", ".join(f"{name} {amount:g}" for name, amount in added.items())
    await write_audit(tx, actor, "budget raise", agent.id, True, words, now)
    await announce(tx, agent, "budget.raised", now, actor.person, **added)
    tx.ring(f"turn:{agent.id}")
    return replace(agent, raised=raised), is_spent(agent)


def _subtract(after: Any, before: Any) -> Any:
    """What came to it; None where nothing is known, or nothing new."""
    if after is None or after == before:
        return None
    return after - (before or 0)


def _subtract_usage(after: Usage, before: Usage) -> Usage:
    return Usage(
        _subtract(after.money, before.money),
        max(0.0, after.minutes - before.minutes),
        after.turns - before.turns,
        _subtract(after.tokens, before.tokens),
    )
