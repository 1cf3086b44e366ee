"""What the facts of an agent mean, as a table; and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lifecycle import ORDER, Patience, count_seconds, derive_status, is_removed, is_resting, is_stuck
from core.model import Agent, Outcome, ProcessState, Status, Wanted
from tests.fakes.clock import START
from tests.fakes.records import make_agent

PATIENCE = Patience()
NOW = START + timedelta(hours=5)
LATELY = NOW - timedelta(minutes=9)
LONG_AGO = NOW - timedelta(minutes=11)
TOOL_LONG_AGO = NOW - timedelta(minutes=46)
BUSY: dict[str, Any] = {"process": ProcessState.RUNNING, "holder": "h-1"}
IN_TURN: dict[str, Any] = {**BUSY, "turn_started_at": LONG_AGO}

TABLE: list[tuple[Status, int, dict[str, Any]]] = [
    (Status.QUEUED, 0, {}),
    (Status.WORKING, 0, {"holder": "h-1"}),
    (Status.WORKING, 0, {"process": ProcessState.STARTING}),
    (Status.WORKING, 0, {"process": ProcessState.STARTING, "holder": "h-1"}),
    (Status.WORKING, 0, BUSY),
    (Status.WORKING, 0, {**IN_TURN, "last_activity_at": LATELY}),
    (Status.WORKING, 0, {**BUSY, "turn_started_at": LATELY, "last_activity_at": LONG_AGO}),
    (Status.WORKING, 0, {**IN_TURN, "last_activity": "running make test", "last_activity_at": LONG_AGO}),
    (Status.WORKING, 0, {**BUSY, "last_activity_at": TOOL_LONG_AGO}),
    (Status.STUCK, 0, IN_TURN),
    (Status.STUCK, 0, {**IN_TURN, "last_activity_at": LONG_AGO}),
    (Status.STUCK, 0, {**IN_TURN, "last_activity": "ran make test", "last_activity_at": LONG_AGO}),
    (Status.STUCK, 0, {**BUSY, "turn_started_at": TOOL_LONG_AGO, "last_activity": "running make test"}),
    (Status.NEEDS_YOU, 1, BUSY),
    (Status.NEEDS_YOU, 3, IN_TURN),
    (Status.NEEDS_YOU, 1, {}),  # the bot was away, and nobody holds it yet
    (Status.WORKING, 1, {**BUSY, "wanted": Wanted.STOP}),
    (Status.FAILED, 0, {"outcome": Outcome.FAILED}),
    (Status.READY, 0, {"outcome": Outcome.READY}),
    (Status.DONE, 0, {"outcome": Outcome.DONE}),
    (Status.STOPPED, 0, {"outcome": Outcome.STOPPED}),
    (Status.DONE, 1, {**IN_TURN, "outcome": Outcome.DONE}),
    (Status.STOPPED, 1, {**IN_TURN, "outcome": Outcome.STOPPED}),
]


@pytest.mark.parametrize(("status", "asked", "facts"), TABLE)
def test_facts_mean(status: Status, asked: int, facts: dict[str, Any]) -> None:
    assert derive_status(make_agent(**facts), asked, NOW, PATIENCE) is status


def test_every_status_is_in_the_table() -> None:
    assert {status for status, _, _ in TABLE} == set(Status) == set(ORDER)


MOMENTS = st.none() | st.timedeltas(timedelta(days=-9), timedelta()).map(lambda before: NOW + before)
AGENTS = st.builds(
    make_agent,
    process=st.sampled_from(ProcessState),
    wanted=st.sampled_from(Wanted),
    outcome=st.sampled_from(Outcome),
    holder=st.sampled_from(["", "h-1"]),
    turn_started_at=MOMENTS,
    last_activity_at=MOMENTS,
    last_activity=st.sampled_from(["", "running make", "ran make", "thinking"]),
)


@given(AGENTS, st.integers(0, 3))
def test_whoever_waits_for_a_human_is_not_stuck(agent: Agent, asked: int) -> None:
    status = derive_status(agent, asked, NOW, PATIENCE)
    if asked and agent.wanted is Wanted.RUN and agent.outcome is Outcome.NONE:
        assert status is Status.NEEDS_YOU
    if status is Status.STUCK:
        assert not asked or agent.wanted is not Wanted.RUN
        assert agent.turn_started_at is not None


@given(AGENTS, st.integers(0, 3))
def test_rest_is_one_of_four_and_nothing_else_is(agent: Agent, asked: int) -> None:
    status = derive_status(agent, asked, NOW, PATIENCE)
    resting = status in (Status.DONE, Status.READY, Status.FAILED, Status.STOPPED)
    assert resting == is_resting(agent)


@given(AGENTS, st.timedeltas(timedelta(), timedelta(days=3)))
def test_silence_never_mends_itself(agent: Agent, later: timedelta) -> None:
    if is_stuck(agent, NOW, PATIENCE):
        assert is_stuck(agent, NOW + later, PATIENCE)


@given(AGENTS)
def test_a_sign_of_life_ends_stuck(agent: Agent) -> None:
    assert not is_stuck(replace(agent, last_activity_at=NOW), NOW, PATIENCE)


def test_patience_is_given() -> None:
    agent = make_agent(**IN_TURN)
    assert not is_stuck(agent, NOW, Patience(silent=timedelta(minutes=20)))


def test_seconds_end_with_the_agent_and_are_never_negative() -> None:
    agent = make_agent()
    assert count_seconds(agent, START + timedelta(seconds=7)) == 7
    assert count_seconds(replace(agent, ended_at=START + timedelta(seconds=3)), NOW) == 3
    assert count_seconds(agent, START - timedelta(seconds=3)) == 0


def test_removed_is_a_fact() -> None:
    assert not is_removed(make_agent())
    assert is_removed(make_agent(removed_at=NOW))
