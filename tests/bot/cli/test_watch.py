from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bot.cli.fake import CODE, COMMITS, FORM, PERMISSION, QUESTION, Bot, make_environ, run_cli
from tests.bot.cli.terminal import Terminal, open_terminal

SPAWN = ("spawn", "sample", "Write a guide", "--wait")


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def pipe_cli(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", CODE, *words]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, env=make_environ(home), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


# -------------------------------------------------------------------------------------------------- without a terminal


def test_done_is_0_and_shows_how_to_take_the_work(bot: Bot, home: Path) -> None:
    bot.say("message", text="I will wr")
    bot.say("message", text="ite it.\nNow.")
    bot.say("tool", title="edit GUIDE.md", status="completed")
    bot.end("done", commits=COMMITS, diffstat=" GUIDE.md | 3 +++", cost=0.125)
    done = run_cli(home, *SPAWN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "sample-1 starts.",
        "I will write it.",
        "Now.",
        "  · ran edit GUIDE.md",
        "sample-1 is done (3 s, $0.12)",
        "  0123456789 Write the guide",
        " GUIDE.md | 3 +++",
        "See it:  ./callboard diff sample-1",
        "         git -C '/tmp/re po' diff main...callboard/sample-1",
        "Take it: ./callboard accept sample-1",
        "         git -C '/tmp/re po' merge callboard/sample-1   (with main checked out)",
    ]


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("stopped", 1), ("ready", 3)])
def test_other_ends_have_their_codes_and_reasons(bot: Bot, home: Path, status: str, code: int) -> None:
    bot.end(status, reason="exit code 7")
    done = run_cli(home, *SPAWN)
    assert done.returncode == code
    assert f"sample-1 is {status}: exit code 7 (3 s)" in done.stdout
    assert "./callboard send sample-1" in done.stdout


def test_a_long_reason_is_shown_line_by_line(bot: Bot, home: Path) -> None:
    bot.end("failed", reason="the set-up failed: npm ci: exit code 1\nfirst\x1b[2J\nsecond")
    said = run_cli(home, *SPAWN).stdout
    assert "sample-1 is failed: the set-up failed: npm ci: exit code 1 (3 s)\n  first\\x1b[2J\n  second\n" in said


def test_json_is_the_final_record_alone(bot: Bot, home: Path) -> None:
    bot.say("message", text="hello\n")
    bot.end("done", commits=COMMITS, cost=0.5)
    done = run_cli(home, *SPAWN, "--json")
    record = json.loads(done.stdout)
    assert [record[key] for key in ("id", "status", "branch", "cost", "seconds")] == [
        "sample-1",
        "done",
        "callboard/sample-1",
        0.5,
        3,
    ]
    assert record["commits"] == COMMITS
    assert "hello" in done.stderr


@pytest.mark.parametrize(
    ("request_", "hint"),
    [
        (PERMISSION, "./callboard approve sample-1   or: ./callboard deny sample-1 REASON"),
        (QUESTION, './callboard answer sample-1 "…"'),
    ],
)
def test_3_when_a_human_is_needed_and_none_is_here(bot: Bot, home: Path, request_: dict[str, Any], hint: str) -> None:
    bot.ask(request_)
    done = run_cli(home, *SPAWN)
    assert done.returncode == 3
    assert request_["title"] in done.stdout
    assert f"A human is needed: {hint}" in done.stdout
    asked = run_cli(home, *SPAWN, "--json")
    assert (asked.returncode, json.loads(asked.stdout)["requests"][0]["id"]) == (3, request_["id"])


def test_approve_once_answers_permissions_but_no_question(bot: Bot, home: Path) -> None:
    bot.on_answer = lambda answer: bot.ask(QUESTION)
    bot.ask(PERMISSION)
    done = run_cli(home, *SPAWN, "--approve", "once")
    assert done.returncode == 3
    assert bot.sent("/requests/r-1/answer") == [{"verdict": "once"}]
    assert bot.sent("/requests/r-2/answer") == []
    assert "approved once: Run the tests" in done.stdout


