"""What an agent's page is made of, without the page: its thread, its differences, its forms, its commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import load_registry
from bot.web.pages.asks import choose_option, fill_form, list_details, list_form
from bot.web.pages.dossier import Cut, Mark, take_newest
from bot.web.pages.offers import offer_commands, takes_agent
from bot.web.pages.patches import read_edits, read_patch, unquote_name
from bot.web.pages.prose import Block, part_prose
from bot.web.pages.shares import list_shares
from bot.web.pages.story import UNTOLD, tell_event
from bot.web.pages.thread import LONGEST, Thread, make_order, read_moment, say_length, tell_thread
from core.budgets import Budget
from core.cards import Sight
from core.errors import BadInput
from core.events import CATALOGUE, Event, Update
from core.model import (
    Agent,
    AgentMessage,
    MessageState,
    Option,
    Outcome,
    Request,
    RequestKind,
    RequestState,
    Status,
    Verdict,
)

START = datetime(2026, 11, 30, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def update(number: int, kind: str, attempt: int = 1, when: float | None = None, **data: Any) -> Update:
    return Update("web-1", attempt, kind, at(number if when is None else when), data, number)


def event(seq: int, kind: str, seconds: float, **data: Any) -> Event:
    return Event(kind, at(seconds), agent="web-1", actor="p-ada", data=data, seq=seq)


def ask(**values: Any) -> Request:
    given: dict[str, Any] = {
        "id": "r-1",
        "agent": "web-1",
        "kind": RequestKind.PERMISSION,
        "title": "Run it",
        "tool": "execute",
        "detail": {},
        "options": (),
        "fingerprint": "f",
        "opened_at": at(1),
        "attempt": 1,
    }
    return Request(**{**given, **values})


def tell(thread: Thread) -> list[tuple[str, str, str]]:
    return [(entry.kind, entry.title or entry.text, entry.state) for entry in thread.list_entries()]


@pytest.mark.parametrize(
    ("updates", "told"),
    [
        (
            [update(1, "message", text="One\n"), update(2, "usage", cost=1), update(3, "message", text="two")],
            [("words", "One\ntwo", "")],
        ),
        (
            [update(1, "message", text="One"), update(2, "thought", text="hm"), update(3, "message", text="two")],
            [("words", "One", ""), ("thought", "hm", ""), ("words", "two", "")],
        ),
        (
            [update(1, "message", text="One"), update(2, "message", attempt=2, text="two")],
            [("words", "One", ""), ("words", "two", "")],
        ),
        (
            [update(1, "tool", call="a", title="Read"), update(2, "tool", call="a", status="completed")],
            [("call", "Read", "done")],
        ),
        (
            [
                update(1, "tool", call="a", title="Read"),
                update(2, "tool", call="b", title="Run"),
                update(3, "tool", call="a", status="failed", output="no"),
            ],
            [("call", "Read", "failed"), ("call", "Run", "running")],
        ),
        (
            [
                update(1, "tool", call="a", title="Read", status="completed"),
                update(2, "tool", call="a", title="Read again"),
            ],
            [("call", "Read", "done"), ("call", "Read again", "running")],
        ),
        ([update(1, "report", text="Half done")], [("report", "Half done", "")]),
        ([update(1, "plan", entries=[{"content": "x"}]), update(2, "mode", mode="plan")], []),
        ([update(1, "tool", title="no id")], [("tool", "no id", "")]),
    ],
)
def test_a_transcript_is_told(updates: list[Update], told: list[tuple[str, str, str]]) -> None:
    assert tell(tell_thread(updates)) == told


def test_a_long_speech_says_what_is_missing() -> None:
    (entry,) = tell_thread([update(1, "message", text="x" * LONGEST), update(2, "message", text="yyy")]).list_entries()
    assert (len(entry.text), entry.missing, entry.number) == (LONGEST, 3, 2)


def test_calls_do_not_outlive_their_turn() -> None:
    updates = [update(1, "tool", call="a", title="Sleep"), update(5, "tool", call="b", title="Later")]
    thread = tell_thread(updates, events=[event(9, "agent.turn_ended", 3, stop_reason="cancelled", turn=1)])
    assert tell(thread) == [
        ("call", "Sleep", "not finished"),
        ("event", "Turn 1 ended: cancelled", ""),
        ("call", "Later", "running"),
    ]
    assert thread.entries["u-1"].seq == 9


@pytest.mark.parametrize(
    ("state", "now", "number", "said"),
    [
        (MessageState.QUEUED, False, 1, "waits for a place"),
        (MessageState.QUEUED, False, 2, "queued to the turn's end"),
        (MessageState.QUEUED, True, 2, "interrupting"),
        (MessageState.SENT, False, 2, "delivered"),
        (MessageState.DONE, True, 2, "delivered"),
        (MessageState.DROPPED, False, 2, "not delivered"),
    ],
)
def test_messages_say_where_they_are(state: MessageState, now: bool, number: int, said: str) -> None:
    message = AgentMessage("m-1", "web-1", number, "Go on", "p-ada", state, now, START)
    (entry,) = tell_thread(messages=[message], names={"p-ada": "ada"}).list_entries()
    assert (entry.by, entry.state) == ("ada", said)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "waits for an answer"),
        ({"verdict": Verdict.ONCE}, "approved by ada"),
        ({"verdict": Verdict.AGENT}, "approved for this agent by ada"),
        ({"verdict": Verdict.DENIED, "text": "No."}, "denied by ada: No."),
        ({"verdict": Verdict.ANSWERED, "choice": "1", "options": (Option("1", "Red"),)}, "answered by ada: Red"),
        ({"verdict": Verdict.ANSWERED, "fields": {"n": 2}}, "answered by ada: n: 2"),
        ({"state": RequestState.EXPIRED}, "no answer in time"),
        ({"state": RequestState.WITHDRAWN}, "no longer asked"),
    ],
)
def test_requests_say_what_became_of_them(values: dict[str, Any], said: str) -> None:
    settled = (
        {"state": RequestState.ANSWERED, "answered_by": "ada", "answered_at": at(5)} if "verdict" in values else {}
    )
    (entry,) = tell_thread(requests=[ask(**settled, **values)]).list_entries()
    assert entry.text == said


def test_every_kind_of_event_is_told_or_left_out() -> None:
    for kind, about in CATALOGUE.items():
        if kind.startswith(("agent.", "request.", "message.", "budget.")):
            said = tell_event(Event(kind, START, data=dict.fromkeys(about.data, 1)))
            assert bool(said) is (kind not in UNTOLD)
            assert tell_event(Event(kind, START)) or kind in UNTOLD


def test_what_comes_late_stands_in_its_place() -> None:
    """Words may be stored with an earlier time than what is before them: their numbers decide."""
    updates = [update(1, "message", when=5, text="a"), update(2, "thought", when=3, text="b")]
    assert [entry.text for entry in tell_thread(updates).list_entries()] == ["a", "b"]


@given(st.lists(st.sampled_from(["message", "thought", "tool", "done", "report", "usage"]), max_size=400), st.data())
def test_parts_of_a_transcript_make_the_whole(kinds: list[str], data: st.DataObject) -> None:
    """Read at once, in pieces, or from a later point on: the same entries."""
    updates = [_make_update(number, kind) for number, kind in enumerate(kinds, 1)]
    whole = tell_thread(updates)
    pieces = Thread({})
    at = data.draw(st.integers(0, len(updates)))
    pieces.add_updates(updates[:at])
    pieces.add_updates(updates[at:])
    assert pieces.list_entries() == whole.list_entries()
    late = tell_thread(updates[at:], is_cut=at > 0)
    known = whole.entries
    assert all(
        id in known and (entry.text, entry.first) == (known[id].text, known[id].first)
        for id, entry in late.entries.items()
    )


def _make_update(number: int, kind: str) -> Update:
    if kind in ("tool", "done"):
        return update(number, "tool", call=str(number if kind == "tool" else number - 1), **_TOOL[kind])
    return update(number, kind, text=f"{number} ")


_TOOL: Mapping[str, dict[str, str]] = {"tool": {"title": "Read"}, "done": {"status": "completed"}}


@given(st.lists(st.sampled_from(["message", "tool", "event"]), min_size=1, max_size=60), st.integers(1, 9))
def test_pages_of_a_thread_neither_lose_nor_double(kinds: list[str], size: int) -> None:
    updates = [_make_update(number, kind) for number, kind in enumerate(kinds, 1) if kind != "event"]
    events = [event(n, "agent.turn_started", n, turn=n) for n, kind in enumerate(kinds, 1) if kind == "event"]
    entries = tell_thread(updates, events=events).list_entries()
    seen: list[str] = []
    cut: Cut | None = None
    while True:
        left = [entry for entry in entries if cut is None or cut.is_after(entry)]
        stretch = take_newest(left, "", size)
        seen = [entry.id for entry in stretch.entries] + seen
        if stretch.cut is None:
            break
        cut = Cut.parse(str(stretch.cut))
        assert cut == stretch.cut
    assert seen == [entry.id for entry in entries]


@pytest.mark.parametrize("text", ["", "0", "9" * 28 + "-", "x" * 28 + "-1", "1" * 28, "٣" * 28 + "-1", "1" * 31 + "-1"])
def test_no_cut(text: str) -> None:
    assert Cut.parse(text) is None


@pytest.mark.parametrize("text", ["", "0", "1-2-zz-3", "1-2-3", "٣-1-a-1"])
def test_no_mark_is_the_beginning(text: str) -> None:
    assert Mark.parse(text) == Mark()


def test_orders_are_moments() -> None:
    assert read_moment(make_order(at(1.5), 2, 7)) == at(1.5)
    assert make_order(at(1), 2, 7) < make_order(at(1), 3, 0) < make_order(at(1.000001), 0, 0)


def test_how_long_a_call_took() -> None:
    (entry,) = tell_thread(
        [update(1, "tool", call="a", title="Run"), update(70, "tool", call="a", status="completed")]
    ).list_entries()
    assert say_length(entry) == "1 min 9 s"
    assert not say_length(replace(entry, until=entry.at))


# -------------------------------------------------------------------------------------------------------------- prose


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", []),
        ("a\nb", [Block("a\nb")]),
        ("a\n```sh\nmake\n\n  x\n```\nb", [Block("a"), Block("make\n\n  x", is_code=True), Block("b")]),
        ("```\nnever closed", [Block("never closed", is_code=True)]),
        ("~~~\n```\n~~~", [Block("```", is_code=True)]),
        ("# *no* <b>marks</b>", [Block("# *no* <b>marks</b>")]),
    ],
)
def test_prose(text: str, blocks: list[Block]) -> None:
    assert list(part_prose(text)) == blocks


# -------------------------------------------------------------------------------------------------------- differences

PATCH = r"""diff --git a/a.txt b/a.txt
index 1..2 100644
--- a/a.txt
+++ b/a.txt
@@ -3,3 +3,3 @@ def f():
 same
