"""Approvals that are counted: once a person, for what was shown, by those who still may."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.agents import answer_agent
from core.errors import BadInput, Conflict, Refused
from core.interfaces import Answer
from core.model import Actor, AgentMessage, MessageState, Person, Request, RequestState, Role, Verdict
from core.people import load_actor
from core.quorum import Part, Quorum, Vote, parse_parts, required_approvals
from core.requests import Ruling, open_request, require_request
from core.rules import Decision, Effect, parse_rule
from core.store import Database, change, find, insert
from core.votes import count_votes
from tests.fakes.board import admit, keep_agent, list_kinds, read_agent, read_requests
from tests.fakes.clock import START
from tests.fakes.records import make_ask

QUORUM = Quorum((Part(2, (Role.ADMIN,), ("kim",)),))
ONCE = Answer(Verdict.ONCE)


class Hall:
    """An agent of olga's that asks, and people who may say yes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.people: dict[str, Actor] = {}
        self.request = ""
        self.now = START

    async def vote(self, name: str, answer: Answer = ONCE, quorum: Quorum | None = QUORUM) -> Request:
        self.now += timedelta(seconds=1)
        async with self.database.transaction() as tx:
            actor = await load_actor(tx, self.people[name].person, "test", self.people[name].role)
            request = await require_request(tx, self.request)
            return await answer_agent(tx, actor, request, answer, self.now, quorum)

    async def set_role(self, name: str, role: Role) -> None:
        async with self.database.transaction() as tx:
            await change(tx, Person, {"id": self.people[name].person}, role=role)

    async def read(self) -> Request:
        (request,) = await read_requests(self.database)
        return request


@pytest.fixture
async def hall(database: Database) -> Hall:
    made = Hall(database)
    roles = {"olga": Role.ADMIN, "ann": Role.ADMIN, "bob": Role.ADMIN, "kim": Role.APPROVER, "lee": Role.APPROVER}
    made.people = {name: await admit(database, name, role) for name, role in roles.items()}
    agent = await keep_agent(database, owner=made.people["olga"].person)
    async with database.transaction() as tx:
        made.request = (await open_request(tx, agent, make_ask(), 1, START, None)).id
    return made


async def test_enough_different_people_answer(hall: Hall) -> None:
    assert (await hall.vote("ann")).state is RequestState.OPEN
    settled = await hall.vote("kim")
    assert (settled.state, settled.verdict, settled.answered_by) == (RequestState.ANSWERED, "once", "ann, kim")
    assert (await list_kinds(hall.database))[-3:] == ["request.voted", "request.voted", "request.answered"]
    with pytest.raises(Conflict, match="already answered"):
        await hall.vote("bob")


async def test_the_same_person_twice_counts_once(hall: Hall) -> None:
    for _ in range(3):
        assert (await hall.vote("ann")).state is RequestState.OPEN
    async with hall.database.reading() as tx:
        assert len(await find(tx, Vote)) == 1


