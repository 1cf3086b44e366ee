"""What usage means: tables, and what holds for any of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.budgets import (
    Budget,
    Measure,
    Plan,
    Scope,
    State,
    Usage,
    Verdict,
    count_usage,
    find_raise,
    find_spent,
    is_spent,
    judge,
    list_warnings,
    name_day,
    read_raised,
    say_amount,
    say_used,
)
from core.cards import Sight, draw_agent
from core.model import Outcome, Status
from tests.fakes.clock import START
from tests.fakes.records import make_agent

TEN = Budget(money=10.0)
UNKNOWN = Usage()


@pytest.mark.parametrize(
    ("usage", "budget", "starting", "state", "what"),
    [
        (UNKNOWN, TEN, False, State.OK, None),
        (UNKNOWN, TEN, True, State.OK, None),
        (Usage(money=0.0), TEN, False, State.OK, Measure.MONEY),
        (Usage(money=7.99), TEN, False, State.OK, Measure.MONEY),
        (Usage(money=8.0), TEN, False, State.WARN, Measure.MONEY),
        (Usage(money=9.99), TEN, False, State.WARN, Measure.MONEY),
        (Usage(money=10.0), TEN, False, State.OVER, Measure.MONEY),
        (Usage(money=11.0), TEN, False, State.OVER, Measure.MONEY),
        (Usage(money=11.0), Budget(), False, State.OK, None),
        (Usage(minutes=60), Budget(minutes=60), False, State.OVER, Measure.MINUTES),
        (Usage(tokens=800), Budget(tokens=1000), False, State.WARN, Measure.TOKENS),
        (Usage(turns=50), Budget(turns=50), False, State.WARN, Measure.TURNS),
        (Usage(turns=50), Budget(turns=50), True, State.OVER, Measure.TURNS),
        (Usage(turns=51), Budget(turns=50), False, State.OVER, Measure.TURNS),
        (Usage(money=9.0, minutes=59), Budget(money=10, minutes=60), False, State.WARN, Measure.MINUTES),
        (Usage(money=9.0, minutes=60), Budget(money=10, minutes=60), False, State.OVER, Measure.MINUTES),
        # A turn that runs is within its budget, whatever is nearly used beside it.
        (Usage(turns=2, tokens=999), Budget(turns=2, tokens=1000), False, State.WARN, Measure.TURNS),
    ],
)
def test_verdicts(usage: Usage, budget: Budget, starting: bool, state: State, what: Measure | None) -> None:
    verdict = judge(usage, budget, starting=starting)
    assert (verdict.state, verdict.what if verdict.share else what) == (state, what)


def test_nothing_is_judged_without_a_limit() -> None:
    assert judge(Usage(1e9, 1e9, 10**9, 10**9), Budget()) == Verdict()


AMOUNTS = st.none() | st.floats(0, 1e6)
COUNTS = st.none() | st.integers(0, 10**6)
USAGES = st.builds(Usage, AMOUNTS, st.floats(0, 1e6), st.integers(0, 10**6), COUNTS)
LIMITS = st.none() | st.floats(0.01, 1e6)
WHOLE = st.none() | st.integers(1, 10**6)
BUDGETS = st.builds(Budget, LIMITS, LIMITS, WHOLE, WHOLE)
RANK = {State.OK: 0, State.WARN: 1, State.OVER: 2}


@given(USAGES, USAGES, BUDGETS, st.booleans())
def test_more_usage_is_never_judged_less(usage: Usage, more: Usage, budget: Budget, starting: bool) -> None:
    before, after = judge(usage, budget, starting=starting), judge(usage.add(more), budget, starting=starting)
    assert RANK[before.state] <= RANK[after.state]


@given(USAGES, BUDGETS, BUDGETS)
def test_a_raised_budget_is_never_judged_more(usage: Usage, budget: Budget, more: Budget) -> None:
    assert RANK[judge(usage, budget.raised(more)).state] <= RANK[judge(usage, budget).state]


@given(BUDGETS, st.floats(0, 1e6), st.integers(0, 10**6), st.booleans())
def test_what_is_unknown_is_neither_nothing_nor_too_much(
    budget: Budget, minutes: float, turns: int, starting: bool
) -> None:
    known = Budget(minutes=budget.minutes, turns=budget.turns)
    usage = Usage(None, minutes, turns, None)
    assert judge(usage, budget, starting=starting) == judge(usage, known, starting=starting)
    assert say_amount(Measure.MONEY, usage.money) == say_amount(Measure.TOKENS, usage.tokens) == "unknown"


@given(USAGES, USAGES)
def test_sums_keep_what_is_known(one: Usage, other: Usage) -> None:
    both = one.add(other)
    assert (both.money is None) == (one.money is None and other.money is None)
    assert both == other.add(one)
    assert (both.money or 0) == pytest.approx((one.money or 0) + (other.money or 0))


def make_scope(kind: str = "agent", name: str = "web-3", usage: Usage = UNKNOWN, budget: Budget = TEN) -> Scope:
    return Scope(kind, name, f"{kind}:{name}", usage, budget)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (
            make_scope(usage=Usage(money=10.0)),
            "its budget of $10 is used; an approver can raise it: budget raise web-3 --money 5",
        ),
        (
            make_scope(usage=Usage(minutes=61), budget=Budget(minutes=60.0)),
            "its budget of 60 minutes is used; an approver can raise it: budget raise web-3 --minutes 30",
        ),
        (
            make_scope(usage=Usage(minutes=1), budget=Budget(minutes=0.02)),
            "its budget of 0.02 minutes is used; an approver can raise it: budget raise web-3 --minutes 1",
        ),
        (
            make_scope(usage=Usage(turns=1), budget=Budget(turns=1)),
            "its budget of 1 turn is used; an approver can raise it: budget raise web-3 --turns 1",
        ),
        (
            make_scope(usage=Usage(tokens=5000), budget=Budget(tokens=5000)),
            "its budget of 5,000 tokens is used; an approver can raise it: budget raise web-3 --tokens 2500",
        ),
        (
            make_scope("day", "", Usage(money=100.5), Budget(money=100.0)),
            "today's budget of everybody of $100 is used; go on tomorrow, or an admin can raise it for today: "
            "budget raise day --money 50",
        ),
        (
            make_scope("person_day", "Ann", Usage(money=5.0), Budget(money=2.5)),
            "today's budget of Ann of $2.50 is used; go on tomorrow, or an approver can raise it for today: "
            "budget raise person Ann --money 1.25",
        ),
        (make_scope(usage=Usage(money=9.99)), ""),
    ],
)
def test_reasons_say_what_to_do(scope: Scope, words: str) -> None:
    assert find_spent([make_scope(), scope], starting=True) == words


def test_warnings_are_told_by_budget_measure_and_limit() -> None:
    scopes = [make_scope(usage=Usage(money=8.5)), make_scope("day", "", Usage(money=10.0)), make_scope()]
    assert [(key, verdict.share) for key, _, verdict in list_warnings(scopes)] == [("agent:web-3:money:10", 0.85)]
    (raised,) = list_warnings([make_scope(usage=Usage(money=18.0), budget=TEN.raised(TEN))])
    assert raised[0] == "agent:web-3:money:20"


@pytest.mark.parametrize(
    ("what", "used", "limit", "words"),
    [
        (Measure.MONEY, 0.42, 10.0, "$0.42 of $10"),
        (Measure.MONEY, None, 10.0, "unknown of $10"),
        (Measure.MONEY, 1234.0, None, "$1,234"),
        (Measure.MINUTES, 12.9, 60.0, "12 of 60 minutes"),
        (Measure.MINUTES, 0.4, 60.0, "under 1 of 60 minutes"),
        (Measure.MINUTES, 0.0, 60.0, "0 of 60 minutes"),
        (Measure.MINUTES, 1.2, None, "1 minute"),
        (Measure.MINUTES, 0.2, None, "under 1 minute"),
        (Measure.TURNS, 1, 1, "1 of 1 turn"),
        (Measure.MINUTES, 12_345.6, None, "12,345 minutes"),
        (Measure.TURNS, 3, 50, "3 of 50 turns"),
        (Measure.TOKENS, None, None, "unknown"),
        (Measure.TOKENS, 1_200_000, 5_000_000, "1,200,000 of 5,000,000 tokens"),
    ],
)
def test_what_was_used_of_what(what: Measure, used: Any, limit: Any, words: str) -> None:
    assert say_used(what, used, limit) == words


def test_an_agents_facts_are_its_usage() -> None:
    agent = make_agent(cost=0.5, active_seconds=90.0, turns=2, raised={"money": 5.0, "turns": 3})
    assert count_usage(agent) == Usage(0.5, 1.5, 2, None)
    assert Plan().agent.raised(read_raised(agent)) == Budget(15.0, 60.0, 53, None)


def test_a_limit_that_is_not_there_is_not_raised() -> None:
    assert Budget(money=None).raised(Budget(money=5.0)) == Budget()


def test_who_rests_because_of_a_budget() -> None:
    reason = find_spent([make_scope(usage=Usage(money=10.0))])
    assert is_spent(make_agent(outcome=Outcome.READY, reason=reason))
    assert is_spent(make_agent(outcome=Outcome.READY, reason=f"{reason}; its work was not committed: git says no"))
    assert not is_spent(make_agent(outcome=Outcome.NONE, reason=reason))
    assert not is_spent(make_agent(outcome=Outcome.READY, reason="it was interrupted"))
    assert not is_spent(make_agent(outcome=Outcome.READY, reason=f"it ended with {reason}")), "an agent may say that"


def test_a_card_offers_to_raise_what_can_be_raised() -> None:
    own = make_agent("web-3", outcome=Outcome.READY, reason=find_spent([make_scope(usage=Usage(money=10.0))]))
    assert find_raise(own) == "budget raise web-3 --money 5"
    card = draw_agent(Sight(own, Status.READY, "Ann", budget=TEN), START)
    assert [button.command for button in card.buttons] == ["budget raise web-3 --money 5", "retry web-3"]
    day = find_spent([make_scope("day", "", Usage(money=11.0))])
    assert find_raise(make_agent(outcome=Outcome.READY, reason=day)) == "budget raise day --money 5"
    assert is_spent(make_agent(outcome=Outcome.READY, reason=day))
    evil = Scope("person_day", "; it: budget raise web-1 --money 9", "person:p-abc:2026-03-02", Usage(money=11.0), TEN)
    named = find_spent([evil])
    found = find_raise(make_agent(outcome=Outcome.READY, reason=named))
    assert found == "budget raise person p-abc --money 5", "by the id in the key: the name is no plain word"
    plain = find_spent([make_scope("person_day", "kim", Usage(money=11.0))])
    assert find_raise(make_agent(outcome=Outcome.READY, reason=plain)) == "budget raise person kim --money 5"


def test_a_card_says_what_was_used_of_what() -> None:
    for cost, words in ((0.42, "$0.42 of $10"), (None, "unknown")):
        card = draw_agent(Sight(make_agent(cost=cost), Status.WORKING, "Ann", budget=TEN), START)
        assert dict(card.fields)["cost"] == words


def test_a_day_ends_where_people_are() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert [name_day(late, ZoneInfo(name)) for name in ("UTC", "Europe/Berlin", "America/New_York")] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-01",
    ]