def test_everything_that_is_asked_is_shown_and_nothing_is_hidden(bot: Bot, home: Path) -> None:
    detail = {
        "command": "echo \x1b[8mok\x1b[0m; \u202erm -rf ~\r" + "x" * 500,
        "folder": "/tmp/work",
        "paths": ["a b", "c"],
        "diff": [{"path": "tally.py", "old": "one\ntwo\n", "new": "one\nthree\n"}],
        "call": "secret-call",
    }
    bot.ask({**PERMISSION, "detail": detail})
    shown = run_cli(home, *SPAWN).stdout
    assert "command: echo \\x1b[8mok\\x1b[0m; \\u202erm -rf ~\\x0d" + "x" * 500 in shown
    assert "  folder: /tmp/work\n" in shown
    assert "  paths: 'a b' c\n" in shown
    assert "  -two\n  +three\n" in shown
    assert "secret-call" not in shown


def test_what_led_to_a_question_is_told_before_it(bot: Bot, home: Path) -> None:
    bot.ask({**PERMISSION, "detail": {"call": "t-1"}})
    tell = threading.Thread(target=tell_late, args=(bot,))
    tell.start()
    shown = run_cli(home, *SPAWN).stdout
    tell.join()
    assert shown.index("running make test") < shown.index("sample-1 asks for permission")


def tell_late(bot: Bot) -> None:
    """Store how the call began once the question was read, as the bot does."""
    wait_until(lambda: any(path.endswith("/updates") for _, path, _, _ in bot.calls))
    bot.say("tool", call="t-1", title="make test", status="pending")


def test_only_news_is_told_of_an_agent_that_was_there_before(bot: Bot, home: Path) -> None:
    bot.replies["send"] = {"text": "Queued.", "data": {"agent": "sample-1"}}
    bot.say("message", text="old words\n")
    bot.end("done")
    done = run_cli(home, "send", "sample-1", "more", "--wait")
    assert (done.returncode, "old words" in done.stdout) == (0, False)


def test_a_done_agent_with_a_message_in_line_is_not_at_its_end(bot: Bot, home: Path) -> None:
    bot.end("done", queued_messages=1)
    timer = threading.Timer(0.5, lambda: bot.end("done", queued_messages=0, commits=COMMITS))
    timer.start()
    done = run_cli(home, "watch", "sample-1")
    timer.join()
    assert (done.returncode, "Write the guide" in done.stdout) == (0, True)


def test_a_message_that_nothing_will_hand_over_is_not_waited_for(bot: Bot, home: Path) -> None:
    """A budget is used up: the agent rests with the message until somebody raises it."""
    bot.end("ready", queued_messages=1, reason="its budget of 3 turns is used")
    ended = run_cli(home, "watch", "sample-1")
    assert (ended.returncode, "its budget of 3 turns is used" in ended.stdout) == (3, True)


def test_a_bot_that_restarts_is_waited_for(bot: Bot, home: Path) -> None:
    with pipe_cli(home, "show", "sample-1", "--wait") as process:
        assert process.stdout is not None
        bot.replies["show"] = {"data": {"id": "sample-1"}}
        assert process.stdout.readline() == "sample-1 working\n"
        wait_until(lambda: bot.streams)
        bot.emit("agent.activity", what="x")
        bot.stop()
        assert process.stdout.readline() == "Lost the bot, waiting for it to come back …\n"
        bot.start()
        assert process.stdout.readline() == "The bot is back.\n"
        bot.end("done")
        rest = process.stdout.read()
        assert "sample-1 is done" in rest
        assert process.wait(20) == 0
        assert bot.streams[-1]["last"] == "1"


def test_an_agent_that_is_not_there_is_a_failure(bot: Bot, home: Path) -> None:
    bot.problems["/agents/web-9/updates"] = (404, {"detail": "There is no web-9.", "code": "not_found"})
    done = run_cli(home, "watch", "web-9")
    assert (done.returncode, done.stderr) == (1, "callboard: There is no web-9.\n")


