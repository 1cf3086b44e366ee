"""Budgets: what was used of them, and more for an agent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from bot.commands.later import import_later
from bot.commands.parameters import Count, Shown, Spender, Text, Word
from bot.commands.registry import command
from core.errors import BadInput
from core.messages import Reply, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.commands.context import Context
    from core import agents, budgets, ledger, model, store
    from core.store import fleet
else:
    agents = import_later("core.agents")
    budgets = import_later("core.budgets")
    ledger = import_later("core.ledger")
    model = import_later("core.model")
    store = import_later("core.store")
    fleet = import_later("core.store.fleet")

DAYS = {"person": "person_day", "project": "project_day", "day": "day"}
_COLUMNS = ("budget", "money", "minutes", "turns", "tokens")


@command(
    "budget show",
    "Show what was used of the budgets of an agent, a project or everybody",
    examples=("budget show", "budget show sample", "budget show sample-1", "budget show person kim"),
)
async def show_budget(
    ctx: Context,
    subject: Annotated[
        Text, Shown("AGENT|PROJECT"), "An agent, a project, or `person NAME`; all that work and today when left out."
    ] = "",
) -> Reply:
    house = ctx.house
    async with ctx.read() as tx:
        found, project, owner = await _find_spenders(tx, ctx, subject)
        scopes = [_see_agent(ctx, agent) for agent in found]
        scopes += await ledger.see_days(tx, house.find_plan(project), project, owner, house.day, every=True)
    data = [_write_scope(scope) for scope in scopes]
    return Reply(table=Table(_COLUMNS, [_write_row(scope) for scope in scopes]), data={"budgets": data})


async def _find_spenders(tx: store.Transaction, ctx: Context, subject: str) -> tuple[Sequence[model.Agent], str, str]:
    """Which agents are shown, and the project and the person whose day is."""
    kind, _, name = subject.partition(" ")
    words = name.strip() if kind in ("person", "project") else ""
    person = (await agents.find_person(tx, words)).id if kind == "person" and words else ""
    project = words if kind == "project" and words else subject
    if person or project in ("", *ctx.house.projects):
        named = "" if person else project
        found = await fleet.list_agents(tx, project=named, owner=person, outcome=model.Outcome.NONE, limit=50)
        return found, named or ctx.house.default_project, person or ctx.actor.person
    agent = await agents.require_agent(tx, subject)
    return [agent], agent.project, agent.owner


def _see_agent(ctx: Context, agent: model.Agent) -> budgets.Scope:
    budget = ctx.house.find_plan(agent.project).agent.raised(budgets.read_raised(agent))
    return budgets.Scope("agent", agent.id, "", budgets.count_usage(agent), budget)


def _write_row(scope: budgets.Scope) -> Sequence[str]:
    name = scope.name if scope.kind == "agent" else budgets.say_whose(scope)
    more = budgets.say_more(scope.raised)
    name += f" (raised by {more})" if more else ""
    return name, *(
        budgets.say_used(what, getattr(scope.usage, what), getattr(scope.budget, what)) for what in budgets.Measure
    )


def _write_scope(scope: budgets.Scope) -> dict[str, Any]:
    verdict = budgets.judge(scope.usage, scope.budget)
    used: dict[str, Any] = {what.value: getattr(scope.usage, what) for what in budgets.Measure}
    limits: dict[str, Any] = {what.value: getattr(scope.budget, what) for what in budgets.Measure}
    used["minutes"] = round(used["minutes"], 3)
    raised = {what.value: more for what in budgets.Measure if (more := getattr(scope.raised, what))}
    return {
        "of": scope.kind,
        "name": scope.name,
        "used": used,
        "limits": limits,
        "raised": raised,
        "state": verdict.state.value,
    }


@command(
    "budget raise",
    "Add to an agent's budget, or to today's of a person, a project or everybody",
    role="approver",
    acts=True,
    examples=(
        "budget raise sample-1 --money 5",
        "budget raise sample-1 --minutes 30 --turns 10",
        "budget raise project sample --money 20",
        "budget raise day --money 50",
    ),
)
async def raise_budget(
    ctx: Context,
    subject: Spender,
    name: Annotated[Text, Shown("NAME"), "Whose budget of today: a person or a project."] = "",
    *,
    money: Annotated[Word, Shown("DOLLARS"), "US dollars more."] = "",
    minutes: Annotated[Count, Shown("MINUTES"), "Minutes of work more."] = 0,
    turns: Annotated[Count, Shown("TURNS"), "Turns more."] = 0,
    tokens: Annotated[Word, Shown("TOKENS"), "Tokens more."] = "",
) -> Reply:
    house = ctx.house
    more = budgets.Budget(read_money(money), minutes, turns, read_tokens(tokens))
    if subject in DAYS:
        return await _raise_day(ctx, subject, name, more)
    if name:
        raise BadInput(f"{subject} has one budget.", remedy=f"`budget raise {subject} --money 5` adds to it.")
    async with ctx.change() as change:
        found = await agents.require_agent(change.tx, subject)
        plan = house.find_plan(found.project)
        raised, goes_on = await agents.raise_agent(change.tx, ctx.actor, found, more, plan, house.day, ctx.now)
        spent = (
            ""
            if goes_on
            else budgets.find_spent(await ledger.see_scopes(change.tx, raised, plan, house.day), starting=True)
        )
        scope = _see_agent(ctx, raised)
        limits = ", ".join(
            budgets.say_amount(what, getattr(scope.budget, what)) for what in budgets.Measure if getattr(more, what)
        )
        end = "It goes on." if goes_on else f"It cannot go on yet: {spent}." if spent else ""
        change.reply = Reply(
            text=f"The budget of {found.id} is {limits} now. {end}".strip(),
            data={"agent": found.id, "goes_on": goes_on, "budget": _write_scope(scope)},
        )
    return change.reply


async def _raise_day(ctx: Context, kind: str, name: str, more: budgets.Budget) -> Reply:
    house = ctx.house
    async with ctx.change() as change:
        id = await _find_holder(change.tx, ctx, kind, name)
        today = (house.day, house.find_zone())
        going = await agents.raise_day(change.tx, ctx.actor, (DAYS[kind], id), more, house.find_plan, today, ctx.now)
        project = id if kind == "project" else house.default_project
        scopes = await ledger.see_days(change.tx, house.find_plan(project), project, id, house.day, every=True)
        (scope,) = [item for item in scopes if item.kind == DAYS[kind]]
        limits = ", ".join(
            budgets.say_amount(what, getattr(scope.budget, what)) for what in budgets.Measure if getattr(more, what)
        )
        words = budgets.say_whose(scope)
        end = f" {', '.join(going)} {'goes' if len(going) == 1 else 'go'} on." if going else ""
        change.reply = Reply(
            text=f"{words[0].upper()}{words[1:]} is {limits} now.{end}",
            data={"of": kind, "name": name, "goes_on": going, "budget": _write_scope(scope)},
        )
    return change.reply


async def _find_holder(tx: store.Transaction, ctx: Context, kind: str, name: str) -> str:
    """Whose budget it is, as it is stored. Raises BadInput and NotFound."""
    if kind == "day":
        if name:
            raise BadInput("The budget of the day is everybody's.", remedy="`budget raise day --money 50` adds to it.")
        return ""
    if not name:
        raise BadInput(f"Which {kind}?", remedy=f"`budget raise {kind} NAME --money 5` names one.")
    return (await agents.find_person(tx, name)).id if kind == "person" else ctx.house.find_project(name).name


def read_money(word: str) -> float | None:
    """US dollars as people write them: 5, 2.50, $5. Raises BadInput."""
    if not word:
        return None
    if not re.fullmatch(r"\$?\d{1,6}(\.\d{1,2})?", word, re.ASCII) or float(word.lstrip("$")) == 0:
        raise BadInput(f"{word[:20]} is no amount of money.", remedy="Write dollars: 5 or 2.50.")
    return float(word.lstrip("$"))


def read_tokens(word: str) -> int | None:
    """A number of tokens: 500000 or 500,000. Raises BadInput."""
    if not word:
        return None
    plain = word.replace(",", "").replace("_", "")
    if not re.fullmatch(r"[1-9]\d{0,11}", plain, re.ASCII):
        raise BadInput(f"{word[:20]} is no number of tokens.", remedy="Write 500000.")
    return int(plain)
