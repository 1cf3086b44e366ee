"""Transcripts as text, and the ends of long files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Update
from core.logs import read_tail, write_line, write_lines
from tests.core.test_activity import JSON, KEYS, KINDS
from tests.fakes.clock import START


def show(kind: str, data: dict[str, Any]) -> str:
    return write_line(Update("web-1", 1, kind, START, data, 1))


@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        ("message", {"text": "Hello\nyou\n"}, "12:00:00 message Hello\n" + " " * 17 + "you"),
        ("thought", {"text": "Hm"}, "12:00:00 thought Hm"),
        ("note", {"text": "A remark"}, "12:00:00 note    A remark"),
        ("report", {"text": "Half"}, "12:00:00 report  Half"),
        ("message", {"text": " \n"}, ""),
        ("tool", {"call": "1", "title": "Run it", "status": "completed"}, "12:00:00 tool    Run it completed"),
        ("tool", {"call": "1", "status": "completed"}, "12:00:00 tool    1 completed"),
        ("tool", {"title": "make test", "command": ["make", "test"]}, "12:00:00 tool    make test"),
        (
            "tool",
            {"title": "Run", "command": "ls", "output": "a\nb"},
            "12:00:00 tool    Run\n" + "\n".join(" " * 17 + line for line in ("ls", "a", "b")),
        ),
        (
            "plan",
            {
                "entries": [
                    {"content": "a", "status": "completed"},
                    {"content": "b", "status": "in_progress"},
                    {"content": "c"},
                ]
            },
            "12:00:00 plan    [x] a\n" + " " * 17 + "[>] b\n" + " " * 17 + "[ ] c",
        ),
        ("usage", {"cost": 0.5, "tokens": 7}, "12:00:00 usage   cost 0.5, tokens 7"),
        ("usage", {"context": 7}, ""),
        ("mode", {"mode": "plan"}, ""),
    ],
)
def test_lines(kind: str, data: dict[str, Any], line: str) -> None:
    assert show(kind, data) == line


@given(st.sampled_from(KINDS), st.dictionaries(KEYS, JSON, max_size=5))
def test_any_update_is_text_of_bounded_length(kind: str, data: dict[str, Any]) -> None:
    assert len(show(kind, data)) < 50_000


def test_a_cut_says_how_much_is_missing() -> None:
    assert show("message", {"text": "x" * 3000}).endswith("… (1,000 characters more)")


@pytest.mark.parametrize(
    ("content", "lines", "tail"),
    [
        (b"", 5, ""),
        (b"a\nb\nc\n", 2, "b\nc"),
        (b"a\nb", 9, "a\nb"),
        (b"a\nb", 0, ""),
        (b"\xff\xfe\n", 5, "\ufffd\ufffd"),
    ],
)
def test_tails(tmp_path: Path, content: bytes, lines: int, tail: str) -> None:
    path = tmp_path / "stderr.log"
    path.write_bytes(content)
    assert read_tail(path, lines) == tail


def test_no_file_is_no_text(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none.log", 5) == ""


def test_of_a_long_file_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stderr.log"
    path.write_bytes(b"x" * 2_000_000 + b"\nend")
    assert read_tail(path, 2, limit=100) == "x" * 96 + "\nend"


def test_what_stands_in_the_place_of_the_log_is_not_read(tmp_path: Path) -> None:
    """A link would show anything that the bot can read, a pipe hold it up for ever."""
    (tmp_path / "secret").write_text("a token")
    (tmp_path / "link.log").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.log")
    assert "cannot be read" in read_tail(tmp_path / "link.log", 5)
    assert read_tail(tmp_path / "pipe.log", 5) == ""


def test_what_ends_is_called_as_it_was_when_it_began() -> None:
    said = ({"call": "1", "title": "Run it", "status": "pending"}, {"call": "1", "status": "completed"})
    text = write_lines([Update("web-1", 1, "tool", START, data, number) for number, data in enumerate(said, 1)])
    assert text == "12:00:00 tool    Run it pending\n12:00:00 tool    Run it completed"