--- a/old
+++ b/new
 diff --git a/x b/x
\ No newline at end of file
diff --git a/x.png b/x.png
new file mode 100644
Binary files /dev/null and b/x.png differ
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
diff --git "a/\303\274\n<b>.txt" "b/\303\274\n<b>.txt"
deleted file mode 100644
--- "a/\303\274\n<b>.txt"
+++ /dev/null
@@ -1 +0,0 @@
-gone
[callboard: 7 more bytes of this diff are not shown]
"""


def test_a_patch_is_read() -> None:
    patch = read_patch(PATCH, 100)
    first, picture, renamed, gone = patch.files
    assert [(line.sign, line.text, line.old, line.new) for line in first.lines] == [
        ("@", "def f():", 0, 0),
        (" ", "same", 3, 3),
        ("-", "-- a/old", 4, 0),
        ("+", "++ b/new", 0, 4),
        (" ", "diff --git a/x b/x", 5, 5),
        ("\\", "No newline at end of file", 0, 0),
    ]
    assert (first.path, first.added, first.removed) == ("a.txt", 1, 1)
    assert (picture.path, picture.notes[-1]) == ("x.png", "Binary files /dev/null and b/x.png differ")
    assert renamed.path == "new name"
    assert (gone.path, gone.removed) == ("ü\n<b>.txt", 1)
    assert patch.cut == "7 more bytes of this diff are not shown"


def test_a_long_patch_says_how_much_is_missing() -> None:
    patch = read_patch(PATCH, 2)
    assert [len(file.lines) for file in patch.files] == [2, 0, 0, 0]
    assert patch.missing > 3


@given(st.text())
def test_whatever_stands_in_a_patch(text: str) -> None:
    read_patch(f"diff --git a/a b/a\n{text}", 50)
    unquote_name(text)
    unquote_name(f'"{text}"')
    read_edits([{"path": text, "old": text, "new": text[::-1]}, text])


@given(st.lists(st.sampled_from(["a", "b", "", "c"])), st.lists(st.sampled_from(["a", "b", "", "d"])))
def test_edits_have_the_numbers_of_their_lines(old: list[str], new: list[str]) -> None:
    (file,) = read_edits([{"path": "a", "old": "\n".join(old) + "\n", "new": "\n".join(new) + "\n"}])
    before, after = [*old, ""], [*new, ""]
    for line in file.lines:
        assert line.sign == "@" or not line.old or before[line.old - 1] == line.text
        assert line.sign == "@" or not line.new or after[line.new - 1] == line.text


# -------------------------------------------------------------------------------------------------------------- asks


def test_all_that_is_asked_is_shown() -> None:
    detail = {
        "input": "x\u202e",
        "command": ["rm", "a b"],
        "call": "1",
        "odd": {"a": 1},
        "diff": [{"path": "p", "new": "n"}],
    }
    assert [(one.name, one.text) for one in list_details(detail)] == [
        ("command", "rm 'a b'"),
        ("diff", ""),
        ("input", "x\\u202e"),
        ("odd", '{\n "a": 1\n}'),
    ]


@pytest.mark.parametrize(
    ("options", "number", "word"),
    [
        ([("a", "Apples"), ("b", "Pears")], "2", "b"),
        ([("A", "One"), ("a", "Two")], "2", "Two"),
        ([("2", "Two"), ("1", "One")], "1", "2"),
        ([(" ", "Blank")], "1", "Blank"),
    ],
)
def test_a_button_means_its_option(options: Sequence[tuple[str, str]], number: str, word: str) -> None:
    request = ask(kind=RequestKind.QUESTION, options=tuple(Option(*one) for one in options))
    assert choose_option(request, number) == word


@pytest.mark.parametrize("number", ["", "0", "3", "-1", "1e0", "²", "9" * 5000])
def test_there_is_no_such_option(number: str) -> None:
    with pytest.raises(BadInput):
        choose_option(ask(options=(Option("a", "A"), Option("b", "B"))), number)


FORM = {
    "name": {"type": "string", "title": "Name"},
    "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
    "rate": {"type": "number"},
    "sure": {"type": "boolean", "default": True},
    "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]},
    "parts": {"type": "array", "items": {"enum": ["a", "b", "c"]}},
    "words": {"type": "array"},
}


def test_a_form_is_offered_as_it_is_typed() -> None:
    fields = list_form(ask(kind=RequestKind.QUESTION, detail={"fields": FORM, "required": ["name"]}))
    assert [(one.name, one.way, one.default) for one in fields] == [
        ("name", "text", ""),
        ("size", "number", "2"),
        ("rate", "number", ""),
        ("sure", "yes", "yes"),
        ("colour", "choose", ""),
        ("parts", "tick", ""),
        ("words", "text", ""),
    ]
    assert [one.required for one in fields] == [True] + 6 * [False]
    assert fields[4].choices == (("r", "Red"), ("g", "Green"))


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"name": ["Ada"]}, '{"name": "Ada"}'),
        ({"name": ["Ada"], "size": ["9"], "sure": ["no"]}, '{"name": "Ada", "size": 9, "sure": false}'),
        ({"name": ["A"], "parts": ["a", "c"], "words": ["x"]}, '{"name": "A", "parts": ["a", "c"], "words": ["x"]}'),
        ({"name": ["A"], "words": ["x, y"]}, '{"name": "A", "words": ["x", "y"]}'),
        ({"name": ["Ada"], "colour": ["g"], "other": ["x"]}, '{"name": "Ada", "colour": "g"}'),
    ],
)  # fmt: skip
def test_a_form_is_filled_in(given: dict[str, list[str]], filled: str) -> None:
    assert fill_form(ask(kind=RequestKind.QUESTION, detail={"fields": FORM, "required": ["name"]}), given) == filled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", " "), ("size", "10"), ("size", "1.5"), ("rate", "nan"), ("rate", "1e999"), ("sure", "maybe"),
        ("parts", "z"), ("size", "9" * 5000),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(name: str, value: str) -> None:
    request = ask(kind=RequestKind.QUESTION, detail={"fields": FORM, "required": ["name"]})
    with pytest.raises(BadInput):
        fill_form(request, {"name": ["Ada"], name: [value]})


# --------------------------------------------------------------------------------------------------- commands, budget


def see(**values: Any) -> Sight:
    agent = Agent("web-1", 1, "web", "demo", "Do it", "p-ada", "t:up", START, START, **values)
    return Sight(agent, Status.WORKING, "ada", budget=Budget(money=10.0, minutes=60.0, turns=50))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, ["stop", "assign", "budget raise"]),
        ({"outcome": Outcome.READY}, ["retry", "assign", "remove", "budget raise"]),
        (
            {"outcome": Outcome.DONE, "worktree": "/w", "commits": [{"id": "1"}]},
            ["retry", "assign", "accept", "remove", "budget raise"],
        ),
        (
            {"outcome": Outcome.DONE, "worktree": "/w", "commits": [{"id": "1"}], "accepted": "merge main"},
            ["retry", "assign", "remove", "budget raise"],
        ),
        ({"outcome": Outcome.DONE, "removed_at": START}, []),
    ],
)
def test_commands_that_fit(values: dict[str, Any], names: list[str]) -> None:
    assert [offer.command.name for offer in offer_commands(load_registry(), see(**values))] == names


def test_each_command_about_an_agent_is_offered_once_at_least() -> None:
    states = [{}, {"outcome": Outcome.DONE, "worktree": "/w", "commits": [{"id": "1"}]}]
    offered = {offer.command.name for state in states for offer in offer_commands(load_registry(), see(**state))}
    assert offered == {item.name for item in load_registry() if item.acts and takes_agent(item)} - {"send"}


def test_what_is_unknown_is_not_nothing() -> None:
    shares = {share.name: share for share in list_shares(see(turns=45, active_seconds=3600.0))}
    assert (shares["money"].words, shares["money"].share) == ("unknown of $10", None)
    assert (shares["tokens"].words, shares["tokens"].share) == ("unknown, no limit", None)
    assert shares["turns"].state == "nearly used"
    assert shares["minutes"].state == "used up"
