"""What the spine relies on in every chat."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from core.exam.sample import CARD, HOSTILE, ODD, UNSEEN, hostile_reply, odd_reply
from core.exam.verdict import demand, demand_equal
from core.interfaces import Chat
from core.messages import Card, Place, Reply

HERE = Place("exam", "here")
Read = Callable[[], str]
Open = Callable[[], tuple[Chat, Read]]


async def examine_chat(open_chat: Open, place: Place = HERE) -> None:
    """Every check of a chat, each on a new one: `open_chat` makes it, with a function that gives all that people see in
    it. Raises AssertionError."""
    for check in CHECKS:
        await check(*open_chat(), place)


async def check_post(chat: Chat, read: Read, place: Place) -> None:
    demand(await chat.post(place, Reply("web-1 is done"), "d-1"), "a post has a reference")
    demand("web-1 is done" in read(), "a post is seen")


async def check_key(chat: Chat, read: Read, place: Place) -> None:
    first = await chat.post(place, Reply("web-1 is done"), "d-1")
    again = await chat.post(place, Reply("web-1 is done"), "d-1")
    demand_equal(again, first, "the same key is the same message")
    demand_equal(read().count("web-1 is done"), 1, "what has the same key is seen once")
    await chat.post(place, Reply("web-1 is done"), "d-2")
    demand_equal(read().count("web-1 is done"), 2, "another key is another message")


async def check_hint(chat: Chat, read: Read, place: Place) -> None:
    """A command that is hinted at is shown as it is typed there: with the name of whatever takes it in front."""
    await chat.post(place, Reply("web-1 asks", hint="`approve web-1`, `deny web-1`"), "d-1")
    for command in ("approve web-1", "deny web-1"):
        demand(re.search(rf"[^\s`>] {command}", read()), f"what to do next is shown as it is typed there: {command}")


async def check_card(chat: Chat, read: Read, place: Place) -> None:
    first = await chat.draw(place, CARD, "", "c-1")
    demand(first, "a card has a reference")
    demand("working" in read(), "a card is seen")
    again = await chat.draw(place, Card("web-1 · queued · Fix it"), first, "c-1-2")
    demand_equal(again, first, "a card that is drawn again keeps its place")
    demand("queued" in read(), "what changed is seen")


async def check_same_card(chat: Chat, read: Read, place: Place) -> None:
    first = await chat.draw(place, CARD, "", "c-1")
    said = read()
    demand_equal(await chat.draw(place, CARD, first, "c-1-2"), first, "the same card keeps its place")
    demand_equal(await chat.draw(place, CARD, "", "c-1"), first, "the same key is the same card")
    demand_equal(read(), said, "a card that did not change says nothing new")


async def check_find(chat: Chat, _read: Read, place: Place) -> None:
    """What is found is what was sent, or nothing where a platform cannot look."""
    demand_equal(await chat.find(place, "d-never"), "", "what was never sent is not found")
    reference = await chat.post(place, Reply("web-1 is done"), "d-1")
    demand(await chat.find(place, "d-1") in ("", reference), "what is found is what was sent")


async def check_hostile(chat: Chat, read: Read, place: Place) -> None:
    before = read()
    await chat.post(place, hostile_reply(), "d-1")
    await chat.draw(place, Card(HOSTILE, code=HOSTILE, fields=((HOSTILE, HOSTILE),)), "", "c-1")
    said = read().removeprefix(before)
    demand(not UNSEEN & set(said), "no control character or direction mark is shown as it is")
    demand("owned" in said, "nothing is hidden")


async def check_odd(chat: Chat, _read: Read, place: Place) -> None:
    for number, text in enumerate(ODD):
        demand(await chat.post(place, odd_reply(text), f"d-{number}"), "whatever is said can be sent")
        card = Card(text, lines=(text,), code=text)
        demand(await chat.draw(place, card, "", f"c-{number}"), "whatever is shown can be drawn")


Check = Callable[[Chat, Read, Place], Awaitable[None]]
CHECKS: Sequence[Check] = (
    check_post,
    check_key,
    check_hint,
    check_card,
    check_same_card,
    check_find,
    check_hostile,
    check_odd,
)
