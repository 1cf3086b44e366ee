"""Requests: one ask is one question to people, over restarts too; the first answer counts and is used once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.crew import require_held
from core.errors import BadInput, Conflict, NotFound
from core.interfaces import Answer, Ask
from core.model import Agent, Delivery, Grant, Option, Request, RequestKind, RequestState, Timer, Verdict
from core.requests import (
    TIMER,
    answer_request,
    describe_settled,
    expire_request,
    fingerprint_ask,
    list_open,
    open_request,
    require_request,
    scope_ask,
    use_answer,
    withdraw_request,
    withdraw_requests,
)
from core.store import Database, find
from tests.fakes.board import keep_agent, list_kinds, read_agent, read_events, read_requests
from tests.fakes.clock import START
from tests.fakes.records import make_ask, make_question

LATER = START + timedelta(hours=3)
ONCE = Answer(Verdict.ONCE)


async def ask(
    database: Database, agent: Agent, what: Ask, attempt: int = 1, patience: timedelta | None = None
) -> Request:
    async with database.transaction() as tx:
        return await open_request(tx, agent, what, attempt, START, patience)


async def say(database: Database, agent: Agent, request: Request, answer: Answer, by: str = "ann") -> Request:
    async with database.transaction() as tx:
        fresh = await require_request(tx, request.id)
        return await answer_request(tx, agent, fresh, answer, by, LATER)


async def use(database: Database, agent: Agent, request: Request) -> Answer:
    async with database.transaction() as tx:
        return await use_answer(tx, agent, await require_request(tx, request.id), LATER)


async def expire(database: Database, agent: Agent, request: Request) -> bool:
    async with database.transaction() as tx:
        return await expire_request(tx, agent, request, LATER)


async def test_an_ask_is_told_to_people(database: Database) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, make_ask())
    assert request.state is RequestState.OPEN
    assert await list_kinds(database) == ["request.opened"]
    async with database.reading() as tx:
        assert [item.body["text"] for item in await find(tx, Delivery)] == ["web-1 asks for permission: Run make test"]


async def test_an_answer_is_kept_and_used_once(database: Database) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, make_question("red", "green"))
    await say(database, agent, request, Answer(Verdict.ANSWERED, choice="2", text="so", fields={"a": 1}))
    assert await use(database, agent, request) == Answer(Verdict.ANSWERED, "2", "so", {"a": 1})
    with pytest.raises(Conflict):
        await use(database, agent, request)
    assert await list_kinds(database) == ["request.opened", "request.answered", "request.used"]


async def test_the_end_of_the_wait_is_a_sign_of_life(database: Database) -> None:
    """Else an agent that waited for hours would be stuck the moment it is answered."""
    agent = await keep_agent(database)
    await say(database, agent, await ask(database, agent, make_ask("a")), ONCE)
    assert (await read_agent(database)).last_activity_at == LATER


async def test_so_is_the_deadline(database: Database) -> None:
    agent = await keep_agent(database)
    await expire(database, agent, await ask(database, agent, make_ask("a")))
    assert (await read_agent(database)).last_activity_at == LATER


async def test_the_same_ask_after_a_restart_is_the_same_request(database: Database) -> None:
    agent = await keep_agent(database)
    first = await ask(database, agent, make_ask(detail={"command": "make test", "call": "1"}))
    again = await ask(database, agent, make_ask(detail={"command": "make test", "call": "2"}), attempt=2)
    assert again.id == first.id
    assert (again.attempt, again.detail["call"]) == (2, "2")
    assert await list_kinds(database) == ["request.opened", "request.reattached"]


async def test_an_answer_given_meanwhile_is_there_and_used_once(database: Database) -> None:
    agent = await keep_agent(database)
    first = await ask(database, agent, make_ask())
    await say(database, agent, first, Answer(Verdict.DENIED, text="not now"))
    again = await ask(database, agent, make_ask(), attempt=2)
    assert (again.id, again.state) == (first.id, RequestState.ANSWERED)
    assert await use(database, agent, again) == Answer(Verdict.DENIED, text="not now")
    third = await ask(database, agent, make_ask(), attempt=3)
    assert (third.id != first.id, third.state) == (True, RequestState.OPEN)


async def test_the_same_ask_twice_in_one_attempt_is_two_requests(database: Database) -> None:
    agent = await keep_agent(database)
    asked = [await ask(database, agent, make_ask()) for _ in range(2)]
    assert len({request.id for request in asked}) == 2
    again = [await ask(database, agent, make_ask(), attempt=2) for _ in range(3)]
    assert {request.id for request in again[:2]} == {request.id for request in asked}
    assert again[2].id not in {request.id for request in asked}


async def test_an_expired_ask_is_not_asked_again_after_a_restart(database: Database) -> None:
    agent = await keep_agent(database)
    first = await ask(database, agent, make_ask())
    assert await expire(database, agent, first)
    again = await ask(database, agent, make_ask(), attempt=2)
    assert (again.id, again.state) == (first.id, RequestState.EXPIRED)
    assert (await use(database, agent, again)).verdict is Verdict.NO_ANSWER


async def test_a_withdrawn_ask_is_a_new_one_after_a_restart(database: Database) -> None:
    agent = await keep_agent(database)
    first = await ask(database, agent, make_ask())
    async with database.transaction() as tx:
        await withdraw_request(tx, agent, first.id, "gone", LATER)
    assert (await ask(database, agent, make_ask(), attempt=2)).id != first.id


async def test_another_agents_answer_is_not_taken(database: Database) -> None:
    one, two = await keep_agent(database), await keep_agent(database, "web-2")
    first = await ask(database, one, make_ask())
    await say(database, one, first, ONCE)
    other = await ask(database, two, make_ask(), attempt=2)
    assert (other.id != first.id, other.state) == (True, RequestState.OPEN)


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Another"},
        {"tool": "edit"},
        {"kind": RequestKind.QUESTION},
        {"detail": {"command": "rm", "folder": "/work"}},
        {"detail": {"command": "make test", "folder": "/other"}},
        {"options": (Option("x", "Other", "allow_once"),)},
    ],
)
def test_another_ask_has_another_fingerprint(changed: dict[str, Any]) -> None:
    assert fingerprint_ask(make_ask(**changed)) != fingerprint_ask(make_ask())


def test_ids_of_one_run_do_not_change_a_fingerprint() -> None:
    before = make_ask(detail={"command": "ls", "call": "1"}, options=(Option("a", "Yes", "allow_once"),))
    after = make_ask(detail={"call": "2", "command": "ls"}, options=(Option("b", "Yes", "allow_once"),))
    assert fingerprint_ask(before) == fingerprint_ask(after)


# ----------------------------------------------------------------------------------------------------------- grants


async def test_for_this_agent_answers_the_next_without_a_person(database: Database) -> None:
    agent = await keep_agent(database)
    await say(database, agent, await ask(database, agent, make_ask()), Answer(Verdict.AGENT))
    again = await ask(database, agent, make_ask(title="Run the tests once more"))
    assert (again.state, again.verdict, again.answered_by) == (RequestState.ANSWERED, "for this agent", "grant of ann")
    async with database.reading() as tx:
        assert [(grant.agent, grant.granted_by) for grant in await find(tx, Grant)] == [("web-1", "ann")]


@pytest.mark.parametrize(
    "other",
    [
        make_ask("make test; rm -rf /"),
        make_ask("make tests"),
        make_ask(detail={"command": ["make", "test"], "folder": "/work"}),
        make_ask(detail={"command": "make test", "folder": "/etc"}),
        make_ask(detail={"command": "make test", "folder": "/work", "paths": ["/etc/passwd"]}),
        make_ask(detail={"command": "make test"}),
        make_ask(tool="delete"),
    ],
)
async def test_a_grant_covers_nothing_else(database: Database, other: Ask) -> None:
    agent = await keep_agent(database)
    await say(database, agent, await ask(database, agent, make_ask()), Answer(Verdict.AGENT))
    assert (await ask(database, agent, other)).state is RequestState.OPEN


async def test_a_grant_covers_no_other_agent_and_no_question(database: Database) -> None:
    agent, other = await keep_agent(database), await keep_agent(database, "web-2")
    await say(database, agent, await ask(database, agent, make_ask()), Answer(Verdict.AGENT))
    assert (await ask(database, other, make_ask())).state is RequestState.OPEN
    assert (await ask(database, agent, make_ask(kind=RequestKind.QUESTION))).state is RequestState.OPEN


@pytest.mark.parametrize("detail", [{}, {"text": "Fetch https://a.example"}, {"paths": ["/srv/a"]}])
def test_where_the_words_are_all_there_is_they_are_the_scope(detail: dict[str, Any]) -> None:
    """Of a tool that shows nothing but a title, only the same title is allowed from now on."""
    before = make_ask(title="Fetch https://a.example", tool="fetch", detail=detail)
    assert scope_ask(before) != scope_ask(replace(before, title="Fetch https://evil.example"))
    assert scope_ask(before) != scope_ask(replace(before, detail={**detail, "text": "something else"}))


async def test_once_is_once(database: Database) -> None:
    agent = await keep_agent(database)
    await say(database, agent, await ask(database, agent, make_ask()), ONCE)
    assert (await ask(database, agent, make_ask())).state is RequestState.OPEN


async def test_granting_twice_is_granting_once(database: Database) -> None:
    agent = await keep_agent(database)
    asked = [await ask(database, agent, make_ask()) for _ in range(2)]
    for request in asked:
        await say(database, agent, request, Answer(Verdict.AGENT))
    async with database.reading() as tx:
        assert len(await find(tx, Grant)) == 1


# ------------------------------------------------------------------------------------------------------------ races


async def test_of_a_hundred_answers_the_first_wins(database: Database) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, make_ask())
    said = await asyncio.gather(
        *(answer_blindly(database, agent, request, number) for number in range(100)), return_exceptions=True
    )
    won = [answer for answer in said if isinstance(answer, Request)]
    assert len(won) == 1
    assert all(isinstance(answer, Conflict) for answer in said if not isinstance(answer, Request))
    assert [(item.verdict, item.answered_by) for item in await read_requests(database)] == [
        (won[0].verdict, won[0].answered_by)
    ]
    assert len(await read_events(database, "request.answered")) == 1


async def answer_blindly(database: Database, agent: Agent, request: Request, number: int) -> Request:
    """Answer what was seen open a moment ago."""
    answer = ONCE if number % 2 else Answer(Verdict.DENIED)
    async with database.transaction() as tx:
        return await answer_request(tx, agent, request, answer, f"person {number}", LATER)


async def test_the_deadline_races_an_answer_and_one_of_them_wins(database: Database) -> None:
    agent = await keep_agent(database)
    for number in range(10):
        request = await ask(database, agent, make_ask(f"run {number}"), patience=timedelta(hours=1))
        works = [expire(database, agent, request), answer_blindly(database, agent, request, 1)]
        ended, said = await asyncio.gather(*(works if number % 2 else works[::-1]), return_exceptions=True)
        ended, said = (ended, said) if number % 2 else (said, ended)
        (stored,) = [item for item in await read_requests(database) if item.id == request.id]
        assert stored.state is (RequestState.EXPIRED if ended is True else RequestState.ANSWERED)
        assert isinstance(said, Conflict if ended is True else Request)
    assert len(await read_events(database, "request.answered", "request.expired")) == 10


async def test_rest_races_an_answer_without_a_deadlock(database: Database) -> None:
    agent = await keep_agent(database)
    for number in range(10):
        request = await ask(database, agent, make_ask(f"run {number}"), patience=timedelta(hours=1))
        done = await asyncio.gather(
            withdraw_all(database, agent), answer_blindly(database, agent, request, 1), return_exceptions=True
        )
        assert all(isinstance(item, int | Request | Conflict) for item in done), done
    assert {item.state for item in await read_requests(database)} <= {RequestState.ANSWERED, RequestState.WITHDRAWN}


async def withdraw_all(database: Database, agent: Agent) -> int:
    async with database.transaction() as tx:
        await require_held(tx, agent)
        return await withdraw_requests(tx, agent, "rest", LATER)


# ------------------------------------------------------------------------------------------------ deadline, withdrawal


async def test_a_deadline_is_a_timer_until_somebody_answers(database: Database) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, make_ask(), patience=timedelta(hours=1))
    async with database.reading() as tx:
        (timer,) = await find(tx, Timer)
    assert (timer.topic, timer.due_at, timer.data) == (TIMER, START + timedelta(hours=1), {"request": request.id})
    await say(database, agent, request, ONCE)
    async with database.reading() as tx:
        assert await find(tx, Timer) == []


async def test_no_answer_is_its_own_outcome(database: Database) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, make_ask(), patience=timedelta(hours=1))
    assert await expire(database, agent, request)
    assert not await expire(database, agent, request)
    assert (await use(database, agent, request)).verdict is Verdict.NO_ANSWER
    with pytest.raises(Conflict, match="in time"):
        await say(database, agent, request, ONCE)


async def test_what_is_withdrawn_takes_no_answer_and_no_deadline(database: Database) -> None:
    agent = await keep_agent(database)
    old, new = await ask(database, agent, make_ask("a")), await ask(database, agent, make_ask("b"), attempt=2)
    async with database.transaction() as tx:
        assert await withdraw_requests(tx, agent, "restarted", LATER, before_attempt=2) == 1
        assert [request.id for request in await list_open(tx, agent.id)] == [new.id]
    with pytest.raises(Conflict, match="no longer asked"):
        await say(database, agent, old, ONCE)
    assert not await expire(database, agent, old)
    async with database.transaction() as tx:
        assert await withdraw_requests(tx, agent, "rest", LATER) == 1
        assert await withdraw_requests(tx, agent, "rest", LATER) == 0
    assert len(await read_events(database, "request.withdrawn")) == 2


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        (make_ask(), Answer(Verdict.ANSWERED, text="yes")),
        (make_question("a"), ONCE),
        (make_question("a"), Answer(Verdict.AGENT)),
        (make_question("a"), Answer(Verdict.ANSWERED, choice="9")),
    ],
)
async def test_an_answer_must_fit(database: Database, what: Ask, answer: Answer) -> None:
    agent = await keep_agent(database)
    request = await ask(database, agent, what)
    with pytest.raises(BadInput):
        await say(database, agent, request, answer)
    assert [item.state for item in await read_requests(database)] == [RequestState.OPEN]


async def test_an_unknown_request_is_not_found(database: Database) -> None:
    async with database.reading() as tx:
        with pytest.raises(NotFound, match="r-nope"):
            await require_request(tx, "r-nope")


async def test_settled_ones_say_by_whom(database: Database) -> None:
    agent = await keep_agent(database)
    settled = await say(database, agent, await ask(database, agent, make_ask()), ONCE, "bob")
    assert describe_settled(settled) == f"{settled.id} was already answered (once) by bob."
