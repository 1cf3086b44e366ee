from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.messages import Attachment, Button, Card, Reply, Table, Tone, Visibility
from core.wire import decode_card, decode_reply, encode_card, encode_reply, map_text

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
CARDS = st.builds(
    Card,
    title=TEXT,
    tone=st.sampled_from(Tone),
    lines=TEXTS,
    fields=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    code=TEXT,
    buttons=st.lists(st.builds(Button, TEXT, TEXT, TEXT, st.booleans()), max_size=2).map(tuple),
    footer=TEXT,
)
REPLIES = st.builds(
    Reply,
    text=TEXT,
    cards=st.lists(CARDS, max_size=2).map(tuple),
    table=st.none() | st.builds(Table, TEXTS, st.lists(TEXTS, max_size=2).map(tuple)),
    attachments=st.lists(st.builds(Attachment, TEXT, TEXT), max_size=2).map(tuple),
    visibility=st.sampled_from(Visibility),
    data=st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(TEXT, max_size=2), max_size=2),
)


@given(REPLIES)
def test_a_reply_comes_back(reply: Reply) -> None:
    assert decode_reply(json.loads(json.dumps(encode_reply(reply)))) == reply


@given(CARDS)
def test_a_card_comes_back(card: Card) -> None:
    assert decode_card(json.loads(json.dumps(encode_card(card)))) == card


def test_other_versions_are_read() -> None:
    assert decode_reply({}) == Reply(visibility=Visibility.ASKER)
    newer = {"text": "x", "colour": "red", "visibility": "team", "cards": [{"title": "t", "tone": "new", "icon": "i"}]}
    assert decode_reply(newer) == Reply(text="x", visibility=Visibility.ASKER, cards=(Card("t"),))


def test_every_text_is_changed_and_no_choice() -> None:
    card = Card("plain", Tone.PLAIN, ("plain",), (("plain", "plain"),), "plain", (Button("plain", "plain"),), "plain")
    reply = Reply("plain", (card,), Table(("plain",), (("plain",),)), data={"plain": ["plain", 1, None]})
    changed = map_text(reply, lambda text: text.replace("plain", "x"))
    assert repr(changed).replace("Tone.PLAIN: 'plain'", "").count("plain") == 0
    assert changed.cards[0].tone is Tone.PLAIN
    assert map_text(reply, str) == reply
