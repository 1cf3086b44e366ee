"""Who hears of an agent beside its own place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.events import CATALOGUE, Event
from core.messages import Reply
from core.notices import write_notice
from core.routing import CONCERNS, Concern, Routes, keep_routes, read_routes
from core.store import Database
from tests.fakes.clock import START as NOW
from tests.fakes.records import make_agent

ALL = frozenset(Concern)
ROUTES = Routes((("slack:webhook", ALL), ("slack:quiet", frozenset({Concern.FAILED}))))


def test_every_concern_is_an_event_with_a_notice() -> None:
    agent = make_agent()
    assert set(CONCERNS) <= set(CATALOGUE)
    assert all(write_notice(Event(kind, NOW, data={}), agent) for kind in CONCERNS)
    assert set(CONCERNS.values()) == ALL


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("request.opened", ["slack:webhook"]),
        ("agent.done", ["slack:webhook"]),
        ("agent.failed", ["slack:webhook", "slack:quiet"]),
        ("agent.queued", []),
        ("budget.warned", []),
    ],
)
def test_who_hears(kind: str, places: list[str]) -> None:
    assert list(ROUTES.choose(Event(kind, NOW), make_agent())) == places


def test_the_place_of_the_agent_hears_once() -> None:
    agent = replace(make_agent(), place="slack:webhook")
    assert list(ROUTES.choose(Event("agent.done", NOW), agent)) == []


def test_a_link_replaces_what_would_be_typed() -> None:
    agent, reply = make_agent(), Reply("it asks", hint="`approve web-1`")
    assert ROUTES.word(reply, agent) == reply
    worded = replace(ROUTES, url="https://callboard.example.com").word(reply, agent)
    assert worded.text == f"it asks\nhttps://callboard.example.com/agents/{agent.id}"
    assert worded.hint == ""


async def test_they_are_kept(database: Database) -> None:
    async with database.transaction() as tx:
        assert await read_routes(tx) == Routes()
        await keep_routes(tx, replace(ROUTES, url="https://x"))
        assert await read_routes(tx) == replace(ROUTES, url="https://x")
