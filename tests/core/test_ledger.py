"""The ledger of days: it grows with the facts, by what they grow, and everybody's use is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

import pytest

from core.agents import raise_agent, raise_day
from core.budgets import Budget, DayRaise, Plan, Scope, Usage, UsageDay, find_spent
from core.errors import BadInput, Conflict, Refused
from core.ledger import demand_room, note_warnings, record_usage, see_days, see_scopes, write_before
from core.model import Actor, Agent, AgentMessage, AuditRow, MessageState, Outcome, Role, Wanted
from core.store import Database, change, find, insert
from core.store.fleet import lock_agent
from core.store.usage import lock_facts, sum_projects, sum_usage
from tests.fakes.board import admit, keep_agent, read_agent, read_events, read_messages, set_agent
from tests.fakes.clock import START

DAY, NEXT = "2026-03-02", "2026-03-03"
SPENT = "its budget of $10 is used; an approver can raise it: budget raise web-1 --money 5"


async def use(database: Database, id: str = "web-1", day: str = DAY, **facts: Any) -> None:
    """As a supervisor writes facts."""
    async with database.transaction() as tx:
        agent = await lock_agent(tx, id)
        assert agent is not None
        await record_usage(tx, write_before(agent), day, **facts)
        await change(tx, Agent, {"id": id}, **facts)


async def read_days(database: Database) -> list[UsageDay]:
    async with database.reading() as tx:
        return sorted(await find(tx, UsageDay), key=lambda row: (row.day, row.agent, row.person))


async def test_a_day_grows_by_what_the_facts_grow(database: Database) -> None:
    ann = (await keep_agent(database)).owner
    await use(database, turns=1, active_seconds=10.0)
    await use(database, cost=0.5, tokens=100, active_seconds=15.0)
    await use(database, cost=0.5, tokens=100, active_seconds=15.0)
    await use(database, cost=0.75, tokens=100, active_seconds=15.0)
    await use(database, day=NEXT, turns=2, cost=1.0, active_seconds=20.0)
    assert await read_days(database) == [
        UsageDay(DAY, "web-1", ann, "web", 15.0, 1, 100, 0.75),
        UsageDay(NEXT, "web-1", ann, "web", 5.0, 1, None, 0.25),
    ]


async def test_what_is_unknown_is_not_nothing(database: Database) -> None:
    await keep_agent(database)
    await use(database, turns=1, cost=None, tokens=None)
    (row,) = await read_days(database)
    assert (row.cost, row.tokens) == (None, None)
    await use(database, cost=0.0)
    assert (await read_days(database))[0].cost == 0.0


async def test_a_new_owner_uses_their_own_budget(database: Database) -> None:
    await keep_agent(database)
    kim = await admit(database, "kim", Role.OPERATOR)
    await use(database, cost=1.0)
    await set_agent(database, owner=kim.person)
    await use(database, cost=1.5)
    async with database.reading() as tx:
        assert (await sum_usage(tx, DAY, person=kim.person)).money == 0.5
        assert (await sum_usage(tx, DAY)).money == 1.5
        assert (await sum_usage(tx, NEXT)) == Usage()
        assert await sum_projects(tx, DAY) == {"web": 1.5}


async def test_two_at_once_lose_nothing(database: Database) -> None:
    for number in (1, 2):
        await keep_agent(database, f"web-{number}")

    async def spend(agent: str) -> None:
        for turn in range(1, 6):
            await use(database, agent, turns=turn, cost=turn * 0.5)

    await asyncio.gather(spend("web-1"), spend("web-2"))
    async with database.reading() as tx:
        assert await sum_usage(tx, DAY) == Usage(5.0, 0.0, 10, None)


async def test_locked_facts_are_those_that_are_stored(database: Database) -> None:
    agent = await keep_agent(database, cost=1.0, epoch=3)
    async with database.transaction() as tx:
        (facts,) = (await lock_facts(tx, ["web-1", "web-9"])).values()
    assert {**write_before(agent), "epoch": 3}.items() >= facts.items()


# ------------------------------------------------------------------------------------------------------------ scopes


async def see(database: Database, plan: Plan, usage: Usage | None = None) -> list[Scope]:
    async with database.reading() as tx:
        return await see_scopes(tx, await read_agent(database), plan, DAY, usage)


async def test_an_agent_lives_on_every_budget_that_has_a_limit(database: Database) -> None:
    await keep_agent(database, cost=2.0, raised={"money": 5})
    await keep_agent(database, "web-2")
    await use(database, "web-2", cost=3.0)
    scopes = await see(database, Plan(person_day=Budget(money=4), day=Budget(turns=9)))
    assert [(scope.kind, scope.name, scope.usage.money, scope.budget.money) for scope in scopes] == [
        ("agent", "web-1", 2.0, 15.0),
        ("person_day", "ann", 3.0, 4),
        ("day", "", 3.0, None),
    ]


async def test_what_is_not_stored_yet_counts_for_all(database: Database) -> None:
    await keep_agent(database, cost=2.0, active_seconds=60.0)
    await use(database, cost=2.5)
    scopes = await see(database, Plan(), Usage(money=4.0, minutes=3.0))
    assert [(scope.usage.money, scope.usage.minutes) for scope in scopes] == [(4.0, 3.0), (2.0, 2.0)]


async def test_all_budgets_can_be_seen(database: Database) -> None:
    ann = await admit(database)
    async with database.reading() as tx:
        scopes = await see_days(tx, Plan(), "web", ann.person, DAY, every=True)
    assert [scope.kind for scope in scopes] == ["person_day", "project_day", "day"]


async def test_nothing_is_begun_when_the_day_is_used_up(database: Database) -> None:
    owner = (await keep_agent(database)).owner
    plan = Plan(project_day=Budget(money=1.0))
    async with database.transaction() as tx:
        await demand_room(tx, plan, "web", owner, DAY)
    await use(database, cost=1.0)
    async with database.transaction() as tx:
        await demand_room(tx, plan, "api", owner, DAY)
        await demand_room(tx, plan, "web", owner, NEXT)
        with pytest.raises(Conflict) as refused:
            await demand_room(tx, plan, "web", owner, DAY)
    assert refused.value.message == "Today's budget of the project web of $1 is used."
    assert (
        refused.value.remedy
        == "Go on tomorrow, or an approver can raise it for today: budget raise project web --money 0.5."
    )


# ---------------------------------------------------------------------------------------------------------- warnings


async def warn(database: Database, scopes: Sequence[Scope], agent: str = "web-1") -> None:
    async with database.transaction() as tx:
        await note_warnings(tx, await read_agent(database, agent), scopes, START)


async def test_people_are_told_once_for_each_budget_and_limit(database: Database) -> None:
    await keep_agent(database)
    await keep_agent(database, "web-2")
    day = Scope("day", "", "day:1", Usage(money=90.0), Budget(money=100.0))
    own = Scope("agent", "web-1", "agent:web-1", Usage(money=8.1), Budget(money=10.0))
    await warn(database, [own, day])
    await warn(database, [own, day])
    await warn(database, [day], "web-2")
    warned = await read_events(database, "budget.warned")
    assert [(event.agent, event.data["scope"], event.data["used"]) for event in warned] == [
        ("web-1", "agent", "$8.10"),
        ("web-1", "day", "$90"),
    ]
    await warn(database, [Scope("agent", "web-1", "agent:web-1", Usage(money=12.5), Budget(money=15.0))])
    assert len(await read_events(database, "budget.warned")) == 3


# ------------------------------------------------------------------------------------------------------------- raise


async def raise_it(database: Database, role: Role = Role.APPROVER, more: Budget | None = None) -> tuple[Agent, bool]:
    actor = await admit(database, role.name.lower(), role)
    async with database.transaction() as tx:
        agent = await read_agent(database)
        return await raise_agent(tx, actor, agent, more or Budget(money=5.0), Plan(), DAY, START)


async def test_one_that_rests_for_its_budget_goes_on(database: Database) -> None:
    rest: dict[str, Any] = {"outcome": Outcome.READY, "wanted": Wanted.REST, "reason": SPENT}
    await keep_agent(database, cost=10.0, **rest)
    assert (await raise_it(database))[1]
    agent = await read_agent(database)
    assert (agent.outcome, agent.wanted, agent.reason, agent.raised) == (Outcome.NONE, Wanted.RUN, "", {"money": 5.0})
    (message,) = await read_messages(database)
    assert "go on where you left off" in message.text
    async with database.reading() as tx:
        (row,) = await find(tx, AuditRow, verb="budget raise")
    assert (row.subject, row.detail, row.allowed) == ("web-1", "money 5", True)
    (event,) = await read_events(database, "budget.raised")
    assert event.data == {"money": 5.0}


@pytest.mark.parametrize(
    ("cost", "reason"), [(20.0, SPENT), (10.0, "it was interrupted"), (10.0, "")], ids=["too little", "else", "works"]
)
async def test_nobody_else_goes_on(database: Database, cost: float, reason: str) -> None:
    rest: dict[str, Any] = {"outcome": Outcome.READY if reason else Outcome.NONE, "reason": reason}
    await keep_agent(database, cost=cost, **rest)
    assert not (await raise_it(database))[1]
    agent = await read_agent(database)
    assert (agent.reason, agent.raised) == (reason, {"money": 5.0})
    assert await read_messages(database) == []


PLAN = Plan(person_day=Budget(money=5.0), project_day=Budget(money=5.0), day=Budget(money=5.0))
TODAY = (DAY, UTC)
FIVE = Budget(money=5.0)


async def raise_today(database: Database, actor: Actor, kind: str, name: str, more: Budget = FIVE) -> Any:
    async with database.transaction() as tx:
        return await raise_day(tx, actor, (kind, name), more, lambda _project: PLAN, TODAY, START)


async def keep_spent(database: Database) -> Agent:
    agent = await keep_agent(database)
    await use(database, cost=5.0, active_seconds=60.0)
    async with database.reading() as tx:
        reason = find_spent(await see_days(tx, PLAN, agent.project, agent.owner, DAY))
    await set_agent(database, outcome=Outcome.READY, reason=reason, wanted=Wanted.REST, ended_at=START)
    return agent


async def test_who_rests_for_a_day_goes_on_when_all_of_its_budgets_are_raised(database: Database) -> None:
    agent = await keep_spent(database)
    boss = await admit(database, "boss", Role.ADMIN)
    assert await raise_today(database, boss, "person_day", agent.owner) == []
    assert await raise_today(database, boss, "project_day", "web") == []
    assert await raise_today(database, boss, "project_day", "api") == []
    assert await raise_today(database, boss, "day", "") == ["web-1"]
    assert (await read_agent(database)).outcome is Outcome.NONE
    assert len(await read_messages(database)) == 1
    assert await raise_today(database, boss, "day", "") == [], "it works already"
    raised = [event.data for event in await read_events(database) if event.kind == "budget.raised"]
    assert raised[0] == {"of": "person_day", "name": agent.owner, "day": DAY, "money": 5.0}
    async with database.reading() as tx:
        verbs = [row.verb for row in await find(tx, AuditRow)]
        (scope,) = [item for item in await see_days(tx, PLAN, "web", agent.owner, DAY) if item.kind == "day"]
        tomorrow = await see_days(tx, PLAN, "web", agent.owner, NEXT)
    assert verbs.count("budget raise day") == 2
    assert (scope.budget.money, scope.raised.money) == (15.0, 10.0)
    assert [item.budget.money for item in tomorrow] == [5.0, 5.0, 5.0], "it expires with its day"


async def test_who_rested_on_another_day_does_not_go_on(database: Database) -> None:
    agent = await keep_spent(database)
    boss = await admit(database, "boss", Role.ADMIN)
    await set_agent(database, ended_at=START - timedelta(days=1))
    for kind, name in (("person_day", agent.owner), ("project_day", "web"), ("day", "")):
        assert await raise_today(database, boss, kind, name) == []


async def test_two_raise_a_day_at_once(database: Database) -> None:
    agent = await keep_spent(database)
    boss = await admit(database, "boss", Role.ADMIN)
    await raise_today(database, boss, "person_day", agent.owner)
    await raise_today(database, boss, "project_day", "web")
    going = await asyncio.gather(*(raise_today(database, boss, "day", "") for _ in range(4)))
    assert sorted(going) == [[], [], [], ["web-1"]]
    async with database.reading() as tx:
        (row,) = [item for item in await find(tx, DayRaise) if item.kind == "day"]
    assert row.money == 20.0
    assert len(await read_messages(database)) == 1


@pytest.mark.parametrize(
    ("role", "kind", "more", "error"),
    [
        (Role.OPERATOR, "person_day", Budget(money=5.0), Refused),
        (Role.OPERATOR, "project_day", Budget(money=5.0), Refused),
        (Role.APPROVER, "day", Budget(money=5.0), Refused),
        (Role.ADMIN, "day", Budget(), BadInput),
        (Role.ADMIN, "day", Budget(turns=5), BadInput),
    ],
)
async def test_a_day_is_not_raised(database: Database, role: Role, kind: str, more: Budget, error: Any) -> None:
    actor = await admit(database, "somebody", role)
    with pytest.raises(error):
        await raise_today(database, actor, kind, "web", more)
    async with database.reading() as tx:
        assert await find(tx, DayRaise) == []


async def test_an_approver_raises_for_a_person_and_a_project(database: Database) -> None:
    actor = await admit(database, "ann", Role.APPROVER)
    await raise_today(database, actor, "person_day", actor.person)
    await raise_today(database, actor, "project_day", "web")


async def test_raises_add_up(database: Database) -> None:
    await keep_agent(database)
    await raise_it(database)
    await raise_it(database, more=Budget(money=2.5, turns=3))
    assert (await read_agent(database)).raised == {"money": 7.5, "turns": 3}


async def test_who_may_not_raise(database: Database) -> None:
    await keep_agent(database)
    with pytest.raises(Refused):
        await raise_it(database, Role.OPERATOR)
    with pytest.raises(BadInput):
        await raise_it(database, more=Budget(turns=0))
    assert (await read_agent(database)).raised == {}


async def test_a_message_that_waits_is_enough_to_go_on(database: Database) -> None:
    await keep_agent(database, outcome=Outcome.READY, wanted=Wanted.REST, reason=SPENT)
    async with database.transaction() as tx:
        await insert(tx, AgentMessage("m-1", "web-1", 1, "Fix it", "ann", MessageState.QUEUED, False, START))
    assert (await raise_it(database))[1]
    assert [message.text for message in await read_messages(database)] == ["Fix it"]
