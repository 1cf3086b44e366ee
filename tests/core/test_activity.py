"""The one line that says what an agent did, for whatever a runtime hears."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.activity import Titles, describe_update

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["text", "title", "status", "command", "kind", "entries", "call", "output"])
KINDS = ["message", "thought", "tool", "plan", "report", "note", "usage", "mode", "title", "who knows"]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("message", {"text": "I will\nlook."}, "I will look."),
        ("thought", {"text": "secret musings"}, "thinking"),
        ("tool", {"call": "1", "title": "make test"}, "running make test"),
        ("tool", {"call": "1", "title": "make test", "status": "pending"}, "running make test"),
        ("tool", {"call": "1", "title": "make test", "status": "in_progress"}, "running make test"),
        ("tool", {"call": "1", "title": "make test", "status": "completed"}, "ran make test"),
        ("tool", {"call": "1", "title": "make test", "status": "failed"}, "failed: make test"),
        ("tool", {"call": "1", "status": "in_progress"}, ""),
        ("tool", {"call": "1", "output": "more"}, ""),
        ("tool", {"call": "1", "status": "completed"}, "ran a tool"),
        ("tool", {"call": "1", "status": "failed", "kind": "fetch"}, "failed: fetch"),
        ("plan", {"entries": []}, ""),
        (
            "plan",
            {"entries": [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}]},
            "plan 1/2 b",
        ),
        ("plan", {"entries": [{"content": "a", "status": "pending"}]}, "plan 0/1"),
        ("report", {"text": "Half"}, "Half"),
        ("note", {"text": "A remark"}, "A remark"),
        ("usage", {"cost": 1.0}, ""),
        ("mode", {"mode": "plan"}, ""),
        ("who knows", {"text": "x"}, ""),
    ],
)
def test_says(kind: str, data: dict[str, Any], said: str) -> None:
    assert describe_update(kind, data) == said


def test_what_ends_is_called_as_it_was_when_it_began() -> None:
    titles = Titles()
    titles.fill({"call": "1", "title": "make test", "status": "pending"})
    assert titles.knows("1")
    assert titles.fill({"call": "1", "status": "in_progress"}) == {"call": "1", "status": "in_progress"}
    assert describe_update("tool", titles.fill({"call": "2", "status": "completed"})) == "ran a tool"
    assert describe_update("tool", titles.fill({"call": "1", "status": "failed"})) == "failed: make test"
    assert not titles.knows("1")


def test_a_tool_that_ended_without_a_title_runs_no_more() -> None:
    """Silence after it is not explained by a tool any more."""
    assert not describe_update("tool", {"call": "1", "status": "completed"}).startswith("running ")


@given(st.sampled_from(KINDS), st.dictionaries(KEYS, JSON, max_size=5))
def test_is_one_short_line_whatever_comes(kind: str, data: dict[str, Any]) -> None:
    said = describe_update(kind, data)
    assert len(said) <= 120
    assert len(said.splitlines()) <= 1


def test_a_cut_is_shown() -> None:
    said = describe_update("message", {"text": "word " * 100})
    assert len(said) <= 120
    assert said.endswith("…")
