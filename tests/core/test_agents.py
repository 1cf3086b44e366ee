"""The verbs of agents: permission at the act, and all that belongs to it in one transaction or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from core.agents import (
    LONGEST,
    Handover,
    Order,
    answer_agent,
    assign_agent,
    find_person,
    find_request,
    queue_message,
    record_accept,
    record_removal,
    require_agent,
    retry_agent,
    send_message,
    spawn_agent,
    stop_agent,
)
from core.crew import require_held
from core.errors import BadInput, Conflict, NotFound, Refused
from core.interfaces import Answer
from core.model import (
    Actor,
    Agent,
    AgentMessage,
    AuditRow,
    Delivery,
    Identity,
    MessageState,
    Outcome,
    Person,
    Posting,
    ProcessState,
    Request,
    RequestKind,
    RequestState,
    Role,
    Verdict,
    Wanted,
)
from core.people import ensure_person
from core.requests import open_request
from core.store import Database, Transaction, change, find, get
from core.store.fleet import next_message
from tests.fakes.board import admit, keep_agent, list_kinds, read_agent, read_events, read_messages, set_agent
from tests.fakes.clock import START
from tests.fakes.records import make_ask, make_question

LATER = START + timedelta(minutes=5)
PLACE = "terminal:here"
RESTING: dict[str, Any] = {"outcome": Outcome.DONE, "wanted": Wanted.REST, "ended_at": START}
HELD: dict[str, Any] = {"holder": "h-1", "process": ProcessState.RUNNING, "attempts": 1}


async def spawn(database: Database, actor: Actor, project: str = "web", room: int = 100, text: str = "Fix it") -> Agent:
    async with database.transaction() as tx:
        return await spawn_agent(tx, actor, Order(project, "demo", text), PLACE, room, START)


async def send(
    database: Database, actor: Actor, text: str = "More", *, urgent: bool = False
) -> tuple[AgentMessage, Handover]:
    async with database.transaction() as tx:
        return await send_message(tx, actor, await require_agent(tx, "web-1"), text, urgent, LATER)


async def stop(database: Database, actor: Actor, reason: str = "") -> bool:
    async with database.transaction() as tx:
        return await stop_agent(tx, actor, await require_agent(tx, "web-1"), reason, LATER)


async def ask(database: Database, agent: Agent, **values: Any) -> Request:
    async with database.transaction() as tx:
        return await open_request(tx, agent, make_ask(**values), 1, START, None)


async def read_audit(database: Database) -> list[tuple[str, str, str]]:
    async with database.reading() as tx:
        return [(row.verb, row.subject, row.detail) for row in await find(tx, AuditRow)]


# ------------------------------------------------------------------------------------------------------------ spawn


async def test_spawn_writes_all_of_it(database: Database) -> None:
    ann = await admit(database)
    heard = database.bells.listen("fleet")
    agent = await spawn(database, ann)
    assert await read_agent(database) == agent
    assert (agent.id, agent.owner, agent.place, agent.queued_at) == ("web-1", ann.person, PLACE, START)
    assert [(m.number, m.text, m.state) for m in await read_messages(database)] == [(1, "Fix it", MessageState.QUEUED)]
    assert await read_audit(database) == [("spawn", "web-1", "demo")]
    assert await list_kinds(database) == ["agent.queued"]
    async with database.reading() as tx:
        assert [(item.subject, item.place) for item in await find(tx, Posting)] == [("agent:web-1", PLACE)]
    assert database.bells.listen("fleet") != heard


async def test_numbers_are_each_projects_own_and_never_double(database: Database) -> None:
    ann = await admit(database)
    orders = [spawn(database, ann, project) for _ in range(15) for project in ("web", "api")]
    made = await asyncio.gather(*orders)
    for project in ("web", "api"):
        assert sorted(agent.number for agent in made if agent.project == project) == list(range(1, 16))
    assert len({agent.id for agent in made}) == 30


async def test_a_number_of_a_spawn_that_broke_off_is_used_again(database: Database) -> None:
    ann = await admit(database)
    with pytest.raises(ZeroDivisionError):
        await break_off(database, lambda tx: spawn_agent(tx, ann, Order("web", "demo", "x"), PLACE, 9, START))
    assert (await spawn(database, ann)).number == 1


async def test_the_queue_takes_no_more_than_its_room_even_at_once(database: Database) -> None:
    ann = await admit(database)
    done = await asyncio.gather(*(spawn(database, ann, room=3) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(item, Agent) for item in done) == 3
    assert {type(item) for item in done} == {Agent, Conflict}
    assert len(await read_audit(database)) == 3


@pytest.mark.parametrize("text", ["", " \n", "x" * (LONGEST + 1), "a\0b", "half \ud800"])
async def test_words_that_cannot_be_kept_are_refused(database: Database, text: str) -> None:
    ann = await admit(database)
    with pytest.raises(BadInput):
        await spawn(database, ann, text=text)
    assert await list_kinds(database) == []


# ------------------------------------------------------------------------------------------------- all or nothing


async def break_off(database: Database, act: Callable[[Transaction], Awaitable[object]]) -> None:
    async with database.transaction() as tx:
        await act(tx)
        raise ZeroDivisionError


async def take_stock(database: Database) -> dict[str, Any]:
    kinds = (Agent, AgentMessage, AuditRow, Request, Posting, Delivery)
    async with database.reading() as tx:
        found = {kind.__name__: sorted(map(repr, await find(tx, kind))) for kind in kinds}
    return {**found, "events": await list_kinds(database)}


VERBS: dict[str, Callable[[Transaction, Actor, Agent], Awaitable[object]]] = {
    "send": lambda tx, actor, agent: send_message(tx, actor, agent, "x", True, LATER),
    "stop": lambda tx, actor, agent: stop_agent(tx, actor, agent, "why", LATER),
    "retry": lambda tx, actor, agent: retry_agent(tx, actor, agent, "", "", 9, LATER),
    "assign": lambda tx, actor, agent: assign_agent(
        tx, actor, agent, Person(actor.person, "ann", Role.ADMIN, START), LATER
    ),
    "accept": lambda tx, actor, agent: record_accept(tx, actor, agent, "merge", "main", LATER),
    "remove": lambda tx, actor, agent: record_removal(tx, actor, agent, "", LATER),
    "approve": lambda tx, actor, agent: approve_first(tx, actor),
}


async def approve_first(tx: Transaction, actor: Actor, verdict: Verdict = Verdict.DENIED) -> Request:
    request = await find_request(tx, "web-1", RequestKind.PERMISSION)
    return await answer_agent(tx, actor, request, Answer(verdict, text="not so"), LATER)


@pytest.mark.parametrize("verb", list(VERBS))
async def test_what_breaks_off_leaves_nothing(database: Database, verb: str) -> None:
    ann = await admit(database)
    agent = await keep_agent(database, owner=ann.person)
    await ask(database, agent)
    before = await take_stock(database)
    rung = {topic: database.bells.listen(topic) for topic in ("fleet", "turn:web-1", "agent:web-1", "events")}
    with pytest.raises(ZeroDivisionError):
        await break_off(database, lambda tx: VERBS[verb](tx, ann, agent))
    assert await take_stock(database) == before
    assert {topic: database.bells.listen(topic) for topic in rung} == rung


@pytest.mark.parametrize("verb", list(VERBS))
async def test_every_verb_is_audited_and_told(database: Database, verb: str) -> None:
    ann = await admit(database)
    agent = await keep_agent(database, owner=ann.person)
    await ask(database, agent)
    async with database.transaction() as tx:
        await VERBS[verb](tx, ann, agent)
    assert verb in [row[0] for row in await read_audit(database)]
    assert len(await list_kinds(database)) >= 2


@pytest.mark.parametrize("verb", ["send", "stop", "retry", "assign", "approve"])
async def test_who_may_not_changes_nothing(database: Database, verb: str) -> None:
    eve = await admit(database, "eve", Role.VIEWER)
    agent = await keep_agent(database)
    await ask(database, agent)
    before = await take_stock(database)
    with pytest.raises(Refused):
        async with database.transaction() as tx:
            await VERBS[verb](tx, eve, agent)
    assert await take_stock(database) == before


async def test_the_owner_may_stop_and_another_operator_may_not(database: Database) -> None:
    ann, bob = await admit(database, "ann", Role.OPERATOR), await admit(database, "bob", Role.OPERATOR)
    await keep_agent(database, owner=ann.person)
    with pytest.raises(Refused):
        await stop(database, bob)
    assert await stop(database, ann)


# ------------------------------------------------------------------------------------------------------------- send


@pytest.mark.parametrize(
    ("values", "urgent", "how"),
    [
        ({}, False, Handover.QUEUED),
        ({}, True, Handover.QUEUED),
        (HELD, True, Handover.QUEUED),
        ({**HELD, "turn_started_at": START}, False, Handover.QUEUED),
        ({**HELD, "turn_started_at": START}, True, Handover.INTERRUPTS),
        (RESTING, False, Handover.RESUMES),
        ({**RESTING, "outcome": Outcome.FAILED, "reason": "broke"}, True, Handover.RESUMES),
        ({**RESTING, "outcome": Outcome.STOPPED}, False, Handover.RESUMES),
    ],
)
async def test_what_becomes_of_a_message(
    database: Database, values: dict[str, Any], urgent: bool, how: Handover
) -> None:
    ann = await admit(database)
    await keep_agent(database, **values)
    message, said = await send(database, ann, urgent=urgent)
    assert (said, message.state, message.now) == (how, MessageState.QUEUED, urgent)
    agent = await read_agent(database)
    assert (agent.outcome, agent.wanted) == (Outcome.NONE, Wanted.RUN)
    assert agent.queued_at == (LATER if how is Handover.RESUMES else START)


async def test_a_woken_agent_has_no_old_end(database: Database) -> None:
    ann = await admit(database)
    await keep_agent(database, **{**RESTING, "outcome": Outcome.FAILED, "reason": "broke"})
    await send(database, ann)
    agent = await read_agent(database)
    assert (agent.reason, agent.ended_at) == ("", None)


async def test_messages_are_numbered_without_a_double_however_many_at_once(database: Database) -> None:
    ann = await admit(database)
    await keep_agent(database)
    await asyncio.gather(*(send(database, ann, f"m{number}") for number in range(20)))
    assert [message.number for message in await read_messages(database)] == list(range(1, 21))


async def test_what_is_being_stopped_takes_no_message_that_would_be_lost(database: Database) -> None:
    ann = await admit(database)
    await keep_agent(database, **HELD)
    await stop(database, ann)
    with pytest.raises(Conflict, match="being stopped"):
        await send(database, ann)
    assert await read_messages(database) == []


async def test_a_message_of_the_house_needs_no_actor(database: Database) -> None:
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        message = await queue_message(tx, agent, "x", "callboard", False, LATER)
    assert message.author == "callboard"


# ------------------------------------------------------------------------------------------------------------- stop


async def test_a_waiting_agent_is_stopped_at_once(database: Database) -> None:
    ann = await admit(database)
    await spawn(database, ann)
    await ask(database, await read_agent(database))
    assert await stop(database, ann, "changed my mind")
    agent = await read_agent(database)
    assert (agent.outcome, agent.wanted, agent.reason, agent.ended_at) == (
        Outcome.STOPPED, Wanted.REST, "changed my mind", LATER,
    )  # fmt: skip
    assert [message.state for message in await read_messages(database)] == [MessageState.DROPPED]
    assert "agent.stopped" in await list_kinds(database)
    assert "request.withdrawn" in await list_kinds(database)


async def test_a_held_agent_is_left_to_its_supervisor(database: Database) -> None:
    ann = await admit(database)
    await keep_agent(database, **HELD)
    heard = database.bells.listen("turn:web-1")
    assert await stop(database, ann, "enough")
    agent = await read_agent(database)
    assert (agent.outcome, agent.wanted, agent.reason) == (Outcome.NONE, Wanted.STOP, "enough")
    assert database.bells.listen("turn:web-1") != heard


async def test_what_rests_is_not_stopped(database: Database) -> None:
    ann = await admit(database)
    await keep_agent(database, **RESTING)
    assert not await stop(database, ann)
    assert (await read_agent(database)).outcome is Outcome.DONE


# ------------------------------------------------------------------------------------------------- retry and assign


async def test_the_same_work_again(database: Database) -> None:
    ann = await admit(database)
    first = await keep_agent(database, model="m", mode="plan", base="dev", owner=ann.person, **RESTING)
    async with database.transaction() as tx:
        tx_agent = await require_agent(tx, first.id)
        again = await retry_agent(tx, ann, tx_agent, "", "", 9, LATER)
        other = await retry_agent(tx, ann, tx_agent, "Else", "claude", 9, LATER)
    assert (again.task, again.kind, again.model, again.mode, again.base) == (first.task, "demo", "m", "plan", "dev")
    assert again.parent == first.id
    assert (other.task, other.kind, other.model, other.mode) == ("Else", "claude", "", "")
    assert [event.data["as"] for event in await read_events(database, "agent.retried")] == [again.id, other.id]


async def test_another_owner(database: Database) -> None:
    ann, bob = await admit(database), await admit(database, "bob")
    await keep_agent(database)
    async with database.transaction() as tx:
        await assign_agent(tx, ann, await require_agent(tx, "web-1"), await find_person(tx, "@Bob"), LATER)
    assert (await read_agent(database)).owner == bob.person


async def test_people_are_found_by_id_or_one_name(database: Database) -> None:
    bob = await admit(database, "bob")
    async with database.transaction() as tx:
        assert (await find_person(tx, bob.person)).id == bob.person
        with pytest.raises(NotFound, match="nobody"):
            await find_person(tx, "carl")
        await ensure_person(tx, "slack:U1", "Bob", Role.VIEWER, START)
        with pytest.raises(NotFound, match="more than one"):
            await find_person(tx, "bob")


# ------------------------------------------------------------------------------------------------------------ answer


async def test_a_denials_reason_is_a_message_too(database: Database) -> None:
    ann = await admit(database)
    request = await ask(database, await keep_agent(database))
    async with database.transaction() as tx:
        settled = await answer_agent(tx, ann, request, Answer(Verdict.DENIED, text="Use tabs"), LATER)
    assert (settled.state, settled.answered_by) == (RequestState.ANSWERED, "ann")
    assert [message.text for message in await read_messages(database)] == ["Your request was denied: Use tabs"]


@pytest.mark.parametrize("answer", [Answer(Verdict.ONCE), Answer(Verdict.DENIED)])
async def test_other_answers_are_none(database: Database, answer: Answer) -> None:
    ann = await admit(database)
    request = await ask(database, await keep_agent(database))
    async with database.transaction() as tx:
        await answer_agent(tx, ann, request, answer, LATER)
    assert await read_messages(database) == []


async def test_an_agents_id_stands_for_its_only_request(database: Database) -> None:
    ann = await admit(database)
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        with pytest.raises(Conflict, match="asks for nothing"):
            await find_request(tx, "web-1")
        question = await open_request(tx, agent, make_question("a"), 1, START, None)
        assert (await find_request(tx, "web-1")).id == question.id
        with pytest.raises(Conflict, match="asks a question") as caught:
            await find_request(tx, "web-1", RequestKind.PERMISSION)
        assert caught.value.remedy == "`answer web-1 WORDS` answers it."
        first = await open_request(tx, agent, make_ask("a"), 1, START, None)
        assert (await find_request(tx, "WEB-1", RequestKind.PERMISSION)).id == first.id
        assert (await find_request(tx, question.id)).id == question.id
        await open_request(tx, agent, make_ask("b"), 1, START, None)
        with pytest.raises(BadInput, match="2 things"):
            await find_request(tx, "web-1", RequestKind.PERMISSION)
        await answer_agent(tx, ann, question, Answer(Verdict.ANSWERED, text="x"), LATER)
        with pytest.raises(Conflict, match="already answered"):
            await find_request(tx, "web-1", RequestKind.QUESTION)


async def test_an_agent_of_a_project_called_r_is_found_too(database: Database) -> None:
    agent = await keep_agent(database, "r-1")
    request = await ask(database, agent)
    async with database.reading() as tx:
        assert (await find_request(tx, "r-1")).id == request.id
        with pytest.raises(NotFound):
            await find_request(tx, "r-2")


async def test_agents_are_found_until_they_are_removed(database: Database) -> None:
    await keep_agent(database)
    async with database.transaction() as tx:
        assert (await require_agent(tx, " WEB-1 ")).id == "web-1"
        with pytest.raises(NotFound, match="does not exist"):
            await require_agent(tx, "web-2")
    await set_agent(database, removed_at=START)
    async with database.reading() as tx:
        with pytest.raises(NotFound, match="was removed"):
            await require_agent(tx, "web-1")
        assert await get(tx, Agent, id="web-1")
        assert await find(tx, Identity)


async def test_a_message_and_the_rest_at_the_same_moment(database: Database) -> None:
    """Whichever comes first: the agent rests and is woken, or does not rest."""
    ann = await admit(database)
    for number in range(10):
        await keep_agent(database, f"web-{number}", **HELD)

    async def rest(id: str) -> bool:
        async with database.transaction() as tx:
            agent = await get(tx, Agent, id=id)
            assert agent
            await require_held(tx, agent)
            if await next_message(tx, id):
                return False
            await change(tx, Agent, {"id": id}, outcome=Outcome.DONE, wanted=Wanted.REST)
            return True

    async def speak(id: str) -> Handover:
        async with database.transaction() as tx:
            return (await send_message(tx, ann, await require_agent(tx, id), "x", False, LATER))[1]

    for number in range(10):
        id = f"web-{number}"
        works: list[Any] = [rest(id), speak(id)]
        done = await asyncio.gather(*(works if number % 2 else works[::-1]))
        agent = await read_agent(database, id)
        assert agent.outcome is Outcome.NONE, f"a message waits for an agent at rest: {done}"
        assert agent.wanted is Wanted.RUN
