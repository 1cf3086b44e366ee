from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import address_hints, one_line, plain, reveal


@pytest.mark.parametrize(
    ("text", "shown", "revealed"),
    [
        ("a\x1b[1;31mb\x1b[0m", "ab", "a\\x1b[1;31mb\\x1b[0m"),
        ("a\x1b]0;rm -rf ~\x07b", "a\\x1b]0;rm -rf ~\\x07b", "a\\x1b]0;rm -rf ~\\x07b"),
        ("a\x1b[2Jb\x9b2Jc", "a\\x1b[2Jb\\x9b2Jc", "a\\x1b[2Jb\\x9b2Jc"),
        ("safe\rrm", "safe\\x0drm", "safe\\x0drm"),
        ("one\r\ntwo\tx", "one\ntwo\tx", "one\ntwo\tx"),
        ("user\u202etxt.exe", "user\\u202etxt.exe", "user\\u202etxt.exe"),
        ("a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\xadd", "a\\u200bb\\ufeffc\\xadd"),
        ("tag\U000e0041", "tag\\U000e0041", "tag\\U000e0041"),
        ("naïve 日本 ✓️ שלום", "naïve 日本 ✓️ שלום", "naïve 日本 ✓️ שלום"),
    ],
)
def test_nothing_is_obeyed_and_nothing_is_hidden(text: str, shown: str, revealed: str) -> None:
    assert plain(text) == shown
    assert reveal(text) == revealed


@given(st.text())
def test_no_control_or_format_character_is_left(text: str) -> None:
    left = {unicodedata.category(letter) for letter in plain(text) if letter not in "\n\t"}
    assert not left & {"Cc", "Cs", "Zl", "Zp"}
    assert not any(
        unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI")
        for letter in plain(text)
    )


@given(st.text())
def test_showing_twice_changes_nothing(text: str) -> None:
    assert reveal(reveal(text)) == reveal(text)


def test_one_line() -> None:
    assert one_line(" a\nb\x1b[1m  c ") == "a b c"


VERBS = ("list", "stop", "admin")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`list` shows the agents.", "`./callboard list` shows the agents."),
        ("`stop web-1` first, then `list`.", "`./callboard stop web-1` first, then `./callboard list`."),
        ("`admin people` shows who", "`./callboard admin people` shows who"),
        ("Correct `copy` of the project.", "Correct `copy` of the project."),
        ("Add `list:` there.", "Add `list:` there."),
        ("`listing` and list and `stop", "`listing` and list and `stop"),
        ("", ""),
    ],
)
def test_commands_are_shown_as_they_are_typed(text: str, shown: str) -> None:
    assert address_hints(text, "./callboard", VERBS) == shown


def test_in_a_hint_everything_in_backticks_is_a_command() -> None:
    assert address_hints("`copy x` or `y`", "/agent") == "`/agent copy x` or `/agent y`"
