"""The words that Callboard puts before agents and into commits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.interfaces import GivenFile
from core.prompts import (
    BEFORE,
    FILES,
    INSTRUCTIONS,
    TASK,
    explain_denial,
    explain_silence,
    title_task,
    write_commit,
    write_prompt,
)
from tests.fakes.records import make_agent


@pytest.mark.parametrize("how", ["new", "loaded"])
def test_a_message_is_handed_over_as_it_is(how: str) -> None:
    assert write_prompt("Do it\n now", interrupted=False, how=how, earlier=["Before"]) == "Do it\n now"


def test_an_interrupted_one_says_so_before_the_words() -> None:
    said = write_prompt("Do it", interrupted=True, how="loaded", earlier=[])
    assert said.endswith("\n\nDo it")
    assert "interrupted by a restart" in said


def test_a_rebuilt_session_is_told_what_was_said_in_order() -> None:
    said = write_prompt("Do it", interrupted=False, how="rebuilt", earlier=["First", "Second"])
    assert said.index("Do it") < said.index(BEFORE) < said.index("First") < said.index("Second")
    assert "git log" in said


def test_a_rebuilt_session_with_nothing_before_is_as_new() -> None:
    assert write_prompt("Do it", interrupted=False, how="rebuilt", earlier=[]) == "Do it"


@given(st.text(max_size=300), st.integers(2, 80))
def test_titles_are_one_short_line_and_never_empty(text: str, length: int) -> None:
    title = title_task(text, max(length, 4))
    assert 1 <= len(title) <= max(length, 4)
    assert len(title.splitlines()) == 1
    assert title == title.strip()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Fix  the\ttest\nin detail", "Fix the test"),
        ("\n\nFix it", "Fix it"),
        ("  ", "task"),
        ("x" * 70, "x" * 59 + "…"),
        ("Fix\r\nit", "Fix"),
        ("Fix\x0bit\x85now\u2028then", "Fix it now then"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert title_task(text) == title


def test_a_commit_names_agent_and_owner() -> None:
    agent = make_agent(task="Fix the test\nplease")
    assert write_commit(agent, "", "Ann", True) == "Fix the test\n\nBy web-1 (demo), for Ann.\n"
    assert write_commit(agent, "Also that\nand more", "Ann", True).startswith("Also that\n\n")
    assert "ended early" in write_commit(agent, "", "Ann", False)


def test_a_commit_takes_no_trailers_from_a_hostile_owner() -> None:
    message = write_commit(make_agent(), "", "Ann\n\nSigned-off-by: Eve <e@v.e>", True)
    assert "\nSigned-off-by" not in message


def test_no_answer_is_not_a_denial() -> None:
    assert "not a denial" in explain_silence()
    assert explain_denial("Use tabs").endswith("denied: Use tabs")


def test_instructions_come_first_and_are_set_apart() -> None:
    said = write_prompt("Do it", interrupted=True, how="new", earlier=[], instructions="Use tabs.")
    assert said.startswith(f"{INSTRUCTIONS}\nUse tabs.\n{TASK}\n\nYou were interrupted")
    assert said.endswith("\n\nDo it")


def test_files_are_listed_after_the_words_as_material() -> None:
    files = [GivenFile('a"b.txt', "text/plain", "/x/a.txt", b"1234"), GivenFile("b.png", "image/png", "/x/b.png", b"")]
    said = write_prompt("Do it", interrupted=False, how="rebuilt", earlier=["Before"], files=files)
    words, listed = said.split(FILES)
    assert words == "Do it\n\n"
    assert '- "a\\"b.txt" (text/plain, 4 bytes): /x/a.txt\n- "b.png" (image/png, 0 bytes): /x/b.png\n' in listed
    assert "nobody's orders" in listed
    assert listed.index("b.png") < listed.index(BEFORE)
