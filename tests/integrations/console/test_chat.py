"""The console's chat on the stored board."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.parts import Shelf
from core.board import forget_entries, list_entries
from core.errors import PermanentFailure
from core.exam.sample import CARD, HOSTILE, ODD, hostile_reply, odd_reply
from core.messages import Card, Place, Reply
from core.store import Database
from core.wire import decode_card, decode_reply
from integrations.console.chat import ConsoleChat
from tests.fakes.clock import FakeClock

MAIN = Place("console", "main")


@pytest.fixture
def chat(database: Database) -> ConsoleChat:
    return ConsoleChat(Shelf(database, "console", FakeClock()))


async def test_a_key_is_one_entry_and_found_again(chat: ConsoleChat) -> None:
    first = await chat.post(MAIN, Reply("web-1 is done"), "d-1")
    assert await chat.post(MAIN, Reply("web-1 is done"), "d-1") == first
    assert await chat.find(MAIN, "d-1") == first
    assert await chat.find(MAIN, "d-2") == ""


async def test_a_card_is_drawn_in_its_place_whatever_was_known_of_it(database: Database, chat: ConsoleChat) -> None:
    first = await chat.draw(MAIN, CARD, "", "c-1")
    assert await chat.draw(MAIN, Card("later"), "", "c-1") == first
    assert await chat.draw(MAIN, Card("last"), first, "c-1-3") == first
    async with database.reading() as tx:
        (entry,) = await list_entries(tx, [str(MAIN)])
    assert decode_card(entry.body).title == "last"


async def test_a_card_that_was_forgotten_is_drawn_anew(database: Database, chat: ConsoleChat) -> None:
    first = await chat.draw(MAIN, CARD, "", "c-1")
    async with database.transaction() as tx:
        await forget_entries(tx, FakeClock().now() + timedelta(days=1))
    assert await chat.draw(MAIN, CARD, first, "c-1-2") != first


async def test_it_writes_in_its_own_places_only(chat: ConsoleChat) -> None:
    with pytest.raises(PermanentFailure):
        await chat.post(Place("slack", "C1"), Reply("x"), "d-1")


async def test_texts_are_kept_as_they_are(database: Database, chat: ConsoleChat) -> None:
    replies = [hostile_reply(), *map(odd_reply, ODD)]
    for number, reply in enumerate(replies):
        await chat.post(MAIN, reply, f"d-{number}")
    async with database.reading() as tx:
        kept = [decode_reply(entry.body) for entry in await list_entries(tx, [str(MAIN)])]
    assert [item.text for item in kept] == [item.text for item in replies]
    assert HOSTILE in kept[0].text
