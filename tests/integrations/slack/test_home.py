"""A page as Slack takes it: any card with parts, within every limit, and nothing asked that is not shown whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exam.sample import HOSTILE
from core.messages import Button, Card, Tone
from integrations.slack.home import MOST_BLOCKS, draw_home
from tests.fakes.slack.blocks import judge_view
from tests.fakes.slack.marks import find_mentions
from tests.integrations.slack.test_blocks import CARDS, TEXT, list_texts

SECTIONS = st.builds(
    Card,
    TEXT,
    st.sampled_from(Tone),
    st.lists(TEXT, max_size=25),
    st.just(()),
    st.just(""),
    st.lists(st.builds(Button, TEXT, st.integers(0, 9).map(lambda number: f"b-{number}")), max_size=12),
    TEXT,
    st.lists(CARDS, max_size=4),
)
PAGES = st.builds(Card, TEXT, parts=st.lists(SECTIONS, max_size=3))


@settings(max_examples=25, deadline=None)
@given(PAGES)
def test_slack_takes_any_page(page: Card) -> None:
    view = draw_home(page, "/agent")
    assert judge_view(view, "home") is None
    assert len(view["blocks"]) <= MOST_BLOCKS


def make_card(number: int, **more: Any) -> Card:
    button = Button("Once", f"b-{number}", primary=True)
    return Card(f"web-{number} · needs you", Tone.ASKING, ("asks: Run",), buttons=(button,), **more)


def count_values(view: Any, value: str) -> int:
    return json.dumps(view).count(f'"{value}"')


@pytest.mark.parametrize("amount", [0, 1, 12, 60, 500])
def test_what_has_no_room_is_counted_and_not_asked(amount: int) -> None:
    page = Card("home", parts=(Card("Needs you", parts=[make_card(number) for number in range(amount)]),))
    view = draw_home(page, "/agent")
    shown = sum(count_values(view, f"b-{number}") for number in range(amount))
    said = " ".join(list_texts(view))
    assert judge_view(view, "home") is None
    assert (f"… {amount - shown} more; /agent list" in said) is (shown < amount)
    assert shown == amount or amount > 12


def test_a_card_is_shown_whole_or_not_at_all() -> None:
    cards = [make_card(number, code="\U0001f600" * 3_000) for number in range(12)]
    view = draw_home(Card("home", parts=(Card("Needs you", parts=cards),)), "/agent")
    assert judge_view(view, "home") is None
    for number, _ in enumerate(cards):
        is_named = f"web-{number} " in " ".join(list_texts(view))
        assert count_values(view, f"b-{number}") == is_named
    assert "more" in " ".join(list_texts(view))


def test_a_section_has_its_heading_lines_and_buttons_and_hints_as_they_are_typed() -> None:
    section = Card(
        "Fleet (2)", lines=("web-1", "web-2"), buttons=(Button("All", "b-1"),), footer="3 more: `list --all`"
    )
    view = draw_home(Card("home", parts=(section, section)), "/crew")
    assert [block["type"] for block in view["blocks"]] == [
        *("header", "section", "actions", "context"),
        *("divider", "header", "section", "actions", "context"),
    ]
    assert "/crew list --all" in " ".join(list_texts(view))


def test_hostile_words_call_nobody() -> None:
    page = Card(
        "home", parts=(Card(HOSTILE, lines=(HOSTILE, "<!channel> <@U1>"), parts=(Card(HOSTILE, footer=HOSTILE),)),)
    )
    view = draw_home(page, "/agent")
    assert judge_view(view, "home") is None
    assert list(find_mentions(view["blocks"])) == []
    assert "\u202e" not in json.dumps(view, ensure_ascii=False)
