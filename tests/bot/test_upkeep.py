"""What timers do: requests that nobody answered, and what is old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.upkeep import UPKEEP, list_handlers, set_upkeep
from core.board import put_entry
from core.events import Event, Update
from core.interfaces import Answer, Ask
from core.messages import Entry, EntryKind
from core.model import RequestState, Timer, Verdict
from core.requests import TIMER, answer_request, open_request
from core.settings import load_settings
from core.store import Database, append_events, find
from core.store.fleet import store_updates
from tests.fakes.board import keep_agent, list_kinds, read_messages, read_requests, read_texts
from tests.fakes.clock import START
from tests.fakes.records import make_ask, make_question

LATER = START + timedelta(hours=2)
SETTINGS = load_settings(None, {}, Path("/nowhere"))
HANDLERS = list_handlers(lambda: SETTINGS)


async def let_pass(database: Database, ask: Ask, *, answered: bool = False) -> None:
    """An ask with a deadline, and its end."""
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        request = await open_request(tx, agent, ask, 1, START, timedelta(hours=1))
        (timer,) = await find(tx, Timer)
        if answered:
            await answer_request(tx, agent, request, Answer(Verdict.ONCE), "ann", START)
    assert timer.topic == TIMER
    async with database.transaction() as tx:
        await HANDLERS[TIMER](tx, timer, LATER)


async def test_a_permission_that_nobody_gave_is_told_to_the_agent_as_no_answer(database: Database) -> None:
    await let_pass(database, make_ask())
    assert [item.state for item in await read_requests(database)] == [RequestState.EXPIRED]
    (message,) = await read_messages(database)
    assert "no answer, not a denial" in message.text
    assert await list_kinds(database) == ["request.opened", "request.expired", "message.queued"]


async def test_a_question_has_its_own_word_for_that(database: Database) -> None:
    await let_pass(database, make_question("a"))
    assert await read_messages(database) == []


async def test_an_answer_in_time_stands(database: Database) -> None:
    await let_pass(database, make_ask(), answered=True)
    assert [item.state for item in await read_requests(database)] == [RequestState.ANSWERED]
    assert await read_messages(database) == []


async def test_a_deadline_of_what_is_gone_does_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        await HANDLERS[TIMER](tx, Timer("request:r-x", TIMER, START, {"request": "r-x"}), LATER)
    assert await list_kinds(database) == []


async def test_what_is_old_goes_and_what_is_at_work_stays(database: Database) -> None:
    keep = SETTINGS.keep
    now = START + timedelta(days=keep.events_days + keep.updates_days + 1)
    await keep_agent(database, "web-1", ended_at=START)
    await keep_agent(database, "web-2")
    async with database.transaction() as tx:
        await append_events(tx, Event("bot.started", START), Event("bot.stopped", now))
        await store_updates(tx, [Update(id, 1, "note", START, {"text": id}, 1) for id in ("web-1", "web-2")], [])
    async with database.transaction() as tx:
        for key, at in (("old", START), ("new", now)):
            await put_entry(tx, "console:main", EntryKind.SAID, {"text": key}, key, at)
    async with database.transaction() as tx:
        await HANDLERS[UPKEEP](tx, Timer(UPKEEP, UPKEEP, now), now)
        assert [entry.key for entry in await find(tx, Entry)] == ["new"]
    assert await list_kinds(database) == ["bot.stopped"]
    assert await read_texts(database, "web-1") == []
    assert await read_texts(database, "web-2") == ["web-2"], "it has not ended, however old its words are"


async def test_the_next_one_is_promised_each_time(database: Database) -> None:
    async with database.transaction() as tx:
        await set_upkeep(tx, START)
        await HANDLERS[UPKEEP](tx, Timer(UPKEEP, UPKEEP, START), LATER)
        (timer,) = await find(tx, Timer)
    assert timer.due_at > LATER


@pytest.mark.parametrize("topic", [TIMER, UPKEEP])
def test_every_topic_has_somebody_who_hears_it(topic: str) -> None:
    assert topic in HANDLERS