@pytest.mark.parametrize(("name", "why"), [("olga", "your own agent"), ("lee", "not among them")])
async def test_who_does_not_count_is_told_so(hall: Hall, name: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        await hall.vote(name)
    assert (await hall.read()).state is RequestState.OPEN


async def test_what_nobody_can_ever_approve_is_said_at_once(hall: Hall) -> None:
    three = Quorum((Part(3, (Role.ADMIN,)),))
    with pytest.raises(Refused, match="only ann and bob could approve") as caught:
        await hall.vote("olga", quorum=three)
    assert "may deny it" in caught.value.remedy
    request, agent = await hall.read(), await read_agent(hall.database)
    async with hall.database.reading() as tx:
        tally = await count_votes(tx, agent, request, three)
        assert str(tally).endswith("can never be: only ann and bob could approve")
        assert (await count_votes(tx, agent, request, QUORUM)).shortage is None


async def test_who_ordered_it_does_not_count_for_a_new_owner(hall: Hall) -> None:
    ann = hall.people["ann"].person
    async with hall.database.transaction() as tx:
        await insert(tx, AgentMessage("m-1", "web-1", 1, "Fix it", ann, MessageState.DONE, False, START))
    with pytest.raises(Refused, match="your own agent"):
        await hall.vote("ann")


async def test_one_denial_is_enough(hall: Hall) -> None:
    await hall.vote("ann")
    settled = await hall.vote("lee", Answer(Verdict.DENIED, text="not today"))
    assert (settled.verdict, settled.answered_by) == ("denied", "lee")


async def test_nothing_is_allowed_for_longer(hall: Hall) -> None:
    with pytest.raises(BadInput, match="each time"):
        await hall.vote("ann", Answer(Verdict.AGENT))


async def test_who_lost_the_role_does_not_count_any_more(hall: Hall) -> None:
    await hall.vote("ann")
    await hall.set_role("ann", Role.OPERATOR)
    assert (await hall.vote("kim")).state is RequestState.OPEN
    assert (await hall.vote("bob")).answered_by == "kim, bob"


async def test_a_key_for_less_is_not_enough(hall: Hall) -> None:
    ann = hall.people["ann"]
    hall.people["ann"] = Actor(ann.person, ann.name, Role.APPROVER)
    with pytest.raises(Refused, match="not among them"):
        await hall.vote("ann")


async def test_a_vote_for_something_else_does_not_count(hall: Hall) -> None:
    await hall.vote("ann")
    async with hall.database.transaction() as tx:
        await change(tx, Request, {"id": hall.request}, detail={"command": "rm -rf build", "folder": "/work"})
    assert (await hall.vote("kim")).state is RequestState.OPEN
    assert (await hall.vote("ann")).state is RequestState.ANSWERED


async def test_votes_outlive_a_restart(hall: Hall) -> None:
    await hall.vote("ann")
    async with hall.database.transaction() as tx:
        again = await open_request(tx, await read_agent(hall.database), make_ask(), 2, START, None)
    assert again.id == hall.request
    assert (await hall.vote("kim")).state is RequestState.ANSWERED


async def test_votes_at_once_are_all_counted(hall: Hall) -> None:
    results: list[Any] = await asyncio.gather(
        *(hall.vote(name) for name in ("ann", "bob", "kim")), return_exceptions=True
    )
    settled = [item for item in results if isinstance(item, Request) and item.state is RequestState.ANSWERED]
    late = [item for item in results if isinstance(item, Conflict)]
    assert (len(settled), len(late)) == (1, 1)
    kinds = await list_kinds(hall.database)
    assert (kinds.count("request.voted"), kinds.count("request.answered")) == (2, 1)


async def test_two_at_once_are_enough(hall: Hall) -> None:
    await asyncio.gather(hall.vote("ann"), hall.vote("kim"))
    assert (await hall.read()).answered_by in ("ann, kim", "kim, ann")


RULED = Decision(Effect.ASK, "people are asked", 1, parse_rule("ask make"), parse_parts("2 of [role:admin, kim]"), True)


async def ask_again(hall: Hall, decision: Decision | None, approvers: Any = (), attempt: int = 2) -> Request:
    agent = await read_agent(hall.database)
    async with hall.database.transaction() as tx:
        return await open_request(tx, agent, make_ask("other"), attempt, hall.now, None, Ruling(decision, approvers))


async def test_what_a_rule_took_it_takes_still_whatever_the_rules_say_later(hall: Hall) -> None:
    asked = await ask_again(hall, RULED)
    assert asked.rule == 'rule 1: ask: {command: "make"}'
    allowed = Decision(Effect.ALLOW, "it is allowed", 1, parse_rule("allow make"))
    for later in (None, allowed, Decision(Effect.ASK, "no rule allows it")):
        asked = await ask_again(hall, later, attempt=asked.attempt + 1)
        assert (asked.state, required_approvals(None, asked)) == (RequestState.OPEN, QUORUM)
    hall.request = asked.id
    assert (await hall.vote("ann", quorum=required_approvals(None, asked))).state is RequestState.OPEN
    settled = await hall.vote("kim", quorum=required_approvals(None, asked))
    assert (settled.state, settled.answered_by) == (RequestState.ANSWERED, "ann, kim")


async def test_a_rule_that_denies_later_denies_what_takes_two(hall: Hall) -> None:
    asked = await ask_again(hall, RULED)
    denied = Decision(Effect.DENY, "it is denied", 1, parse_rule("deny make"))
    again = await ask_again(hall, denied, attempt=3)
    assert (again.id, again.verdict) == (asked.id, "denied")


async def test_two_people_race_for_a_rule_of_two(hall: Hall) -> None:
    asked = await ask_again(hall, RULED)
    hall.request, quorum = asked.id, required_approvals(None, asked)
    results: list[Any] = await asyncio.gather(
        *(hall.vote(name, quorum=quorum) for name in ("ann", "kim", "ann", "bob", "kim")), return_exceptions=True
    )
    assert all(isinstance(item, (Request, Conflict)) for item in results), results
    kinds = await list_kinds(hall.database)
    assert kinds.count("request.answered") == 1
    async with hall.database.reading() as tx:
        (settled,) = [item for item in await find(tx, Request) if item.id == asked.id]
    assert len(settled.answered_by.split(", ")) >= 2


async def test_a_grant_of_one_person_is_not_enough(hall: Hall) -> None:
    await hall.vote("ann", Answer(Verdict.AGENT), quorum=None)
    agent = await read_agent(hall.database)
    async with hall.database.transaction() as tx:
        asked = await open_request(tx, agent, make_ask(), 1, START, None, ruling=Ruling(approvers=QUORUM.parts))
        assert asked.state is RequestState.OPEN
        asked = await open_request(tx, agent, make_ask(), 1, START, None)
        assert asked.state is RequestState.ANSWERED
