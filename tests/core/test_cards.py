"""Cards: hostile text stays data, every part has a bound, every button is a command that can be typed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands import load_registry
from bot.commands.parser import Invocation, parse_line
from core.cards import (
    LONGEST_CODE,
    MENU,
    Sight,
    draw_agent,
    draw_always,
    offer_answers,
    say_cost,
    say_seconds,
    show_detail,
    write_request,
)
from core.errors import BadInput
from core.forms import fill_fields
from core.messages import Button, Card, Tone
from core.model import Option, Outcome, RequestKind, Status
from core.options import name_option, pick_option
from core.quorum import Tally
from core.wire import decode_card, encode_card
from tests.fakes.clock import START
from tests.fakes.records import make_agent, make_ask, make_question, make_request

REGISTRY = load_registry()
NOW = START + timedelta(seconds=200)
HOSTILE = "\x1b[31m<!channel> `rm -rf /` --for-agent \"' \u202e | & ; $(x)\n@everyone"


def read_button(button: Button) -> Invocation:
    return parse_line(REGISTRY, f"{button.command} -- words" if button.prompt else button.command)


def see(status: Status = Status.WORKING, /, requests: Any = (), **values: Any) -> Sight:
    return Sight(make_agent(**values), status, "Ann", requests)


def test_a_working_agent() -> None:
    sight = replace(see(branch="callboard/web-1", last_activity="running make", model="m"), waiting_messages=2)
    assert draw_agent(sight, NOW) == Card(
        title="web-1 · working · Fix the failing test",
        tone=Tone.BUSY,
        lines=("running make", "2 message(s) wait for the turn's end"),
        fields=(
            ("project", "web"),
            ("branch", "callboard/web-1"),
            ("kind", "demo m"),
            ("owner", "Ann"),
            ("elapsed", "3 min 20 s"),
            ("cost", "unknown"),
        ),
        buttons=(Button("Stop", "stop web-1", confirm="Stop web-1? Its work is kept."),),
    )


def test_an_answer_says_by_whom_and_when() -> None:
    asked = [
        make_request(make_ask(), answered_by="kim", answered_at=START, verdict="for this agent"),
        make_request(make_question("red", "green"), "r-1", answered_by="Ann", answered_at=START, choice="2"),
        make_request(make_question(), "r-2", answered_by="Ann", answered_at=START, text="in words"),
    ]
    at = f"{START:%H:%M} UTC"
    assert draw_agent(replace(see(), settled=asked), NOW).lines == (
        f"answered by kim, {at}: for this agent · Run make test (r-abcdef)",
        f"answered by Ann, {at}: “green” · Which one? (r-1)",
        f"answered by Ann, {at}: “in words” · Which one? (r-2)",
    )


def test_a_queued_one_says_where() -> None:
    assert draw_agent(replace(see(Status.QUEUED), queue=3), NOW).lines == ("waits for a place, number 3 in the queue",)


def test_one_whose_worktree_is_elsewhere_says_where() -> None:
    card = draw_agent(replace(see(Status.QUEUED), queue=1, elsewhere="build-2"), NOW)
    assert card.lines == ("waits for the bot on build-2, where its worktree is",)


def test_a_done_one_shows_its_work_and_offers_to_take_it() -> None:
    commits = ({"id": "0123456789abcdef", "title": "Fix it"},)
    card = draw_agent(see(Status.DONE, outcome=Outcome.DONE, commits=commits, diffstat=" a | 1 +"), NOW)
    assert card.lines == ("0123456789 Fix it",)
    assert card.code == " a | 1 +"
    assert [button.label for button in card.buttons] == ["Accept"]


@pytest.mark.parametrize(
    "values",
    [
        {"outcome": Outcome.DONE},
        {"outcome": Outcome.FAILED, "reason": "broke"},
        {"outcome": Outcome.STOPPED},
    ],
)
def test_what_cannot_be_taken_can_be_tried_again(values: dict[str, Any]) -> None:
    assert [button.label for button in draw_agent(see(**values), NOW).buttons] == ["Retry"]


def test_what_was_taken_can_be_removed() -> None:
    card = draw_agent(see(Status.DONE, outcome=Outcome.DONE, commits=({"id": "a"},), accepted="merge main"), NOW)
    assert [button.command for button in card.buttons] == ["remove web-1", "retry web-1"]


def test_a_reason_that_is_the_status_is_not_said_again() -> None:
    assert draw_agent(see(Status.STOPPED, outcome=Outcome.STOPPED, reason="stopped"), NOW).lines == ()
    assert draw_agent(see(Status.STOPPED, outcome=Outcome.STOPPED, reason="wrong idea"), NOW).lines == ("wrong idea",)


def test_files_given_with_the_task_are_named() -> None:
    assert ("files", "shot.png, a.txt") in draw_agent(replace(see(), files=["shot.png", "a.txt"]), NOW).fields


def test_what_repeats_the_command_is_not_shown_twice() -> None:
    ask = make_ask("make test")
    detail = {**ask.detail, "text": "$ make test", "input": '{"command": "make test"}', "folder": "/w"}
    shown = show_detail(make_request(replace(ask, detail=detail)))
    assert shown.count("make test") == 1
    assert "more" in show_detail(make_request(replace(ask, detail={**detail, "text": "$ make test\nmore"})))


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_tone_and_is_said_in_words(status: Status) -> None:
    assert status.value in draw_agent(see(status), NOW).title


def test_the_scripted_one_says_so() -> None:
    assert draw_agent(replace(see(), scripted=True), NOW).footer == "scripted, no model"


def test_a_permission_shows_what_is_asked_for() -> None:
    request = make_request(make_ask("make test"))
    card = draw_agent(see(Status.NEEDS_YOU, (request,)), NOW)
    assert card.tone is Tone.ASKING
    assert card.lines == ("asks: Run make test (r-abcdef)",)
    assert "command: make test" in card.code
    labels = [button.label for button in card.buttons]
    assert labels == ["Once", "For this agent", "Deny", "Deny with reason…", "Stop"]


def test_a_rule_is_shown_whole_before_a_click_adds_it() -> None:
    always = {"text": 'allow: {tool: execute, exactly: "make test"}', "seal": "0123456789abcdef"}
    request = make_request(make_ask("make test"), always=always)
    card = draw_agent(see(Status.NEEDS_YOU, (request,)), NOW)
    labels = [button.label for button in card.buttons]
    assert labels == ["Once", "For this agent", "Always in this project", "Deny", "Deny with reason…", "Stop"]
    button = card.buttons[2]
    assert button.command == "approve r-abcdef --always --shown 0123456789abcdef"
    assert always["text"] in button.confirm
    long = make_request(make_ask("make"), always={**always, "text": "x" * 300})
    (button,) = [item for item in draw_agent(see(Status.NEEDS_YOU, (long,)), NOW).buttons if item.label == labels[2]]
    assert (button.command, button.confirm) == ("approve r-abcdef --always --dry-run", "")
    shown = draw_always(long, "web", "x" * 300, "0123456789abcdef")
    assert (shown.code, shown.buttons[0].command) == ("x" * 300, "approve r-abcdef --always --shown 0123456789abcdef")
    tally = Tally((), 2, "2 more of role admin")
    counted = Sight(make_agent(), Status.NEEDS_YOU, "Ann", (request,), tallies={"r-abcdef": tally})
    assert "Always in this project" not in [item.label for item in draw_agent(counted, NOW).buttons]


def test_what_is_denied_may_be_explained() -> None:
    card = draw_agent(see(Status.NEEDS_YOU, (make_request(make_ask("make")),)), NOW)
    plain, reasoned = [button for button in card.buttons if button.command == "deny r-abcdef"]
    assert (plain.prompt, bool(reasoned.prompt)) == ("", True)


def test_a_card_says_why_people_are_asked() -> None:
    why = "no rule allows it: it is more than one plain command"
    asked = make_request(make_ask("make; ls"), why=why)
    plain = make_request(make_ask("make"), "r-bcdefg", why="no rule allows it")
    lines = draw_agent(see(Status.NEEDS_YOU, (asked, plain)), NOW).lines
    assert lines == ("asks: Run make; ls (r-abcdef)", f"asked because {why}", "asks: Run make (r-bcdefg)")


@pytest.mark.parametrize("command", ["x" * 50_000, "echo " + "\n" * 5_000 + "rm -rf /"])
def test_nothing_is_allowed_by_a_click_that_is_not_shown(command: str) -> None:
    card = draw_agent(see(Status.NEEDS_YOU, (make_request(make_ask(command)),)), NOW)
    assert [button.label for button in card.buttons] == ["Show", "Deny", "Deny with reason…", "Stop"]
    assert not any("approve" in button.command for button in card.buttons)


def test_of_a_command_every_character_is_shown() -> None:
    command = "a" * 900
    assert command in show_detail(make_request(make_ask(command)))


ASKS = st.builds(make_ask, st.text(max_size=5_000), title=st.text(max_size=2_000), tool=st.text(max_size=20)) | (
    st.builds(
        lambda title, options: make_question(*options, title=title),
        st.text(max_size=2_000),
        st.lists(st.text(max_size=300), max_size=30),
    )
)
AGENTS = st.builds(
    make_agent,
    task=st.text(max_size=2_000),
    reason=st.text(max_size=5_000) | st.just(HOSTILE * 50),
    branch=st.text(max_size=500),
    model=st.text(max_size=500),
    last_activity=st.text(max_size=500),
    accepted=st.text(max_size=500),
    diffstat=st.text(max_size=100) | st.just("x" * 9_000),
    outcome=st.sampled_from(Outcome),
    cost=st.none() | st.floats(0, 1e6),
    commits=st.lists(st.fixed_dictionaries({"id": st.text(max_size=60), "title": st.text(max_size=500)}), max_size=60),
)


@settings(max_examples=50)
@given(AGENTS, st.lists(ASKS, max_size=12), st.sampled_from(Status), st.text(max_size=500))
def test_every_part_has_a_bound(agent: Any, asks: Any, status: Status, owner: str) -> None:
    requests = [make_request(ask, f"r-{number:06}") for number, ask in enumerate(asks)]
    card = draw_agent(Sight(agent, status, owner, requests), NOW)
    assert len(card.title) <= 120
    assert len(card.lines) <= 21
    assert all(len(line) <= 300 and len(line.splitlines()) == 1 for line in card.lines)
    assert all(label and value and len(value) <= 200 for label, value in card.fields)
    assert len(card.code) <= LONGEST_CODE + 60
    assert len([button for button in card.buttons if not button.menu]) <= 25
    assert all(1 <= len(button.label) <= 75 and len(button.command) <= 150 for button in card.buttons)


@settings(max_examples=40)
@given(AGENTS, st.lists(ASKS, max_size=5), st.sampled_from(Status))
def test_every_button_is_a_command(agent: Any, asks: Any, status: Status) -> None:
    requests = [make_request(ask, f"r-{'abcdefghjk'[number] * 6}") for number, ask in enumerate(asks)]
    for button in draw_agent(Sight(agent, status, "Ann", requests), NOW).buttons:
        invocation = read_button(button)
        assert {str(value) for value in invocation.arguments.values()} & {"web-1", *(item.id for item in requests)}


@given(
    st.lists(
        st.builds(Option, st.text(max_size=20) | st.sampled_from("1234"), st.text(max_size=20)),
        max_size=8,
        unique_by=lambda option: option.id,
    )
)
def test_an_options_button_stands_for_that_option(options: list[Option]) -> None:
    request = replace(make_request(make_question()), options=tuple(options))
    *chosen, words = offer_answers(request)
    assert words.prompt
    assert {button.menu for button in chosen} <= {MENU if len(options) > 5 else ""}
    said = [read_button(button) for button in chosen]
    assert {invocation.command.name for invocation in said} <= {"answer"}
    picked = [pick_option(options, invocation.arguments["text"]) for invocation in said]
    assert picked == [option.id for option in options if name_option(options, option)]


def test_a_form_is_one_button_with_all_its_fields() -> None:
    form = {"size": {"type": "integer", "minimum": 1}, "colours": {"type": "array", "items": {"enum": ["red", "blue"]}}}
    detail = {"fields": form, "required": ["size"]}
    request = replace(make_request(make_question()), options=(), detail=detail)
    (button,) = offer_answers(request)
    assert [(field.name, field.way, field.required) for field in button.fields] == [
        ("size", "number", True),
        ("colours", "tick", False),
    ]
    card = Card("x", buttons=(button,))
    assert decode_card(json.loads(json.dumps(encode_card(card)))) == card
    assert json.loads(fill_fields(button.fields, {"size": ["3"], "colours": ["red", "blue"]})) == {
        "size": 3,
        "colours": ["red", "blue"],
    }
    with pytest.raises(BadInput, match="not filled in"):
        fill_fields(button.fields, {"colours": ["red"]})
    with pytest.raises(BadInput, match="does not fit"):
        fill_fields(button.fields, {"size": ["0"]})


def test_an_option_is_meant_by_id_name_or_number() -> None:
    options = [Option("a", "Red"), Option("b", "Green"), Option("c", "1")]
    assert [pick_option(options, word) for word in ("a", " RED ", "2", "green", "4", "", "1")] == [
        "a", "a", "b", "b", "", "", "c",
    ]  # fmt: skip
    assert name_option(options, options[1]) == "b"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"),
        (7500, "2 h 5 min"), (86399, "23 h 59 min"), (86400, "1 d"), (273600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert say_seconds(seconds) == said


def test_an_unknown_cost_is_never_nothing() -> None:
    assert [say_cost(cost) for cost in (None, 0.0, 0.004, 1234.5)] == ["unknown", "$0.00", "$0.00", "$1,234.50"]


def test_a_request_as_json_has_all_that_must_be_seen() -> None:
    written = write_request(make_request(make_ask("ls"), deadline=NOW))
    assert written["detail"] == {"command": "ls", "folder": "/work"}
    assert written["deadline"] == NOW.isoformat()
    assert written["kind"] == RequestKind.PERMISSION.value
    assert [option["id"] for option in written["options"]] == ["yes", "no"]
