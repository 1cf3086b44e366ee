"""Which events people are told of at once, and that nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from core.events import CATALOGUE, Event
from core.model import Lane
from core.notices import write_notice
from tests.fakes.clock import START
from tests.fakes.records import make_agent

AGENT = make_agent(task="Fix the test\nin all detail")

TOLD: list[tuple[str, dict[str, Any], Lane, str]] = [
    (
        "request.opened",
        {"request": "r-a", "kind": "permission", "title": "Run x"},
        Lane.HUMAN,
        "web-1 asks for permission: Run x  `approve web-1`, `deny web-1`",
    ),
    (
        "request.opened",
        {"request": "r-a", "kind": "question", "title": "Which?"},
        Lane.HUMAN,
        'web-1 asks: Which?  `answer web-1 "…"`',
    ),
    ("request.expired", {"request": "r-a"}, Lane.HUMAN, "web-1 got no answer to r-a in time and goes on without"),
    ("agent.done", {"commits": 0, "branch": "b"}, Lane.NORMAL, "web-1 is done: Fix the test (no change)"),
    ("agent.done", {"commits": 1, "branch": "b"}, Lane.NORMAL, "web-1 is done: Fix the test (1 commit on b)"),
    ("agent.done", {"commits": 2, "branch": "b"}, Lane.NORMAL, "web-1 is done: Fix the test (2 commits on b)"),
    ("agent.failed", {"reason": "it broke"}, Lane.HUMAN, "web-1 failed: it broke  `logs web-1`, `retry web-1`"),
    (
        "agent.ready",
        {"reason": "it refused"},
        Lane.HUMAN,
        "web-1 stopped short of finishing: it refused  `send web-1 …`",
    ),
    (
        "budget.warned",
        {"scope": "agent", "whose": "its budget", "what": "money", "share": 0.81, "used": "$8.10", "limit": "$10"},
        Lane.NORMAL,
        "web-1: its budget is 81% used: $8.10 of $10",
    ),
]


@pytest.mark.parametrize(("kind", "data", "lane", "words"), TOLD)
def test_told(kind: str, data: dict[str, Any], lane: Lane, words: str) -> None:
    notice = write_notice(Event(kind, START, agent="web-1", data=data), AGENT)
    assert notice is not None
    assert (notice[0], f"{notice[1].text}  {notice[1].hint}".rstrip()) == (lane, words)
    assert notice[1].data["agent"] == "web-1"


@pytest.mark.parametrize("kind", sorted(set(CATALOGUE) - {kind for kind, *_ in TOLD}))
def test_not_told(kind: str) -> None:
    assert write_notice(Event(kind, START, agent="web-1"), AGENT) is None


@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in TOLD}))
def test_an_event_of_an_older_version_is_told_too(kind: str) -> None:
    assert write_notice(Event(kind, START, agent="web-1"), AGENT) is not None


def test_a_flood_of_words_is_cut() -> None:
    event = Event("agent.failed", START, agent="web-1", data={"reason": "x" * 100_000})
    notice = write_notice(event, AGENT)
    assert notice is not None
    assert len(notice[1].text) < 1_000
    assert notice[1].hint == "`logs web-1`, `retry web-1`"