# ------------------------------------------------------------------------------------------------------- on a terminal


def finish(bot: Bot, terminal: Terminal) -> None:
    bot.end("done")
    terminal.expect("sample-1 is done")
    assert terminal.finish() == 0


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("o\n", {"verdict": "once"}),
        ("A\n", {"verdict": "for this agent"}),
        ("d\n", {"verdict": "denied", "text": ""}),
        ("d not now\n", {"verdict": "denied", "text": "not now"}),
        ("r too risky\n", {"verdict": "denied", "text": "too risky"}),
    ],
)
def test_permissions_are_asked_at_the_terminal(bot: Bot, home: Path, typed: str, answer: dict[str, Any]) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("sample-1 asks for permission: Run the tests")
        terminal.expect("command: make test")
        terminal.expect("folder: /tmp/work")
        terminal.expect("[o]nce, for this [a]gent, always in this [p]roject, [d]eny, deny with a [r]eason > ")
        terminal.type(typed)
        terminal.expect("working")
        assert bot.sent("/requests/r-1/answer") == [answer]
        finish(bot, terminal)


def test_a_rule_is_shown_before_it_is_added(bot: Bot, home: Path) -> None:
    text = 'This rule would be added to web: allow: {tool: execute, exactly: "make test"}'
    bot.replies["approve"] = {"text": text, "data": {"shown": "0123"}}
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("p\n")
        terminal.expect('exactly: "make test"}')
        terminal.expect("add it? [y]es, [n]o > ")
        terminal.type("n\n")
        terminal.expect("eason > ")
        terminal.type("p\n")
        terminal.expect("[n]o > ")
        terminal.type("y\n")
        wait_until(lambda: len(bot.sent("/commands/approve")) == 3)
        asked = [body["arguments"] for body in bot.sent("/commands/approve")]
        shown = {"request": "r-1", "always": True, "dry_run": True}
        assert asked == [shown, shown, {"request": "r-1", "always": True, "shown": "0123"}]
        finish(bot, terminal)


def test_what_no_rule_can_say_is_asked_again(bot: Bot, home: Path) -> None:
    bot.problems["/commands/approve"] = (409, {"detail": "No rule can say this.", "code": "conflict"})
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("p\n")
        terminal.expect("No rule can say this.")
        terminal.expect("eason > ")
        terminal.type("o\n")
        terminal.expect("working")
        finish(bot, terminal)


def test_nonsense_is_asked_again_and_a_reason_is_asked_for(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("yes please\n")
        terminal.expect("That is none of them.")
        terminal.expect("eason > ")
        terminal.type("r\n")
        terminal.expect("\nreason > ")
        terminal.type("because\n")
        terminal.expect("working")
        assert bot.sent("/requests/r-1/answer") == [{"verdict": "denied", "text": "because"}]
        finish(bot, terminal)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("2\n", {"verdict": "answered", "choice": "s"}),
        ("tabs\n", {"verdict": "answered", "choice": "t"}),
        ("both, please\n", {"verdict": "answered", "text": "both, please"}),
    ],
)
def test_questions_take_a_number_or_words(bot: Bot, home: Path, typed: str, answer: dict[str, Any]) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(QUESTION)
        terminal.expect("sample-1 asks: Tabs or spaces?")
        terminal.expect("  1. Tabs\n  2. Spaces")
        terminal.expect("number or your own words > ")
        terminal.type(typed)
        terminal.expect("working")
        assert bot.sent("/requests/r-2/answer") == [answer]
        finish(bot, terminal)


