"""Words to steps: every row of the README's table, and what must not be taken for a phrase."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import integrations.demo
from core.prompts import write_prompt
from integrations.demo.scripted.faults import ACTIONS as FAULTS
from integrations.demo.scripted.script import find_steps, is_continuation, make_turn, name_file, read_task
from integrations.demo.scripted.steps import ACTIONS as STEPS

README = Path(integrations.demo.__file__).with_name("README.md").read_text()
TESTS = ""
TABLE: list[tuple[str, list[dict[str, Any]]]] = [
    ("say hello, world", [{"do": "say", "text": "hello, world"}]),
    ("say hello. Crash.", [{"do": "say", "text": "hello"}, {"do": "crash", "how": ""}]),
    ("say hi then hang", [{"do": "say", "text": "hi"}, {"do": "hang", "how": ""}]),
    ("SAY “crash; hang” and then stall", [{"do": "say", "text": "crash; hang"}, {"do": "stall"}]),
    (
        "run `ls -l; true`, then run the tests.",
        [{"do": "run", "command": command} for command in ("ls -l; true", TESTS)],
    ),
    ("run python3 -m unittest", [{"do": "run", "command": "python3 -m unittest"}]),
    ("edit a/b.txt and edit `c.txt`", [{"do": "edit", "file": f, "ask": False} for f in ("a/b.txt", "c.txt")]),
    ("please carefully edit a.txt", [{"do": "edit", "file": "a.txt", "ask": True}]),
    ("ask Go on?", [{"do": "ask", "way": "", "question": "Go on?", "options": []}]),
    (
        "ask Which one? options A, B or C; say so",
        [{"do": "ask", "way": "", "question": "Which one?", "options": ["A", "B", "C"]}, {"do": "say", "text": "so"}],
    ),
    (
        "ask by tool: Which? options: a b, c",
        [{"do": "ask", "way": "tool", "question": "Which?", "options": ["a b", "c"]}],
    ),
    ("ask with fields Which?", [{"do": "ask", "way": "fields", "question": "Which?", "options": []}]),
    ("report half way", [{"do": "report", "text": "half way"}]),
    ("take 30 seconds, take 2 minutes", [{"do": "take", "seconds": seconds} for seconds in (30, 120)]),
    ("take 0.5 s and fail", [{"do": "take", "seconds": 0.5}, {"do": "fail", "text": ""}]),
    ("fail with no quota; say x", [{"do": "fail", "text": "no quota"}, {"do": "say", "text": "x"}]),
    ("list the files; repeat the instructions", [{"do": "list"}, {"do": "repeat"}]),
    ("refuse", [{"do": "refuse"}]),
    ("now run out of tokens", [{"do": "limit", "how": "tokens"}]),
    ("crash once; crash by signal", [{"do": "crash", "how": how} for how in ("once", "by signal")]),
    ("flood 10 MB", [{"do": "flood", "where": "output", "bytes": 10_000_000}]),
    (
        "flood stderr 0.5 MB, flood line 1 mb",
        [{"do": "flood", "where": "stderr", "bytes": 500_000}, {"do": "flood", "where": "line", "bytes": 1_000_000}],
    ),
    ("hang hard", [{"do": "hang", "how": "hard"}]),
    ("use cost 0.42", [{"do": "cost", "number": 0.42}]),
    ("use tokens 1200; cost unknown", [{"do": "tokens", "number": 1200}, {"do": "unpriced"}]),
    ("spawn child; spawn a clinging child", [{"do": "spawn", "how": how} for how in ("", "clinging")]),
    ("commit, secret, secrets, ansi", [{"do": do} for do in ("commit", "secret", "secret", "ansi")]),
    ("junk; junk usage", [{"do": "junk", "how": how} for how in ("", "usage")]),
    ("env\nidle\ncommands", [{"do": do} for do in ("env", "idle", "commands")]),
    ("updates 500", [{"do": "updates", "number": 500}]),
    ("switch to mode plan", [{"do": "mode", "how": "plan"}]),
    ("Write a CONTRIBUTING guide", [{"do": "write", "file": "CONTRIBUTING.md"}]),
    ("write hello.txt then add a changelog", [{"do": "write", "file": f} for f in ("hello.txt", "CHANGELOG.md")]),
    ("Fix the failing test", [{"do": "fix"}]),
    ("fail-safe", [{"do": "fail", "text": ""}]),
    ("Make the parser fail early and never crash the process", []),
    ("Explain why the build hangs when I run it", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "steps"), TABLE)
def test_words_become_steps(text: str, steps: list[dict[str, Any]]) -> None:
    assert find_steps(text) == steps


def test_every_action_has_words_and_every_step_an_action() -> None:
    known = {*STEPS, *FAULTS}
    assert not set(STEPS) & set(FAULTS)
    used = {step["do"] for _, steps in TABLE for step in steps}
    assert known - used == {"think", "look", "note", "finish"}
    assert used <= known


def test_readme_rows_are_phrases() -> None:
    rows = re.findall(r"^\| `` ?(.+?) ?`` \|", README, re.MULTILINE)
    assert len(rows) > 30
    assert [row for row in rows if not find_steps(row)] == []
    told = {step["do"] for row in rows for step in find_steps(row)}
    assert told == {*STEPS, *FAULTS} - {"think", "look", "note", "finish"}


def test_readme_names_every_switch() -> None:
    from integrations.demo.scripted.server import SWITCHES

    assert set(re.findall(r"^\| `(--[\w-]+)` \|", README, re.MULTILINE)) == SWITCHES


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("CONTRIBUTING", "CONTRIBUTING.md"),
        ("code of conduct", "CODE_OF_CONDUCT.md"),
        ("license", "LICENSE-NOTES.md"),
        ("release", "RELEASE.md"),
        ("notes.txt", "notes.txt"),
        ("../../x", "X.md"),
        ("---", "NOTES.md"),
    ],
)
def test_names(words: str, name: str) -> None:
    assert name_file(words) == name


@pytest.mark.parametrize("text", ["Write a README file", "Fix the failing test", "Do something nice"])
def test_story_plans_works_and_runs_the_tests(text: str) -> None:
    turn = make_turn(text, first=True)
    assert len(turn["plan"]) == 3
    assert [step["do"] for step in turn["steps"]][:2] == ["think", "look"]
    assert [step["do"] for step in turn["steps"]][-2:] == ["run", "finish"]


def test_later_message_is_a_note() -> None:
    assert [step["do"] for step in make_turn("Thanks", first=False)["steps"]] == ["note", "finish"]


def test_insist_is_no_step() -> None:
    turn = make_turn("run `ls`; insist", first=True)
    assert turn["insist"] is True
    assert [step["do"] for step in turn["steps"]] == ["run", "finish"]


def test_continuation() -> None:
    assert is_continuation("\n You were interrupted. Go on.")
    assert not is_continuation("Say that you were interrupted")


def test_only_the_task_counts() -> None:
    words = write_prompt("say hello\n\nsay bye", interrupted=True, how="rebuilt", earlier=["crash"])
    assert is_continuation(words)
    assert read_task(words) == "say hello\n\nsay bye"
    assert read_task("You were interrupted.") == ""
