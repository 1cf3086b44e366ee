"""Totals over sessions: nothing is counted twice, whatever begins to count anew."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.meter import Meter, read_meter
from tests.fakes.records import make_agent


def make_meter(**values: Any) -> Meter:
    return read_meter(make_agent(**values))


def reopen(meter: Meter, session: str) -> Meter:
    """As after a restart: from what was stored."""
    again = make_meter(cost=meter.cost, tokens=meter.tokens, meter=meter.write())
    again.open(session)
    return again


def test_a_session_tells_its_cost_so_far() -> None:
    meter = make_meter()
    meter.open("s-1")
    for cost in (0.1, 0.25, 0.25, 0.42):
        meter.hear({"cost": cost, "currency": "USD"})
    assert meter.cost == pytest.approx(0.42)


def test_a_session_that_is_loaded_goes_on_counting() -> None:
    meter = make_meter()
    meter.open("s-1")
    meter.hear({"cost": 0.42})
    again = reopen(meter, "s-1")
    again.hear({"cost": 0.42})
    again.hear({"cost": 0.5})
    assert again.cost == pytest.approx(0.5)


def test_a_new_session_is_added() -> None:
    meter = make_meter()
    meter.open("s-1")
    meter.hear({"cost": 0.42})
    again = reopen(meter, "s-2")
    again.hear({"cost": 0.1})
    again.hear({"cost": 0.5})
    assert again.cost == pytest.approx(0.92)


def test_a_program_that_begins_anew_in_the_same_session_is_added() -> None:
    meter = reopen(Meter(0.42, None, "s-1", 0.42), "s-1")
    meter.hear({"cost": 0.1})
    meter.hear({"cost": 0.3})
    assert meter.cost == pytest.approx(0.72)


def test_what_is_heard_before_the_session_is_known_waits() -> None:
    for session, total in (("s-1", 0.5), ("s-2", 0.92)):
        meter = make_meter(cost=0.42, meter={"session": "s-1", "told": 0.42})
        meter.hear({"cost": 0.5})
        assert (meter.cost, meter.write()) == (0.42, {"session": "s-1", "told": 0.42})
        meter.open(session)
        assert meter.cost == pytest.approx(total)


def test_tokens_are_those_of_each_turn() -> None:
    meter = make_meter(tokens=5)
    meter.open("s-1")
    meter.hear({"tokens": 7})
    meter.hear({"context": 1000, "window": 2000})
    meter.hear({"tokens": 3})
    assert meter.tokens == 15


@pytest.mark.parametrize("data", [{}, {"cost": None}, {"cost": 3.0, "currency": "EUR"}, {"cost": -1.0}])
def test_what_is_not_told_stays_unknown(data: dict[str, Any]) -> None:
    meter = make_meter()
    meter.open("s-1")
    meter.hear(data)
    assert (meter.cost, meter.tokens) == (None, None)


SESSION = st.lists(st.floats(0, 10), min_size=1, max_size=6)


@given(st.lists(SESSION, min_size=1, max_size=4), st.lists(st.integers(0, 40), max_size=8))
def test_restarts_change_no_total(sessions: list[list[float]], restarts: list[int]) -> None:
    """Each session's amounts grow; the bot may be killed after any of them."""
    meter, heard = make_meter(), 0
    for number, growth in enumerate(sessions):
        told = 0.0
        meter = reopen(meter, f"s-{number}")
        for step in growth:
            told += step
            meter.hear({"cost": told})
            heard += 1
            if heard in restarts:
                meter = reopen(meter, f"s-{number}")
                meter.hear({"cost": told})
    assert meter.cost == pytest.approx(sum(map(sum, sessions)))
