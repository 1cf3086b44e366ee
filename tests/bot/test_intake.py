"""Calls that come in at the same time are stored together, each once for its key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy.exc

from bot.gathering import Gathering
from bot.intake import receive_calls
from core.errors import TemporaryFailure
from core.files import Blob
from core.model import InboxItem, Role
from core.store import Database, Transaction, find
from tests.fakes.clock import START

ITEM = InboxItem("c-0", "slack:u:0", "slack", "p-1", Role.ADMIN, "slack:C1", "list", {}, START, reply_to="slack:C1!U1")


def make_items(number: int) -> list[InboxItem]:
    return [replace(ITEM, id=f"c-{at}", key=f"slack:u:{at}") for at in range(number)]


async def count_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    plain = database.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Transaction]:
        async with plain() as tx:
            seen.append(1)
            yield tx

    monkeypatch.setattr(database, "transaction", counted)
    return seen


async def test_what_comes_at_once_is_stored_together(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await count_transactions(database, monkeypatch)
    intake, items = Gathering(database, receive_calls), make_items(50)
    found = await asyncio.gather(*(intake.store((item, ())) for item in items))
    assert found == [(item, True) for item in items]
    assert len(seen) <= 2
    async with database.reading() as tx:
        assert len(await find(tx, InboxItem)) == 50


async def test_one_key_is_one_call(database: Database) -> None:
    intake, [first, other] = Gathering(database, receive_calls), make_items(2)
    twins = [first, replace(first, id="c-again"), other]
    found = await asyncio.gather(*(intake.store((item, ())) for item in twins))
    assert [(item.id, is_new) for item, is_new in found] == [("c-0", True), ("c-0", False), ("c-1", True)]
    assert await intake.store((replace(first, id="c-late"), ())) == (first, False)


async def test_files_are_kept_with_their_call(database: Database) -> None:
    intake, [first, other] = Gathering(database, receive_calls), make_items(2)
    blob = Blob("a" * 64, b"x", START)
    await asyncio.gather(intake.store((first, [blob])), intake.store((other, [blob])))
    async with database.reading() as tx:
        assert [kept.sha256 for kept in await find(tx, Blob)] == [blob.sha256]


async def test_one_that_does_not_fit_spoils_nothing(database: Database) -> None:
    intake, [first, bad, other] = Gathering(database, receive_calls), make_items(3)
    odd: Any = replace(bad, received_at="never")
    found = await asyncio.gather(*(intake.store((item, ())) for item in (first, odd, other)), return_exceptions=True)
    assert found[0] == (first, True)
    assert isinstance(found[1], sqlalchemy.exc.StatementError)
    assert found[2] == (other, True)


async def test_a_store_that_cannot_be_written_tells_all(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def refuse() -> AsyncIterator[Transaction]:
        raise TemporaryFailure("the disk is full")
        yield

    intake = Gathering(database, receive_calls)
    monkeypatch.setattr(database, "transaction", refuse)
    found = await asyncio.gather(*(intake.store((item, ())) for item in make_items(5)), return_exceptions=True)
    assert [str(error) for error in found] == ["the disk is full"] * 5
    monkeypatch.undo()
    assert (await intake.store((ITEM, ())))[1]


async def test_who_goes_away_takes_nobody_along(database: Database) -> None:
    intake, items = Gathering(database, receive_calls), make_items(3)
    tasks = [asyncio.create_task(intake.store((item, ()))) for item in items]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await asyncio.gather(*tasks[1:]) == [(items[1], True), (items[2], True)]
