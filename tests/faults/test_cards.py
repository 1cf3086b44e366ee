"""F17, S4 and S6 in Slack: whatever is drawn is taken, calls nobody, and says on one line what is one line."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from core.exam.sample import HOSTILE, ODD
from core.messages import Attachment, Button, Card, Reply, Table, Tone
from integrations.slack.blocks import Drawn, draw_card, draw_reply
from integrations.slack.forms import draw_button, draw_send, draw_spawn
from tests.fakes.slack.blocks import judge_message, judge_view
from tests.fakes.slack.marks import find_links, find_mentions
from tests.faults.test_titles import PIECES
from tests.integrations.slack.test_blocks import list_texts, list_values, walk
from tests.integrations.slack.test_prose import LURES

LETTERS = [
    *"&<>*_`~|[]() \n\t",
    "a",
    "é",
    "e\u0301",
    "🚀",
    "👩\u200d👧",
    "ש",
    "\u202e",
    "<!channel>",
    "<@U1>",
    "[a](http://b)",
]
TITLES = 500


def count(found: Counter[str], drawn: Drawn) -> None:
    content = {"text": drawn.text, "blocks": drawn.blocks}
    found["drawn"] += 1
    found["refused"] += judge_message(content) is not None
    found["pings"] += len(find_mentions([drawn.text, *drawn.blocks]))
    found["disguised links"] += len(find_links([drawn.text, *drawn.blocks]))


def make_text(chance: random.Random) -> str:
    """Emoji, right to left, combining characters, marks of all kinds, short and huge."""
    if chance.random() < 0.03:
        return chance.choice([HOSTILE, *ODD, "&amp;" * 4_000, "שלום" * 900, "e\u0301" * 3_000])
    return "".join(chance.choices(LETTERS, k=chance.randint(0, 60) if chance.random() < 0.3 else chance.randint(0, 8)))


def few(chance: random.Random, most: int) -> int:
    """Mostly few, sometimes as many as there may be: ten thousand are to be drawn within a minute."""
    return chance.randint(0, most if chance.random() < 0.2 else min(most, 3))


def make_any(chance: random.Random) -> Card | Reply:
    def text() -> str:
        return make_text(chance)

    def card() -> Card:
        names = (f"b-{chance.randrange(10**9)}" for _ in range(few(chance, 30)))
        menus = ("", "", "Choose")
        return Card(
            text(),
            chance.choice(list(Tone)),
            [text() for _ in range(few(chance, 25))],
            [(text(), text()) for _ in range(few(chance, 12))],
            text(),
            [Button(text(), name, text(), True, chance.choice(["", "Why?"]), chance.choice(menus)) for name in names],
            text(),
            times=[("12:00 UTC", 1_800_000_000)],
        )

    kind = chance.randrange(3)
    if kind == 0:
        return card()
    if kind == 1:
        return Card(text(), prose=text() or "x", growing=chance.random() < 0.5)
    cards, rows = (
        [card() for _ in range(few(chance, 8))],
        [(text(), text()) for _ in range(few(chance, 40))],
    )
    return Reply(text(), cards, Table(("a", "b"), rows), [Attachment("a.txt", text())], hint=text())


@pytest.mark.timeout(1_800)
def test_ten_thousand_cards_and_replies() -> None:
    found: Counter[str] = Counter()
    chance = random.Random(17)
    for _ in range(10_000):
        shown = make_any(chance)
        drawn = draw_card(shown) if isinstance(shown, Card) else draw_reply(shown, "/agent")
        count(found, drawn)
        cards = [shown] if isinstance(shown, Card) else shown.cards
        commands = {button.command for card in cards for button in card.buttons}
        found["ids changed"] += len(set(list_values(drawn.blocks)) - commands)
    print(f"F17: {dict(found)}")
    assert [found[name] for name in ("refused", "pings", "disguised links", "ids changed")] == [0, 0, 0, 0]


def test_hostile_titles_everywhere() -> None:
    found: Counter[str] = Counter()
    chance = random.Random(1)
    pieces = [*PIECES, *(lure for lure in LURES if len(lure) < 5_000), "<!here>", "@channel", "Subject: x\r\nBcc: y"]
    for _ in range(TITLES):
        title = "".join(chance.choices(pieces, k=chance.randint(1, 8))).replace("\0", "") or "x"
        for draw in DRAWERS:
            count(found, drawn := draw(title))
            names = [item for item in walk(drawn.blocks) if item.get("type") == "plain_text"]
            found["lines broken"] += sum("\n" in text for text in list_texts(names))
        for view in draw_views(title):
            found["views refused"] += judge_view(view, "modal") is not None
            found["pings"] += len(find_mentions(view))
    print(f"S4, S6: {dict(found)}")
    bad = ("refused", "pings", "disguised links", "lines broken", "views refused")
    assert [found[name] for name in bad] == [0] * len(bad)


def draw_views(title: str) -> list[dict[str, Any]]:
    return [draw_spawn("C1", title), draw_send("C1", title), draw_button("C1", "b-1", Button("x", "b-1", prompt=title))]


def make_card(title: str) -> Card:
    button = Button(title, "b-1", confirm=title)
    return Card(title, lines=[title], fields=[(title, title)], code=title, buttons=[button], footer=title)


DRAWERS: list[Callable[[str], Drawn]] = [
    lambda title: draw_card(make_card(title)),
    lambda title: draw_card(Card(title, prose=title, growing=True)),
    lambda title: draw_card(Card("x", buttons=[Button(title, f"b-{number}", menu=title) for number in range(9)])),
    lambda title: draw_reply(
        Reply(title, [make_card(title)], Table((title,), [(title,)]), [Attachment("a.txt", title)], hint=title),
        "/agent",
    ),
]
