"""Home tabs as cards: the order, what is offered to whom, and that nothing is left out in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.commands import load_registry
from bot.commands.parser import parse_line
from core.cards import Sight
from core.messages import Button, Card, Reply
from core.model import Outcome, Role, Status
from core.overview import (
    MOST_ASKING,
    MOST_MINE,
    MOST_ROWS,
    Overview,
    draw_door,
    draw_overview,
    find_stops,
    sort_fleet,
)
from core.permissions import Decision
from core.tab import TURN
from tests.fakes.clock import START
from tests.fakes.records import make_agent, make_ask, make_request

NOW = START + timedelta(minutes=5)
REGISTRY = load_registry()
RESTING = {
    Status.FAILED: Outcome.FAILED,
    Status.READY: Outcome.READY,
    Status.DONE: Outcome.DONE,
    Status.STOPPED: Outcome.STOPPED,
}


def make_sight(number: int, status: Status = Status.WORKING, **more: Any) -> Sight:
    agent = make_agent(f"web-{number}", outcome=RESTING.get(status, Outcome.NONE), **more)
    requests = (make_request(make_ask(), f"r-{number}", agent=agent.id),) if status is Status.NEEDS_YOU else ()
    return Sight(agent, status, "ann", requests)


def make_view(**more: Any) -> Overview:
    return replace(Overview("ann", Role.APPROVER, links=("slack:T/U",)), **more)


def find_part(page: Card, title: str) -> Card:
    return next(part for part in page.parts if part.title.startswith(title))


def test_what_needs_me_comes_first() -> None:
    sights = [make_sight(1, Status.NEEDS_YOU), make_sight(2)]
    view = make_view(asking=sights[:1], answerable=frozenset({"web-1"}), mine=sights[1:], rows=sights, total=2)
    page = draw_overview(view, NOW)
    assert [part.title for part in page.parts] == ["Needs you (1)", "Your agents (1)", "Fleet (2)", "You"]
    assert "Once" in [button.label for button in page.parts[0].parts[0].buttons]
    assert "slack:T/U" in page.parts[3].lines[1]


def test_who_may_not_answer_is_offered_no_answer() -> None:
    page = draw_overview(make_view(asking=[make_sight(1, Status.NEEDS_YOU)]), NOW)
    (card,) = page.parts[0].parts
    assert [button.label for button in card.buttons] == ["Stop"]
    assert "approver" in card.footer


@pytest.mark.parametrize("amount", [0, 1, MOST_ASKING, MOST_ASKING + 3, 40])
def test_how_many_are_left_out_is_said(amount: int) -> None:
    asking = [make_sight(number, Status.NEEDS_YOU) for number in range(1, amount + 1)]
    mine = [make_sight(number) for number in range(1, amount + 1)]
    page = draw_overview(make_view(asking=asking, mine=mine, rows=mine[:MOST_ROWS], total=amount), NOW)
    for title, most in (("Needs you", MOST_ASKING), ("Your agents", MOST_MINE)):
        part = find_part(page, title)
        assert len(part.parts) == min(amount, most)
        assert part.footer.startswith(f"… {amount - most} more") is (amount > most)
        assert bool(part.lines) is (amount == 0)
    assert find_part(page, "Fleet").footer.startswith(f"… {amount - MOST_ROWS} more") is (amount > MOST_ROWS)


@pytest.mark.parametrize("column", ["", "needs-you", "trouble", "working", "queued", "ready", "done"])
@pytest.mark.parametrize("mine", [False, True])
def test_filters_say_what_is_shown_and_stopping_is_of_just_that(column: str, mine: bool) -> None:
    sights = [make_sight(number, status) for number, status in enumerate(Status, 1)]
    wanted = find_stops(column, sights)
    view = make_view(rows=sights, total=8, counts={"working": 1}, column=column, only_mine=mine, stoppable=len(wanted))
    buttons = find_part(draw_overview(view, NOW), "Fleet").buttons
    turns = [button for button in buttons if button.command.startswith(TURN)]
    assert [button.command for button in turns if button.label.startswith("✓")] == [f"{TURN}column {column}"]
    assert turns[-1] == (Button("Everybody's", f"{TURN}all") if mine else Button("Only mine", f"{TURN}mine"))
    stops = [parse_line(REGISTRY, button.command) for button in buttons if button not in turns]
    assert len(stops) == bool(wanted)
    for stop in stops:
        status = stop.arguments.get("status")
        assert [sight for sight in sights if status in (None, sight.status.value)] == wanted
        assert stop.arguments.get("mine", False) is mine


def test_one_button_of_a_page_is_the_one_to_press() -> None:
    asking = [make_sight(number, Status.NEEDS_YOU) for number in range(1, 4)]
    answer = Reply(cards=(Card("Stop 2 agents?", buttons=(Button("Stop these 2", "stop all", primary=True),)),))
    view = make_view(asking=asking, answerable=frozenset(sight.agent.id for sight in asking))
    for shown in (view, replace(view, answer=answer)):
        buttons = draw_overview(shown, NOW).list_buttons()
        assert sum(button.primary for button in buttons) == 1


def test_an_answer_stands_above_all_until_it_is_dismissed() -> None:
    answer = Reply("Stopping web-1.", cards=(Card("web-1 · stopped"),), hint="`list`")
    first = draw_overview(make_view(answer=answer), NOW).parts[0]
    assert (first.lines, first.footer) == (("Stopping web-1.",), "`list`")
    assert [button.command for button in first.buttons] == [f"{TURN}dismiss"]
    assert draw_overview(make_view(answer=Reply()), NOW).parts[0].title == "Needs you (0)"


@pytest.mark.parametrize("can_ask", [False, True])
def test_who_has_no_role_is_shown_the_way_in_and_nothing_else(can_ask: bool) -> None:
    page = draw_door("sam", Decision(False, "Sam has no role here.", "Ask."), ["You asked."], can_ask=can_ask)
    (part,) = page.parts
    assert part.lines == ("Sam has no role here. Ask.", "You asked.")
    assert [button.command for button in part.buttons] == (["access"] if can_ask else [])
    assert ("admin grant sam operator" in part.footer) is can_ask


def test_the_fleet_is_ordered_as_in_the_console() -> None:
    old, new = START - timedelta(hours=1), START
    sights = [
        make_sight(1, Status.DONE),
        make_sight(2, Status.WORKING, created_at=old),
        make_sight(3, Status.WORKING, created_at=new),
        make_sight(4, Status.NEEDS_YOU, created_at=new),
        make_sight(5, Status.NEEDS_YOU, created_at=old),
        make_sight(6, Status.FAILED),
    ]
    assert [sight.agent.number for sight in sort_fleet(sights, "")] == [5, 4, 6, 3, 2, 1]
    assert [sight.agent.number for sight in sort_fleet(sights, "working")] == [3, 2]
