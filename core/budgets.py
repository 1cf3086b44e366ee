"""What agents may use, and what that means for one of them now. Pure: usage and budgets in, a verdict out.

What is not reported is unknown, which is neither nothing nor too much: the other measures limit it then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from core.model import Agent, Outcome

WARN_AT = 0.8
_SPENT = "is used; "
_SPENT_REASON = re.compile(
    r"(its|today's) budget [^;]*is used; (go on tomorrow, or )?"
    r"(an (approver|admin) can raise it( for today)?: "
    r"(?P<command>budget raise ((person|project) )?[\w.-]+ --\w+ [\d.]+))?"
)
_PLAIN = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
Number = float | int | None


class Measure(StrEnum):
    """What is counted. Money is in US dollars; minutes are those of turns, without the time people are waited for."""

    MONEY = "money"
    MINUTES = "minutes"
    TURNS = "turns"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used. None: not known."""

    money: float | None = None
    minutes: float = 0.0
    turns: int = 0
    tokens: int | None = None

    def add(self, more: Usage) -> Usage:
        """Both together; what is known of one of them counts."""
        return Usage(
            _add(self.money, more.money),
            self.minutes + more.minutes,
            self.turns + more.turns,
            _add(self.tokens, more.tokens),
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used. None: as much as it takes."""

    money: float | None = None
    minutes: float | None = None
    turns: int | None = None
    tokens: int | None = None

    def raised(self, more: Budget) -> Budget:
        """With more of it; what has no limit gets none."""
        return Budget(**{what.value: _raise(getattr(self, what), getattr(more, what)) for what in Measure})


@dataclass(frozen=True, slots=True)
class Plan:
    """The budgets of a project's agents: of each agent, and of a day for its owner, its project and everybody."""

    agent: Budget = Budget(money=10.0, minutes=60.0, turns=50)
    person_day: Budget = Budget()
    project_day: Budget = Budget()
    day: Budget = Budget(money=100.0)


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a budget is used. `what` is the measure that is used most, `share` how much of it (1.0 is all)."""

    state: State = State.OK
    what: Measure | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Scope:
    """One budget and what was used of it. `name` is the agent, person or project; `key` names budget and day for
    good; `raised` is what was added to a day's, which is in `budget`."""

    kind: str
    name: str
    key: str
    usage: Usage
    budget: Budget
    raised: Budget = Budget()


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What an agent used on one day while it belonged to one person. The rows of an agent add up to its facts."""

    day: str
    agent: str
    person: str
    project: str
    seconds: float = 0.0
    turns: int = 0
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class DayRaise:
    """What was added to a budget for one day. `kind` is that of its Scope, `name` the person's id, the project, ""."""

    day: str
    kind: str
    name: str
    money: float | None = None
    minutes: float | None = None
    turns: int | None = None
    tokens: int | None = None

    @property
    def more(self) -> Budget:
        """What was added."""
        return Budget(self.money, self.minutes, self.turns, self.tokens)


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """Somebody was told that this budget is nearly used. `key` names budget, measure and limit."""

    key: str
    at: datetime


def judge(usage: Usage, budget: Budget, *, starting: bool = False) -> Verdict:
    """What the usage means. A turn that runs is counted already, so the last one may end; `starting`: another one is
    about to begin."""
    verdicts = [_judge_measure(what, getattr(usage, what), getattr(budget, what), starting) for what in Measure]
    return max(verdicts, key=lambda verdict: (_ORDER[verdict.state], verdict.share))


_ORDER = {State.OK: 0, State.WARN: 1, State.OVER: 2}


def _judge_measure(what: Measure, used: Number, limit: Number, starting: bool) -> Verdict:
    if used is None or limit is None:
        return Verdict()
    share = used / limit if limit else float("inf")
    over = used > limit or (used == limit and (starting or what is not Measure.TURNS))
    return Verdict(State.OVER if over else State.WARN if share >= WARN_AT else State.OK, what, share)


def find_spent(scopes: Sequence[Scope], *, starting: bool = False) -> str:
    """Why an agent cannot go on, and what to do about it; "" while it can."""
    for scope in scopes:
        verdict = judge(scope.usage, scope.budget, starting=starting)
        if verdict.state is State.OVER and verdict.what is not None:
            return _explain(scope, verdict.what)
    return ""


def list_warnings(scopes: Sequence[Scope]) -> list[tuple[str, Scope, Verdict]]:
    """Budgets that are nearly used, each with a key that is the same as long as its limit is."""
    judged = [(scope, judge(scope.usage, scope.budget)) for scope in scopes]
    return [
        (f"{scope.key}:{verdict.what}:{getattr(scope.budget, verdict.what):g}", scope, verdict)
        for scope, verdict in judged
        if verdict.state is State.WARN and verdict.what
    ]


def is_spent(agent: Agent) -> bool:
    """Whether an agent rests because a budget was used up. Only what stands at the beginning is our own words."""
    return agent.outcome is Outcome.READY and _SPENT_REASON.match(agent.reason) is not None


def find_raise(agent: Agent) -> str:
    """The command that raises what an agent rests for; "" when none does."""
    found = _SPENT_REASON.match(agent.reason) if agent.outcome is Outcome.READY else None
    return (found["command"] or "") if found else ""


def _explain(scope: Scope, what: Measure) -> str:
    limit = getattr(scope.budget, what)
    more = f"{max(0.01, round(limit / 2, 2)):.15g}" if what is Measure.MONEY else str(max(1, int(limit // 2)))
    command = f"budget raise {name_subject(scope)} --{what} {more}"
    if scope.kind == "agent":
        remedy = f"an approver can raise it: {command}"
    else:
        who = "an admin" if scope.kind == "day" else "an approver"
        remedy = f"go on tomorrow, or {who} can raise it for today: {command}"
    return f"{say_whose(scope)} of {say_amount(what, limit)} {_SPENT}{remedy}"


def name_subject(scope: Scope) -> str:
    """A budget as `budget raise` names it; a person by their id where the name is more than one plain word."""
    if scope.kind == "person_day":
        return f"person {scope.name if _PLAIN.fullmatch(scope.name) else scope.key.split(':')[1]}"
    return {"agent": scope.name, "project_day": f"project {scope.name}", "day": "day"}[scope.kind]


def say_whose(scope: Scope) -> str:
    """A budget in words."""
    return {
        "agent": "its budget",
        "person_day": f"today's budget of {scope.name.replace(';', ',')}",
        "project_day": f"today's budget of the project {scope.name}",
        "day": "today's budget of everybody",
    }[scope.kind]


def say_amount(what: Measure, amount: Number) -> str:
    """An amount in words; unknown is never 0, and no limit is said so."""
    if amount is None:
        return "unknown"
    if what is Measure.MONEY:
        return f"${amount:,.0f}" if amount == int(amount) else f"${amount:,.2f}"
    short = what is Measure.MINUTES and amount < 10_000
    shown = f"{round(amount, 1 if amount >= 10 else 2):,g}" if short else f"{amount:,.0f}"
    return f"{shown} {what if amount != 1 else what.removesuffix('s')}"


def say_used(what: Measure, used: Number, limit: Number) -> str:
    """What was used of what: `$0.42 of $10`, `unknown of $10`, `12 of 60 minutes`, `under 1 of 60 minutes`."""
    if what is Measure.MINUTES and used is not None:
        whole = int(used)
        shown = f"{whole:,} {what if whole != 1 else 'minute'}" if whole or not used else "under 1 minute"
    else:
        shown = say_amount(what, used)
    if limit is None:
        return shown
    return f"{shown if what is Measure.MONEY else shown.rpartition(' ')[0] or shown} of {say_amount(what, limit)}"


def say_more(more: Budget) -> str:
    """What was added, in words: `$5, 30 minutes`; "" for nothing."""
    added = {what: amount for what in Measure if (amount := getattr(more, what))}
    return ", ".join(say_amount(what, amount) for what, amount in added.items())


def count_usage(agent: Agent) -> Usage:
    """What an agent used, by its stored facts."""
    return Usage(agent.cost, agent.active_seconds / 60, agent.turns, agent.tokens)


def read_raised(agent: Agent) -> Budget:
    """What an agent's budget was raised by."""
    known: dict[str, Any] = {what.value: agent.raised[what] for what in Measure if what in agent.raised}
    return Budget(**known)


def name_day(now: datetime, zone: tzinfo) -> str:
    """The day of a time, as people there call it: 2026-11-30."""
    return now.astimezone(zone).date().isoformat()


def _add(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other


def _raise(limit: Any, more: Any) -> Any:
    return None if limit is None else limit + (more or 0)