def test_a_form_is_asked_field_by_field(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(FORM)
        for hint, typed in (
            ("Name > ", "\n"),
            ("Name > ", "Kim\n"),
            ("count [number] > ", "many\n"),
            ("That does not fit.", ""),
            ("count [number] > ", "3\n"),
            ("strict [yes/no] > ", "no\n"),
            ("tags [a, b, c] > ", "a, 3\n"),
            ("note, may be left empty > ", "\n"),
        ):
            terminal.expect(hint)
            terminal.type(typed)
        terminal.expect("working")
        fields = {"name": "Kim", "count": 3, "strict": False, "tags": ["a", "c"]}
        assert bot.sent("/requests/r-3/answer") == [{"verdict": "answered", "fields": fields}]
        finish(bot, terminal)


def test_an_answer_from_elsewhere_dismisses_the_prompt(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("r half a rea")
        bot.emit("request.answered", request="r-1", outcome="once", by="Alice")
        terminal.expect("Answered by Alice: once.")
        bot.record = {**bot.record, "status": "working", "requests": []}
        terminal.expect("working")
        assert bot.sent("/requests/r-1/answer") == []
        finish(bot, terminal)


def test_an_answer_whose_event_was_missed_dismisses_too(bot: Bot, home: Path) -> None:
    bot.problems["/events/stream"] = (503, {"detail": "Not now."})
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        bot.emit("request.answered", request="r-1", outcome="denied", by="Bob")
        bot.record = {**bot.record, "status": "working", "requests": []}
        terminal.expect("Answered by Bob: denied.")
        finish(bot, terminal)


def test_a_slower_answer_is_told_who_was_faster(bot: Bot, home: Path) -> None:
    bot.problems["/requests/r-1/answer"] = (409, {"detail": "r-1 was already answered (once) by Bob.", "code": "x"})
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("d\n")
        terminal.expect("r-1 was already answered (once) by Bob.")
        finish(bot, terminal)


def test_who_else_must_approve_is_told(bot: Bot, home: Path) -> None:
    bot.answered = {"reply": {"text": "r-1: 1 of 2 approvals: kim.", "data": {"approvals": {"needed": 2}}}}
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("o\n")
        terminal.expect("r-1: 1 of 2 approvals: kim.")
        finish(bot, terminal)


def test_what_was_typed_before_the_question_is_no_answer(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        terminal.expect("working")
        terminal.type("o\n")
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("d\n")
        terminal.expect("working")
        assert bot.sent("/requests/r-1/answer") == [{"verdict": "denied", "text": ""}]
        finish(bot, terminal)


def test_interrupting_leaves_the_agent_at_work(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.interrupt()
        terminal.expect("sample-1 goes on without you. Watch it again: ./callboard show sample-1 --wait")
        assert terminal.finish() == 130
    assert bot.sent("/commands/stop") == []


def test_the_end_of_input_leaves_the_question_open(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.ask(PERMISSION)
        terminal.expect("eason > ")
        terminal.type("\x04")
        terminal.expect("A human is needed: ./callboard approve sample-1")
        assert terminal.finish() == 3


def test_progress_shows_status_time_and_activity(bot: Bot, home: Path) -> None:
    with open_terminal(home, *SPAWN) as terminal:
        bot.record = {**bot.record, "status": "queued", "queue_position": 2}
        terminal.expect("sample-1 queued, number 2 in line")
        bot.record = {**bot.record, "status": "working", "queue_position": None}
        bot.say("thought", text="hm")
        terminal.expect("sample-1 working")
        terminal.expect(" · thinking")
        finish(bot, terminal)


def test_colours_only_where_they_are_wanted(bot: Bot, home: Path) -> None:
    bot.replies["show"] = {
        "cards": [
            {"title": "sample-1 \x1b]0;x\x07", "tone": "good", "lines": ["[red]a[/red]"], "fields": [["k", "v"]]}
        ],
        "table": {"columns": ["a"], "rows": [["b"]]},
        "attachments": [{"name": "x.diff", "text": "+new\n"}],
    }
    with open_terminal(home, "show", "sample-1") as terminal:
        assert terminal.finish() == 0
        assert "\x1b[32m+new" in terminal.raw
        assert "[red]a[/red]" in terminal.seen
        assert "\x1b]" not in terminal.raw
    with open_terminal(home, "show", "sample-1", NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.raw)
        assert "+new" in terminal.seen
