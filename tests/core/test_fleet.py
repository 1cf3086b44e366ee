"""Which agents run here: in order, up to the limit, each in one process only, and on again after a restart."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.crew import Limits
from core.errors import PermanentFailure, TemporaryFailure
from core.fleet import LEASE, Comeback, Fleet
from core.interfaces import Answer, TurnEnd
from core.model import Agent, AgentMessage, Holder, MessageState, Outcome, ProcessState, Verdict, Wanted
from core.requests import answer_request
from core.store import Database, find, get, insert
from core.store.fleet import claim_agent, list_claimable, list_queue
from tests.fakes.board import keep_agent, read_agent, read_requests, set_agent
from tests.fakes.clock import START
from tests.fakes.crew import DONE, WAIT, FakeProcess, FakeSession, Yard
from tests.fakes.records import make_ask

SHORT = Limits(grace=timedelta(seconds=0.1))


async def keep_order(database: Database, id: str = "web-1", **values: Any) -> Agent:
    """An agent with its task as first message."""
    agent = await keep_agent(database, id, **values)
    async with database.transaction() as tx:
        await insert(tx, AgentMessage(f"m-{id}", id, 1, agent.task, agent.owner, MessageState.QUEUED, False, START))
    return agent


async def work_on(session: FakeSession, text: str) -> TurnEnd:
    """A play that ends when it is cancelled."""
    await session.cancelled.wait()
    return TurnEnd("cancelled")


async def enter(fleet: Fleet, yard: Yard, *, alone: bool = False) -> Comeback:
    return await fleet.enter(yard.clock.now(), is_alone=alone)


# -------------------------------------------------------------------------------------------------------- the queue


async def test_the_oldest_order_first_and_no_more_than_the_limit(database: Database, tmp_path: Path) -> None:
    for number in range(1, 6):
        await keep_order(database, f"web-{number}", queued_at=START - timedelta(minutes=number))
    yard = Yard(database, tmp_path, SHORT, places=2)
    yard.runtime.play = work_on
    async with yard.open():
        await yard.wait_until(lambda agent: agent.turn_started_at, "web-5")
        await yard.wait_until(lambda agent: agent.turn_started_at, "web-4")
        async with database.reading() as tx:
            assert await list_queue(tx) == ["web-3", "web-2", "web-1"]
        assert yard.fleet.running == 2
        yard.runtime.sessions[0].cancelled.set()
        await yard.wait_until(lambda agent: agent.turn_started_at, "web-3")
        assert yard.fleet.running == 2


async def test_those_cut_short_come_before_the_queue(database: Database) -> None:
    await keep_agent(database, "web-1", queued_at=START - timedelta(days=1))
    await keep_agent(database, "web-2", process=ProcessState.RUNNING, holder="dead")
    async with database.reading() as tx:
        found = await list_claimable(tx, "me", START, 9)
    assert [agent.id for agent in found] == ["web-2", "web-1"]


@pytest.mark.parametrize(
    ("values", "claimable"),
    [
        ({}, True),
        ({"wanted": Wanted.STOP}, True),
        ({"wanted": Wanted.REST}, False),
        ({"outcome": Outcome.DONE}, False),
        ({"holder": "me", "lease_until": START + LEASE}, True),
        ({"holder": "alive", "lease_until": START + LEASE}, False),
        ({"holder": "alive", "lease_until": START - LEASE}, True),
        ({"holder": "gone", "lease_until": START + LEASE}, True),
        ({"home": "there/1", "worktree": "/w/web-1"}, False),
        ({"home": "there/1"}, True),
        ({"home": "here/1", "worktree": "/w/web-1"}, True),
        ({"worktree": "/w/web-1"}, True),
    ],
)
async def test_what_can_be_claimed(database: Database, values: dict[str, Any], claimable: bool) -> None:
    await keep_agent(database, **values)
    async with database.transaction() as tx:
        await insert(tx, Holder("me", "here", 1, START, START), Holder("alive", "here", 2, START, START))
        found = await list_claimable(tx, "me", START, 9, "here/1")
    assert bool(found) is claimable


async def test_a_claim_says_where_the_worktree_is(database: Database) -> None:
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        assert await claim_agent(tx, agent, "me", START, "here/1")
    assert (await read_agent(database)).home == "here/1"


async def test_who_is_alone_takes_up_agents_of_a_data_folder_that_was_another(
    database: Database, tmp_path: Path
) -> None:
    yard = Yard(database, tmp_path, SHORT)
    crew = replace(yard.crew, house="here/1")
    yard.fleet = Fleet(crew, "here", 4)
    await keep_order(database)
    await set_agent(database, home="there/1", worktree=str(tmp_path))
    await enter(yard.fleet, yard, alone=False)
    assert await yard.fleet.tick() == []
    yard.fleet = Fleet(crew, "here", 4)
    await enter(yard.fleet, yard, alone=True)
    assert len(await yard.fleet.tick()) == 1
    await yard.fleet.leave(5.0)


async def test_a_claim_of_what_was_seen_a_moment_ago_may_come_too_late(database: Database) -> None:
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        assert await claim_agent(tx, agent, "me", START)
        assert not await claim_agent(tx, agent, "you", START)
    other = await keep_agent(database, "web-2")
    await set_agent(database, "web-2", outcome=Outcome.STOPPED, wanted=Wanted.REST)
    async with database.transaction() as tx:
        assert not await claim_agent(tx, other, "me", START), "it was stopped meanwhile"


# ------------------------------------------------------------------------------------------------------ two processes


async def test_two_fleets_on_one_database_start_each_agent_once(
    postgres_pair: tuple[Database, Database], tmp_path: Path
) -> None:
    for number in range(1, 31):
        await keep_order(postgres_pair[0], f"web-{number}")
    async with AsyncExitStack() as stack:
        yards = [Yard(database, tmp_path, SHORT, places=30) for database in postgres_pair]
        for yard in yards:
            await enter(yard.fleet, yard)
            stack.push_async_callback(yard.fleet.leave, 5.0)
        for _ in range(3):
            await asyncio.gather(*(yard.fleet.tick() for yard in yards))
        for number in range(1, 31):
            await yards[0].wait_rest(f"web-{number}")
        started = [launch.name for yard in yards for launch in yard.host.launches]
        assert sorted(started) == sorted(f"web-{number}" for number in range(1, 31))


async def test_an_agent_moves_when_its_lease_ends_and_the_old_process_ends(
    postgres_pair: tuple[Database, Database], tmp_path: Path
) -> None:
    one, two = (Yard(database, tmp_path, SHORT) for database in postgres_pair)
    one.runtime.play = work_on
    await keep_order(one.database)
    for yard in (one, two):
        await enter(yard.fleet, yard)
    await one.fleet.tick()
    await one.wait_until(lambda agent: agent.turn_started_at)
    assert await two.fleet.tick() == []
    two.clock.advance(31)
    assert len(await two.fleet.tick()) == 1
    await two.wait_rest()
    assert (await read_agent(two.database)).outcome is Outcome.DONE
    assert "interrupted by a restart" in two.runtime.prompts[0][1]
    assert len(one.host.list_living()) == 1, "it does not know yet"
    await one.fleet.tick()
    async with asyncio.timeout(WAIT):
        while one.fleet.running:
            await asyncio.sleep(0.01)
    assert one.host.list_living() == []
    agent = await read_agent(two.database)
    assert (agent.outcome, agent.attempts) == (Outcome.DONE, 2)
    for yard in (one, two):
        await yard.fleet.leave(5.0)


async def test_a_stop_and_an_answer_by_another_process_arrive_with_the_next_tick(
    postgres_pair: tuple[Database, Database], tmp_path: Path
) -> None:
    here, elsewhere = Yard(postgres_pair[0], tmp_path, SHORT), postgres_pair[1]

    async def ask(session: FakeSession, text: str) -> TurnEnd:
        assert await session.ask(make_ask()) == Answer(Verdict.ONCE)
        return await work_on(session, text)

    here.runtime.play = ask
    await keep_order(elsewhere)
    await enter(here.fleet, here)
    await here.fleet.tick()
    async with asyncio.timeout(WAIT):
        while not (requests := await read_requests(elsewhere)):
            await asyncio.sleep(0.01)
    async with elsewhere.transaction() as tx:
        await answer_request(tx, await read_agent(elsewhere), requests[0], Answer(Verdict.ONCE), "bob", START)
    await here.fleet.tick()
    async with asyncio.timeout(WAIT):
        while not (await read_requests(elsewhere))[0].used_at:
            await asyncio.sleep(0.01)
    await set_agent(elsewhere, wanted=Wanted.STOP)
    await here.fleet.tick()
    assert (await here.wait_rest()).outcome is Outcome.STOPPED
    await here.fleet.leave(5.0)


# ---------------------------------------------------------------------------------------------------- leave and return


async def test_who_leaves_can_go_on_after_the_next_start(database: Database, tmp_path: Path) -> None:
    await keep_order(database)
    first = Yard(database, tmp_path, SHORT)
    first.runtime.play = work_on
    async with first.open():
        await first.wait_until(lambda agent: agent.turn_started_at)
    agent = await read_agent(database)
    assert first.host.list_living() == []
    assert (agent.holder, agent.outcome, agent.wanted, agent.process) == (
        "", Outcome.NONE, Wanted.RUN, ProcessState.RUNNING,
    )  # fmt: skip
    second = Yard(database, tmp_path, SHORT)
    second.clock.advance(41)
    comeback = await enter(second.fleet, second, alone=database.is_sqlite)
    assert comeback.away_seconds == 41
    await second.fleet.tick()
    assert await second.fleet.look_back(comeback, WAIT) == Comeback(41, ("web-1",), ())
    await second.wait_rest()
    assert second.host.reclaimed == ["web-1"]
    assert second.runtime.sessions[0].opening.session == "s-web-1"
    assert "interrupted by a restart" in second.runtime.prompts[0][1]
    await second.fleet.leave(5.0)


async def test_look_back_names_those_that_failed_and_those_that_were_quick(database: Database, tmp_path: Path) -> None:
    for id in ("web-1", "web-2", "web-3"):
        await keep_order(
            database, id, process=ProcessState.RUNNING, holder="dead", attempts=1, session="s", worktree="/w"
        )
    await set_agent(database, "web-3", wanted=Wanted.STOP)
    await keep_order(database, "web-4")
    yard = Yard(database, tmp_path, SHORT, places=9)

    async def refuse(agent: str) -> None:
        if agent == "web-2":
            raise PermanentFailure("its worktree is gone")

    yard.host.before_start = refuse
    comeback = await enter(yard.fleet, yard)
    await yard.fleet.tick()
    for number in range(1, 5):
        await yard.wait_rest(f"web-{number}")
    async with asyncio.timeout(WAIT):
        while yard.fleet.running:
            await asyncio.sleep(0.01)
    seen = await yard.fleet.look_back(comeback, WAIT)
    assert seen == Comeback(None, ("web-1",), (("web-2", "its worktree is gone"), ("web-3", "stopped")))
    await yard.fleet.leave(5.0)


async def test_look_back_does_not_wait_for_ever(database: Database, tmp_path: Path) -> None:
    await keep_order(database, process=ProcessState.RUNNING, holder="dead")
    yard = Yard(database, tmp_path, SHORT)

    async def hang(agent: str) -> None:
        await asyncio.Event().wait()

    yard.runtime.before_open = hang
    comeback = await enter(yard.fleet, yard)
    await yard.fleet.tick()
    assert await yard.fleet.look_back(comeback, 0.05) == comeback
    await yard.fleet.leave(5.0)


async def test_what_does_not_end_in_time_stays_held(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another process would start it while it still runs here."""
    gate, kill = asyncio.Event(), FakeProcess.kill

    async def kill_late(process: FakeProcess) -> Any:
        await gate.wait()
        return await kill(process)

    monkeypatch.setattr(FakeProcess, "kill", kill_late)
    await keep_order(database)
    yard = Yard(database, tmp_path, SHORT)
    yard.runtime.play = work_on
    await enter(yard.fleet, yard)
    await yard.fleet.tick()
    await yard.wait_until(lambda agent: agent.turn_started_at)
    await yard.fleet.leave(0.05)
    assert (await read_agent(database)).holder != ""
    gate.set()
    async with asyncio.timeout(WAIT):
        while yard.fleet.running:
            await asyncio.sleep(0.01)


