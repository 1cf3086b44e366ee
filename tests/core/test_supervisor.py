"""One agent's life, in every state: stopped, spoken to, crashed, taken away, cut off from the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.agents import Order, answer_agent, find_request, spawn_agent
from core.crew import Limits
from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Answer, Exit, TurnEnd
from core.lifecycle import Patience, derive_status
from core.model import (
    Actor,
    Agent,
    Attempt,
    Holder,
    MessageState,
    Outcome,
    ProcessState,
    RequestState,
    Status,
    Verdict,
    Wanted,
)
from core.store import Database, find, insert
from tests.fakes.board import (
    admit,
    list_kinds,
    read_agent,
    read_events,
    read_messages,
    read_requests,
    read_texts,
    set_agent,
)
from tests.fakes.clock import START
from tests.fakes.crew import DONE, WAIT, FakeProcess, FakeSession, Yard
from tests.fakes.records import make_ask

PLACE = "terminal:here"


class Place:
    """A yard with ann in it; the play of an agent can be held up at a gate."""

    def __init__(self, yard: Yard, ann: Actor) -> None:
        self.yard, self.ann = yard, ann
        self.gate = asyncio.Event()
        self.reached = asyncio.Event()

    async def spawn(self, text: str = "Fix it") -> Agent:
        async with self.yard.database.transaction() as tx:
            return await spawn_agent(tx, self.ann, Order("web", "demo", text), PLACE, 100, START)

    async def hold(self, *_anything: object) -> None:
        """A hook that waits at the gate."""
        self.reached.set()
        await self.gate.wait()

    async def work_until_told(self, session: FakeSession, text: str) -> TurnEnd:
        """A play that goes on until it is cancelled or the gate opens."""
        self.reached.set()
        waits = [asyncio.ensure_future(item.wait()) for item in (self.gate, session.cancelled)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return TurnEnd("cancelled") if session.cancelled.is_set() else DONE

    async def get_there(self) -> None:
        async with asyncio.timeout(WAIT):
            await self.reached.wait()
        self.reached.clear()


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    ann = await admit(database)
    async with Yard(database, tmp_path, Limits(grace=timedelta(seconds=0.2))).open() as yard:
        yield Place(yard, ann)
    assert yard.host.list_living() == [], "no process outlives the fleet"
    assert yard.host.most_at_once <= 1, "never two processes of one agent"
    assert yard.tools.issued == set()


async def read_attempts(database: Database) -> list[tuple[int, str, str, str]]:
    async with database.reading() as tx:
        found = await find(tx, Attempt)
    return sorted((item.number, item.how, item.why, item.exit) for item in found)


# ----------------------------------------------------------------------------------------------------- the whole way


async def test_from_the_order_to_done(place: Place) -> None:
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert (agent.outcome, agent.wanted, agent.process) == (Outcome.DONE, Wanted.REST, ProcessState.NONE)
    assert (agent.branch, agent.worktree, agent.base, agent.session) == (
        "callboard/web-1", "/worktrees/web-1", "main", "s-web-1",
    )  # fmt: skip
    assert (agent.turns, agent.attempts, len(agent.commits), agent.diffstat) == (1, 1, 1, " a | 1 +")
    assert [item.state for item in await read_messages(place.yard.database)] == [MessageState.DONE]
    assert await read_attempts(place.yard.database) == [(1, "new", "order", "ended by the bot")]
    assert await list_kinds(place.yard.database) == [
        "agent.queued", "agent.started", "agent.turn_started", "agent.turn_ended", "agent.done",
    ]  # fmt: skip
    (launch,) = place.yard.host.launches
    assert launch.env["A"] == "1"
    assert launch.folder == "/worktrees/web-1"
    assert place.yard.repositories.messages == ["Fix it\n\nBy web-1 (demo), for ann.\n"]


async def test_what_was_said_is_stored_before_the_end_is(place: Place) -> None:
    async def speak(session: FakeSession, text: str) -> TurnEnd:
        session.say("half a li")
        session.say("ne")
        return DONE

    place.yard.runtime.play = speak
    await place.spawn()
    await place.yard.wait_rest()
    assert await read_texts(place.yard.database) == ["half a line"]


@pytest.mark.parametrize(
    ("stop_reason", "words"), [("refusal", "refused"), ("max_tokens", "max_tokens"), ("cancelled", "interrupted")]
)
async def test_an_end_short_of_finishing_is_ready(place: Place, stop_reason: str, words: str) -> None:
    place.yard.runtime.play = lambda _session, _text: _return(TurnEnd(stop_reason))
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.READY
    assert words in agent.reason


async def _return(end: TurnEnd) -> TurnEnd:
    return end


# --------------------------------------------------------------------------------------------------------- messages


async def test_messages_are_handed_over_in_order_one_a_turn(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn("first")
    await place.get_there()
    assert await place.yard.send(place.ann, "second") == "queued"
    assert await place.yard.send(place.ann, "third") == "queued"
    place.gate.set()
    agent = await place.yard.wait_rest()
    assert [text for _, text in place.yard.runtime.prompts] == ["first", "second", "third"]
    assert (agent.turns, agent.attempts) == (3, 1)


async def test_an_urgent_message_interrupts_and_goes_first(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn("first")
    await place.get_there()
    await place.yard.send(place.ann, "second")
    assert await place.yard.send(place.ann, "now!", urgent=True) == "interrupts"
    await place.get_there()
    place.gate.set()
    await place.yard.wait_rest()
    assert [text for _, text in place.yard.runtime.prompts] == ["first", "now!", "second"]


async def test_one_that_does_not_listen_is_ended_and_goes_on(place: Place) -> None:
    async def be_deaf(session: FakeSession, text: str) -> TurnEnd:
        place.reached.set()
        if text == "first":
            await asyncio.Event().wait()
        return DONE

    place.yard.runtime.play = be_deaf
    await place.spawn("first")
    await place.get_there()
    await place.yard.send(place.ann, "now!", urgent=True)
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.DONE
    assert [text for _, text in place.yard.runtime.prompts] == ["first", "now!"]
    assert [how for _, how, _, _ in await read_attempts(place.yard.database)] == ["new", "loaded"]


async def test_a_message_while_it_comes_to_rest_is_not_lost(place: Place) -> None:
    """It arrives when the work is collected: the agent does not rest, or is woken."""
    place.yard.repositories.before_collect = place.hold
    await place.spawn("first")
    await place.get_there()
    await place.yard.send(place.ann, "second")
    place.gate.set()
    await place.yard.wait_until(lambda agent: agent.turns == 2)
    await place.yard.wait_rest()
    assert [text for _, text in place.yard.runtime.prompts] == ["first", "second"]


async def test_a_message_between_rest_and_release_is_not_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = FakeProcess.kill

    async def kill_slowly(process: FakeProcess) -> Exit:
        await place.hold()
        return await kill(process)

    monkeypatch.setattr(FakeProcess, "kill", kill_slowly)
    await place.spawn("first")
    await place.get_there()
    assert (await read_agent(place.yard.database)).outcome is Outcome.DONE
    assert await place.yard.send(place.ann, "second") == "resumes"
    place.gate.set()
    await place.yard.wait_until(lambda agent: agent.turns == 2)
    await place.yard.wait_rest()
    assert [text for _, text in place.yard.runtime.prompts] == ["first", "second"]


async def test_messages_at_every_moment_are_all_handed_over(place: Place) -> None:
    await place.spawn("m0")
    for number in range(1, 15):
        await asyncio.sleep(0.003 * (number % 5))
        await place.yard.send(place.ann, f"m{number}")
    await place.yard.wait_until(lambda agent: agent.turns == 15)
    await place.yard.wait_rest()
    assert [text for _, text in place.yard.runtime.prompts] == [f"m{number}" for number in range(15)]


@pytest.mark.parametrize("how", ["loaded", "rebuilt"])
async def test_one_at_rest_goes_on_in_its_session(place: Place, how: str) -> None:
    place.yard.runtime.how = how
    await place.spawn("first")
    await place.yard.wait_rest()
    assert await place.yard.send(place.ann, "second") == "resumes"
    await place.yard.wait_until(lambda agent: agent.turns == 2)
    await place.yard.wait_rest()
    assert place.yard.runtime.sessions[1].opening.session == "s-web-1"
    said = place.yard.runtime.prompts[1][1]
    assert said.startswith("second")
    assert ("first" in said) == (how == "rebuilt")
    assert [(item[1], item[2]) for item in await read_attempts(place.yard.database)] == [
        ("new", "order"),
        (how, "message"),
    ]
    (event,) = await read_events(place.yard.database, "agent.resumed")
    assert event.data == {"attempt": 2, "how": how, "why": "message"}


# ------------------------------------------------------------------------------------------------------------- stop


async def expect_stopped(place: Place, reason: str = "stopped") -> Agent:
    agent = await place.yard.wait_rest()
    assert (agent.outcome, agent.wanted, agent.reason) == (Outcome.STOPPED, Wanted.REST, reason)
    assert {item.state for item in await read_messages(place.yard.database)} <= {
        MessageState.DONE,
        MessageState.DROPPED,
    }
    assert (await list_kinds(place.yard.database))[-1] == "agent.stopped"
    return agent


@pytest.mark.parametrize("moment", ["prepare", "open"])
async def test_stop_while_it_is_made_ready(place: Place, moment: str) -> None:
    """It is stopped there and then, and was told nothing."""
    if moment == "prepare":
        place.yard.host.before_prepare = place.hold
    else:
        place.yard.runtime.before_open = place.hold
    await place.spawn()
    await place.get_there()
    await place.yard.stop(place.ann, reason="changed my mind")
    await expect_stopped(place, "changed my mind")
    assert place.yard.runtime.prompts == []


async def test_stop_before_the_first_words(place: Place) -> None:
    place.yard.host.before_start = place.hold
    await place.spawn()
    await place.get_there()
    await place.yard.stop(place.ann)
    place.gate.set()
    await expect_stopped(place)
    assert place.yard.runtime.prompts == []


async def test_stop_in_a_turn(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn()
    await place.get_there()
    await place.yard.send(place.ann, "never heard")
    await place.yard.stop(place.ann)
    agent = await expect_stopped(place)
    assert len(agent.commits) == 1, "its work is kept"
    assert "ended early" in place.yard.repositories.messages[-1]
    assert [item.state for item in await read_messages(place.yard.database)] == [
        MessageState.DONE,
        MessageState.DROPPED,
    ]


async def test_stop_of_one_that_does_not_listen(place: Place) -> None:
    place.yard.runtime.play = place.hold  # type: ignore[assignment]
    await place.spawn()
    await place.get_there()
    await place.yard.stop(place.ann)
    await expect_stopped(place)


async def test_stop_while_it_asks(place: Place) -> None:
    async def ask(session: FakeSession, text: str) -> TurnEnd:
        answer = await session.ask(make_ask())
        return TurnEnd("cancelled") if answer is None else DONE

    place.yard.runtime.play = ask
    await place.spawn()
    await place.yard.wait_until(lambda agent: agent.turns == 1)
    await wait_for_request(place)
    await place.yard.stop(place.ann)
    await expect_stopped(place)
    assert [item.state for item in await read_requests(place.yard.database)] == [RequestState.WITHDRAWN]


async def test_stop_while_it_comes_to_rest(place: Place) -> None:
    place.yard.repositories.before_collect = place.hold
    await place.spawn()
    await place.get_there()
    await place.yard.stop(place.ann)
    place.gate.set()
    await expect_stopped(place)


async def test_a_stopped_one_can_be_spoken_to(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn()
    await place.get_there()
    await place.yard.stop(place.ann)
    await expect_stopped(place)
    place.gate.set()
    await place.yard.send(place.ann, "go on")
    agent = await place.yard.wait_until(lambda agent: agent.outcome is Outcome.DONE)
    assert agent.reason == ""


# ------------------------------------------------------------------------------------------------------------ asking


async def wait_for_request(place: Place) -> None:
    async with asyncio.timeout(WAIT):
        while not [item for item in await read_requests(place.yard.database) if item.state is RequestState.OPEN]:
            await asyncio.sleep(0.01)


async def answer(place: Place, answer: Answer) -> None:
    async with place.yard.database.transaction() as tx:
        await answer_agent(tx, place.ann, await find_request(tx, "web-1"), answer, place.yard.clock.now())


async def test_waiting_for_a_human_costs_no_time_and_is_not_stuck(place: Place) -> None:
    async def ask(session: FakeSession, text: str) -> TurnEnd:
        said = await session.ask(make_ask())
        place.reached.set()
        await place.gate.wait()
        assert said == Answer(Verdict.ONCE)
        return DONE

    place.yard.runtime.play = ask
    await place.spawn()
    await wait_for_request(place)
    place.yard.clock.advance(5 * 3600)
    place.yard.database.bells.ring("turn:web-1")
    await asyncio.sleep(0.05)
    await answer(place, Answer(Verdict.ONCE))
    await place.get_there()
    agent = await read_agent(place.yard.database)
    assert derive_status(agent, 0, place.yard.clock.now(), Patience()) is Status.WORKING
    place.yard.clock.advance(60)
    place.gate.set()
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.DONE
    assert agent.active_seconds == pytest.approx(60)


async def test_the_time_limit_ends_a_turn(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn()
    await place.get_there()
    place.yard.clock.advance(61 * 60)
    place.yard.database.bells.ring("turn:web-1")
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.READY
    assert agent.reason == "its budget of 60 minutes is used; an approver can raise it: budget raise web-1 --minutes 30"


async def test_a_flood_ends_the_turn(database: Database, tmp_path: Path) -> None:
    ann = await admit(database)
    async with Yard(database, tmp_path, Limits(output_bytes=1_000, grace=timedelta(seconds=0.1))).open() as yard:
        place = Place(yard, ann)

        async def flood(session: FakeSession, text: str) -> TurnEnd:
            session.say("x" * 1_001)
            return await place.work_until_told(session, text)

        yard.runtime.play = flood
        await place.spawn()
        agent = await yard.wait_rest()
        assert (agent.outcome, "output_mb" in agent.reason) == (Outcome.FAILED, True)


async def test_turns_are_counted(database: Database, tmp_path: Path) -> None:
    ann = await admit(database)
    async with Yard(database, tmp_path, Limits(turns=1)).open() as yard:
        place = Place(yard, ann)
        await place.spawn()
        await yard.wait_rest()
        await yard.send(ann, "more")
        agent = await yard.wait_until(lambda agent: agent.outcome is Outcome.READY)
        assert agent.reason == "its budget of 1 turn is used; an approver can raise it: budget raise web-1 --turns 1"


async def test_what_it_reports_is_an_event(place: Place) -> None:
    async def report(session: FakeSession, text: str) -> TurnEnd:
        session.listener.hear("report", {"text": "Half"})
        return DONE

    place.yard.runtime.play = report
    await place.spawn()
    await place.yard.wait_rest()
    assert [event.data["text"] for event in await read_events(place.yard.database, "agent.reported")] == ["Half"]


# ---------------------------------------------------------------------------------------------------------- failing


@pytest.mark.parametrize("moment", ["prepare", "start", "collect"])
async def test_what_cannot_be_done_fails_with_its_reason(place: Place, moment: str) -> None:
    async def fail(_agent: str) -> None:
        raise PermanentFailure("git says no")

    hooks: dict[str, Any] = {"prepare": place.yard.host, "start": place.yard.host, "collect": place.yard.repositories}
    setattr(hooks[moment], f"before_{moment}", fail)
    await place.spawn()
    agent = await place.yard.wait_rest()
    if moment == "collect":
        assert (agent.outcome, agent.diffstat) == (Outcome.READY, "not committed: git says no")
        assert "git says no" in agent.reason
    else:
        assert (agent.outcome, agent.reason) == (Outcome.FAILED, "git says no")


async def test_one_that_says_no_when_it_opens_fails_at_once(place: Place) -> None:
    async def refuse(_agent: str) -> None:
        raise PermanentFailure("sign in first")

    place.yard.runtime.before_open = refuse
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert (agent.outcome, agent.reason) == (Outcome.FAILED, "sign in first")
    assert agent.attempts == 1


async def test_one_that_dies_when_it_opens_is_tried_four_times(place: Place) -> None:
    async def die(agent: str) -> None:
        place.yard.host.processes[-1].end(Exit(3))
        raise PermanentFailure("The agent went away.")

    place.yard.runtime.before_open = die
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.FAILED
    assert agent.reason == "exit code 3 before it could be spoken to (The agent went away.); tried 4 times"
    assert agent.attempts == 4


async def test_crashes_in_a_row_are_counted_and_progress_begins_anew(place: Place) -> None:
    crashes = iter([True, True, True, False, True, True, True, False])

    async def crash(session: FakeSession, text: str) -> TurnEnd:
        return await session.die() if next(crashes) else DONE

    place.yard.runtime.play = crash
    await place.spawn("first")
    await place.yard.wait_until(lambda agent: agent.attempts >= 4)
    await place.yard.send(place.ann, "second")
    agent = await place.yard.wait_until(lambda agent: agent.turns == 2 and agent.outcome)
    assert agent.outcome is Outcome.DONE


async def test_one_that_only_crashes_fails_with_how_it_ended(place: Place) -> None:
    place.yard.runtime.play = lambda session, _text: session.die(7)
    await place.spawn("first")
    agent = await place.yard.wait_rest()
    assert (agent.outcome, agent.reason) == (Outcome.FAILED, "exit code 7 in mid-turn; tried 4 times")
    prompts = [text for _, text in place.yard.runtime.prompts]
    assert prompts[0] == "first"
    assert all("interrupted by a restart" in text and text.endswith("first") for text in prompts[1:])
    assert [item.state for item in await read_messages(place.yard.database)] == [MessageState.SENT]


async def test_a_failing_agent_that_lives_fails_with_its_words(place: Place) -> None:
    async def fail(_session: FakeSession, _text: str) -> TurnEnd:
        raise PermanentFailure("The agent says: quota")

    place.yard.runtime.play = fail
    await place.spawn()
    agent = await place.yard.wait_until(lambda agent: agent.outcome)
    assert (agent.outcome, agent.reason) == (Outcome.FAILED, "The agent says: quota")


async def test_a_mistake_of_ours_fails_one_agent_alone(place: Place) -> None:
    async def stumble(agent: str) -> None:
        if agent == "web-1":
            raise ZeroDivisionError("oops")

    place.yard.host.before_prepare = stumble
    await place.spawn()
    await place.spawn()
    agent, other = await place.yard.wait_rest(), await place.yard.wait_rest("web-2")
    assert (agent.outcome, "oops" in agent.reason) == (Outcome.FAILED, True)
    assert other.outcome is Outcome.DONE


@pytest.mark.parametrize("moment", ["prepare", "start"])
async def test_what_may_pass_is_tried_again(place: Place, moment: str) -> None:
    tries = []
    shown = []

    async def fail_twice(agent: str) -> None:
        tries.append(agent)
        shown.append((await read_agent(place.yard.database)).last_activity)
        if len(tries) < 3:
            raise TemporaryFailure("no room just now")

    setattr(place.yard.host, f"before_{moment}", fail_twice)
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert agent.outcome is Outcome.DONE
    assert shown == ["", *2 * ["waits, and is tried again: no room just now"]]


async def test_a_project_that_is_gone_fails_with_that(place: Place) -> None:
    place.yard.catalogue.projects = {}
    await place.spawn()
    agent = await place.yard.wait_rest()
    assert (agent.outcome, "no longer configured" in agent.reason) == (Outcome.FAILED, True)


# ------------------------------------------------------------------------------------------- leases and the database


async def test_a_lost_lease_ends_the_process_and_writes_nothing(place: Place) -> None:
    place.yard.runtime.play = place.work_until_told
    await place.spawn()
    await place.get_there()
    before = await read_agent(place.yard.database)
    async with place.yard.database.transaction() as tx:
        await insert(tx, Holder("h-other", "elsewhere", 1, START, START))
    await set_agent(
        place.yard.database, epoch=before.epoch + 1, holder="h-other", lease_until=START + timedelta(days=1)
    )
    events = await list_kinds(place.yard.database)
    attempts = await read_attempts(place.yard.database)
    place.yard.runtime.sessions[0].say("mine\n")
    place.yard.runtime.sessions[0].listener.hear("report", {"text": "mine"})
    place.yard.clock.advance(6)
    place.yard.database.bells.ring("fleet")
    async with asyncio.timeout(WAIT):
        while place.yard.fleet.running:
            await asyncio.sleep(0.01)
    assert place.yard.host.list_living() == []
    after = await read_agent(place.yard.database)
    assert (after.holder, after.outcome, after.turn_started_at) == ("h-other", Outcome.NONE, before.turn_started_at)
    assert await list_kinds(place.yard.database) == events
    assert await read_attempts(place.yard.database) == attempts
    assert await read_texts(place.yard.database) == []


async def test_an_outage_of_the_database_costs_nobody_the_work(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(session: FakeSession, text: str) -> TurnEnd:
        session.say("before\n")
        await place.hold()
        session.say("meanwhile\n")
        return DONE

    def fail() -> Any:
        raise TemporaryFailure("it is away")

    place.yard.runtime.play = work
    await place.spawn()
    await place.get_there()
    with monkeypatch.context() as patch:
        patch.setattr(place.yard.database, "transaction", fail)
        patch.setattr(place.yard.database, "reading", fail)
        place.yard.database.bells.ring("turn:web-1")
        await asyncio.sleep(0.1)
        place.gate.set()
        await asyncio.sleep(0.1)
        assert len(place.yard.host.list_living()) == 1
    agent = await place.yard.wait_rest()
    assert (agent.outcome, agent.attempts, agent.turns) == (Outcome.DONE, 1, 1)
    assert "".join(await read_texts(place.yard.database)) == "before\nmeanwhile\n"


async def test_an_answer_after_an_outage_arrives(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Answer | None] = []

    def fail() -> Any:
        raise TemporaryFailure("it is away")

    async def ask(session: FakeSession, text: str) -> TurnEnd:
        await place.hold()
        said.append(await session.ask(make_ask()))
        return DONE

    place.yard.runtime.play = ask
    await place.spawn()
    await place.get_there()
    with monkeypatch.context() as patch:
        patch.setattr(place.yard.database, "transaction", fail)
        place.gate.set()
        await asyncio.sleep(0.1)
    await wait_for_request(place)
    await answer(place, Answer(Verdict.ONCE))
    await place.yard.wait_rest()
    assert said == [Answer(Verdict.ONCE)]
    assert len(await read_requests(place.yard.database)) == 1
