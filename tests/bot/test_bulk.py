"""Many are stopped as they were shown, and by whom it is allowed."""

from __future__ import annotations

import pytest

from bot.bulk import MOST, STOPPED, draw_plan, find_hindrance, list_able, say_outcomes, stop_agents
from bot.commands import load_registry
from bot.commands.parser import Defaults, parse_line
from core.cards import Sight
from core.errors import BadInput
from core.model import Actor, Outcome, Role, Status, Wanted
from core.store import Database
from tests.fakes.board import admit, keep_agent, read_agent
from tests.fakes.clock import START
from tests.fakes.records import make_agent

REGISTRY = load_registry()
ANN = Actor("p-ann", "ann", Role.OPERATOR)


def make_sight(number: int, **more: object) -> Sight:
    return Sight(make_agent(f"web-{number}", **more), Status.WORKING, "ann")


@pytest.mark.parametrize(
    ("sight", "why"),
    [
        (make_sight(1), ""),
        (make_sight(1, outcome=Outcome.DONE), "already"),
        (make_sight(1, wanted=Wanted.STOP), "being stopped"),
        (make_sight(1, owner="p-bob"), "somebody else's agent"),
    ],
)
def test_who_is_left_out_and_why(sight: Sight, why: str) -> None:
    said = find_hindrance(ANN, sight)
    assert why in said
    assert bool(said) is bool(why)


@pytest.mark.parametrize("amount", [0, 1, 2, 15, 16, MOST])
def test_the_button_does_exactly_what_is_shown(amount: int) -> None:
    plan = [(make_sight(number), "") for number in range(1, amount + 1)]
    left = (make_sight(amount + 1, owner="p-bob"), "Not yours.")
    card = draw_plan([*plan, left])
    assert any(f"web-{amount + 1} is left out: Not yours." in line for line in card.lines)
    assert any(f"… {amount - 15} more" in line for line in card.lines) is (amount > 15)
    assert len(card.buttons) == bool(amount)
    for button in card.buttons:
        meant = parse_line(REGISTRY, button.command)
        assert meant.arguments["agent"] == "all"
        assert meant.arguments["only"].split() == list_able([*plan, left])


async def test_each_is_stopped_if_it_runs_and_may_be(database: Database) -> None:
    ann, bob = await admit(database, "ann", Role.OPERATOR), await admit(database, "bob", Role.OPERATOR)
    await keep_agent(database, "web-1", owner=ann.person)
    await keep_agent(database, "web-2", owner=bob.person)
    await keep_agent(database, "web-3", owner=ann.person, outcome=Outcome.DONE, wanted=Wanted.REST)
    async with database.transaction() as tx:
        outcomes = await stop_agents(tx, ann, ["web-3", "web-1", "web-2", "web-1", "web-9"], START)
    assert list(outcomes) == ["web-1", "web-2", "web-3", "web-9"]
    assert outcomes["web-1"] == STOPPED
    assert "approver" in outcomes["web-2"]
    assert (await read_agent(database, "web-1")).outcome is Outcome.STOPPED
    assert (await read_agent(database, "web-2")).wanted is Wanted.RUN
    said = say_outcomes(outcomes)
    assert said.startswith("Stopping web-1; their work is kept.")
    for words in ("web-2 is not stopped", "web-3 does not run any more.", "web-9 is gone."):
        assert words in said


def test_nothing_stopped_is_said() -> None:
    assert say_outcomes({"web-9": "is gone"}) == "Nothing was stopped. web-9 is gone."
    assert say_outcomes({}) == "Nothing was stopped."


def test_all_is_said_in_a_thread_too() -> None:
    thread = Defaults([], "", "web-7")
    assert parse_line(REGISTRY, "stop all", thread).arguments == {"agent": "all"}
    assert parse_line(REGISTRY, "stop", thread).arguments == {"agent": "web-7"}
    assert parse_line(REGISTRY, "stop it hangs", thread).arguments == {"agent": "web-7", "reason": "it hangs"}
    assert parse_line(REGISTRY, 'stop all --status "needs you" --mine').arguments == {
        "agent": "all",
        "status": "needs you",
        "mine": True,
    }
    with pytest.raises(BadInput):
        parse_line(REGISTRY, "stop everything")