async def test_who_left_starts_nothing_more(database: Database, tmp_path: Path) -> None:
    yard = Yard(database, tmp_path, SHORT)
    await enter(yard.fleet, yard)
    await yard.fleet.leave(5.0)
    await keep_order(database)
    assert await yard.fleet.tick() == []
    assert yard.fleet.running == 0


async def test_holders_that_died_here_are_forgotten(database: Database, tmp_path: Path) -> None:
    seen = START - timedelta(seconds=9)
    async with database.transaction() as tx:
        await insert(tx, Holder("dead", "here", 2**22 + 1, seen, seen))
        await insert(tx, Holder("gone", "here", 0, seen, seen))
        await insert(tx, Holder("lives", "here", os.getpid(), seen, seen))
        await insert(tx, Holder("far", "elsewhere", 2**22 + 1, seen, seen))
    yard = Yard(database, tmp_path)
    comeback = await enter(yard.fleet, yard)
    assert comeback.away_seconds == 9
    async with database.reading() as tx:
        assert {holder.id for holder in await find(tx, Holder)} >= {"lives", "far"}
        assert await get(tx, Holder, id="dead") is None
        assert await get(tx, Holder, id="gone") is None
    again = Yard(database, tmp_path)
    await enter(again.fleet, again, alone=True)
    async with database.reading() as tx:
        assert len(await find(tx, Holder)) == 1


