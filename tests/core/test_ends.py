"""What becomes of asks when the turn that they belong to is over."""

from __future__ import annotations

from dataclasses import replace

from core.interfaces import Answer
from core.model import Option, RequestState, Verdict
from core.requests import answer_request, end_asks, open_request, require_request, use_answer
from core.store import Database
from tests.fakes.board import keep_agent, list_kinds
from tests.fakes.clock import START
from tests.fakes.records import make_ask, make_question


async def test_an_approval_that_nobody_came_for_is_void(database: Database) -> None:
    """Given while the agent was down, but the agent did something else: it must not be used months later."""
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        first = await open_request(tx, agent, make_ask(), 1, START, None)
        await answer_request(tx, agent, first, Answer(Verdict.ONCE), "ann", START)
        await end_asks(tx, agent, 2, START)
        later = await open_request(tx, agent, make_ask(), 3, START, None)
    assert (later.id != first.id, later.state) == (True, RequestState.OPEN)


async def test_what_is_not_asked_again_is_closed(database: Database) -> None:
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        old = await open_request(tx, agent, make_ask("old"), 1, START, None)
        new = await open_request(tx, agent, make_ask("new"), 2, START, None)
        await end_asks(tx, agent, 2, START)
        states = [(await require_request(tx, request.id)).state for request in (old, new)]
    assert states == [RequestState.WITHDRAWN, RequestState.OPEN]
    assert (await list_kinds(database))[-1] == "request.withdrawn"


async def test_a_choice_keeps_its_meaning_when_the_ids_change(database: Database) -> None:
    agent = await keep_agent(database)
    what = make_question("red", "green")
    renamed = replace(what, options=[Option(f"run2-{option.id}", option.name) for option in what.options])
    async with database.transaction() as tx:
        first = await open_request(tx, agent, what, 1, START, None)
        await answer_request(tx, agent, first, Answer(Verdict.ANSWERED, choice=what.options[1].id), "ann", START)
        again = await open_request(tx, agent, renamed, 2, START, None)
        assert again.id == first.id
        assert (await use_answer(tx, agent, again, START)).choice == f"run2-{what.options[1].id}"
