"""What is drawn for Slack, against what Slack takes: any card, any reply, and texts that would take the reader in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.exam.sample import HOSTILE, ODD
from core.messages import Attachment, Button, Card, Reply, Table, Tone
from integrations.slack.blocks import MOST_TEXT, draw_card, draw_reply
from integrations.slack.text import cut, escape, read_sent, say
from tests.fakes.slack.blocks import find_faults

TEXT = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="&<>*_`~| \n", max_size=200),
    st.sampled_from(
        [HOSTILE, *ODD, "<!channel>", "<@U1>", "<http://a|b>", "&amp;" * 4_000, "שלום" * 900, "e\u0301" * 3_000]
    ),
)
BUTTONS = st.builds(
    Button,
    TEXT,
    st.integers(0, 10**9).map(lambda number: f"b-{number}"),
    TEXT,
    st.booleans(),
    st.sampled_from(["", "Why?"]),
    st.sampled_from(["", "", "Choose"]),
)
CARDS = st.builds(
    Card,
    TEXT,
    st.sampled_from(Tone),
    st.lists(TEXT, max_size=25),
    st.lists(st.tuples(TEXT, TEXT), max_size=12),
    TEXT,
    st.lists(BUTTONS, max_size=30),
    TEXT,
    times=st.just([("12:00 UTC", 1_800_000_000)]),
)
TABLES = st.none() | st.lists(st.tuples(TEXT, TEXT), max_size=60).map(lambda rows: Table(("a", "b"), rows))
REPLIES = st.builds(
    Reply,
    TEXT,
    st.lists(CARDS, max_size=8),
    TABLES,
    st.lists(st.builds(Attachment, st.just("a.txt"), TEXT), max_size=2),
    hint=TEXT,
)


def list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "text" and isinstance(item, str):
                yield item
            else:
                yield from list_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from list_texts(item)


def assert_calls_nobody(blocks: list[Any], text: str) -> None:
    """No mention, no link with another label, in what is read as markup."""
    marked = [item["text"] for item in walk(blocks) if item.get("type") == "mrkdwn"]
    for said in (*marked, text):
        assert not re.search(r"<(?!/)[@!#h]", said), said


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from walk(item)


def list_values(blocks: list[Any]) -> list[str]:
    return [item["value"] for item in walk(blocks) if "value" in item]


@settings(max_examples=60)
@given(CARDS)
@example(
    Card(HOSTILE, code=HOSTILE, lines=[HOSTILE] * 25, buttons=[Button(HOSTILE, "b-1", HOSTILE)] * 30, footer=HOSTILE)
)
def test_any_card(card: Card) -> None:
    drawn = draw_card(card)
    assert find_faults(drawn.blocks) == []
    assert drawn.text
    assert sum(map(len, list_texts(drawn.blocks))) <= MOST_TEXT + 2_000
    commands, values = list(dict.fromkeys(button.command for button in card.buttons)), list_values(drawn.blocks)
    assert set(values) <= set(commands)
    assert len(set(values)) == len(commands) or "more buttons" in str(drawn.blocks)
    assert len(set(values)) >= min(len(commands), 8)
    assert_calls_nobody(drawn.blocks, drawn.text)


@settings(max_examples=50)
@given(REPLIES)
def test_any_reply(reply: Reply) -> None:
    drawn = draw_reply(reply, "/agent")
    assert find_faults(drawn.blocks) == []
    assert drawn.text
    assert sum(map(len, list_texts(drawn.blocks))) <= 13_200
    assert_calls_nobody(drawn.blocks, drawn.text)


def test_what_is_cut_is_in_a_file() -> None:
    text = "\n".join(f"line {number}" for number in range(2_000))
    drawn = draw_reply(Reply(text), "/agent")
    assert [(file.name, file.text) for file in drawn.files] == [("text.txt", text)]
    assert re.search(r"… \([\d,]+ characters more in the file\)", "".join(list_texts(drawn.blocks)))
    rows = [(f"web-{number}", "x" * 40) for number in range(200)]
    (file,) = draw_reply(Reply(table=Table(("agent", "doing"), rows)), "/agent").files
    assert file.name == "table.txt"
    assert "web-199" in file.text


def test_of_what_is_cut_the_first_and_last_lines_are_shown() -> None:
    text = "\n".join(f"line {number}" for number in range(2_000))
    shown = "".join(list_texts(draw_reply(Reply(text), "/agent").blocks))
    assert shown.startswith("line 0\nline 1\n")
    assert shown.endswith("\nline 1998\nline 1999")


def test_ids_and_links_are_not_cut_into_others() -> None:
    link = "https://example.com/a/long/path?with=a&query=of-web-123456"
    for most in range(300, 420):
        shown = html.unescape(say(f"{link} " * 20, most))
        words = shown.partition("…")[0].split()
        assert set(words) == {link}


def test_times_are_those_of_the_reader() -> None:
    card = Card(
        "x", lines=["answered by ann, 14:02 UTC: once", "at 14:02 UTC <!channel>"], times=[("14:02 UTC", 1_800_000_000)]
    )
    shown = "".join(list_texts(draw_card(card).blocks))
    assert "answered by ann, <!date^1800000000^{date_short_pretty}, {time}|14:02 UTC>: once" in shown
    assert "&lt;!channel&gt;" in shown
    assert find_faults(draw_card(card).blocks) == []


def test_a_hint_is_a_slash_command() -> None:
    drawn = draw_reply(Reply("web-1 asks", hint="`approve web-1`"), "/crew")
    assert "`/crew approve web-1`" in "".join(list_texts(drawn.blocks))


def test_one_button_is_the_first_choice() -> None:
    buttons = [Button("a", "b-1", primary=True), Button("b", "b-2", primary=True), Button("c", "b-3", prompt="Why?")]
    elements = [item for item in walk(draw_card(Card("x", buttons=buttons)).blocks) if "action_id" in item]
    assert [item.get("style") for item in elements] == ["primary", None, None]
    assert [item["action_id"] for item in elements] == ["act:1", "act:2", "ask:3"]


@given(st.text(), st.integers(60, 300))
def test_cutting(text: str, most: int) -> None:
    assert len(say(text, most)) <= most
    assert len(cut(text, most)) <= most
    assert html.unescape(escape(text)).replace("\xa0", " ") is not None
    assert not re.search(r"&(?!amp;|lt;|gt;)", say(text, most))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("<@UBOT> spawn fix &lt;it&gt; &amp; go", "spawn fix <it> & go"),
        ("ask <@U2|ann> about <#C1|ops>", "ask @ann about #ops"),
        (
            "see <http://main.py|main.py>, <https://a.b/c|b/c> and <https://x.y>",
            "see main.py, https://a.b/c and https://x.y",
        ),
        ("<https://evil.example|https://good.example>", "https://evil.example"),
        ("mail <mailto:a@b.c|a@b.c> <!here> &amp;lt;", "mail a@b.c @here &lt;"),
    ],
)
def test_what_a_person_typed(sent: str, said: str) -> None:
    assert read_sent(sent, "UBOT") == said