async def test_a_first_start_was_never_away(database: Database, tmp_path: Path) -> None:
    yard = Yard(database, tmp_path)
    assert await enter(yard.fleet, yard) == Comeback(None)


async def test_the_fleet_outlives_an_outage(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fleet._TICK", timedelta(seconds=0.05))

    def fail() -> Any:
        raise TemporaryFailure("it is away")

    yard = Yard(database, tmp_path, SHORT)
    async with yard.open():
        with monkeypatch.context() as patch:
            patch.setattr(database, "transaction", fail)
            database.bells.ring("fleet")
            await asyncio.sleep(0.1)
        await keep_order(database)
        assert (await yard.wait_rest()).outcome is Outcome.DONE


async def test_a_supervisor_that_ends_badly_frees_its_place(database: Database, tmp_path: Path) -> None:
    """And the agent is taken up again."""
    await keep_order(database)
    yard = Yard(database, tmp_path, SHORT)
    tries: list[str] = []

    async def stumble(agent: str) -> None:
        tries.append(agent)
        if len(tries) == 1:
            raise asyncio.CancelledError

    yard.host.before_prepare = stumble
    await enter(yard.fleet, yard)
    await yard.fleet.tick()
    async with asyncio.timeout(WAIT):
        while yard.fleet.running:
            await asyncio.sleep(0.01)
    await yard.fleet.tick()
    assert (await yard.wait_rest()).outcome is Outcome.DONE
    await yard.fleet.leave(5.0)


async def test_done_is_done(database: Database, tmp_path: Path) -> None:
    await keep_order(database)
    yard = Yard(database, tmp_path, SHORT)
    yard.runtime.play = lambda _session, _text: _end()
    async with yard.open():
        await yard.wait_rest()
        await yard.fleet.tick()
        await yard.fleet.tick()
    assert len(yard.host.launches) == 1


async def _end() -> TurnEnd:
    return DONE
