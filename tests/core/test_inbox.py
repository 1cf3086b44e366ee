from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from core.audit import write_audit
from core.inbox import finish_item, forget_handled, list_unhandled, receive_item
from core.model import Actor, AuditRow, InboxItem, Role
from core.store import Database, find
from tests.fakes.clock import START

ITEM = InboxItem("i1", "slack:evt1", "slack", "p-1", Role.OPERATOR, "slack:C1", "spawn", {"text": "x"}, START)


async def receive(database: Database, item: InboxItem) -> tuple[InboxItem, bool]:
    async with database.transaction() as tx:
        return await receive_item(tx, item)


async def test_one_key_is_stored_once(database: Database) -> None:
    assert await receive(database, ITEM) == (ITEM, True)
    assert await receive(database, replace(ITEM, id="i2", arguments={})) == (ITEM, False)


async def test_four_at_the_same_time_are_one(database: Database) -> None:
    got = await asyncio.gather(*(receive(database, replace(ITEM, id=f"i{number}")) for number in range(4)))
    assert sorted(new for _, new in got) == [False, False, False, True]
    assert len({item.id for item, _ in got}) == 1


async def test_what_is_handled_has_its_answer(database: Database) -> None:
    await receive(database, ITEM)
    await receive(database, replace(ITEM, id="i0", key="k", received_at=START - timedelta(seconds=1)))
    heard = database.bells.listen("inbox:i1")
    async with database.transaction() as tx:
        assert [item.id for item in await list_unhandled(tx)] == ["i0", "i1"]
        assert await finish_item(tx, "i1", {"text": "done"}, START)
        assert not await finish_item(tx, "none", {}, START)
    assert await database.bells.wait("inbox:i1", heard, 5)
    again, new = await receive(database, replace(ITEM, id="i3"))
    assert (again.reply, again.handled_at, new) == ({"text": "done"}, START, False)
    async with database.reading() as tx:
        assert [item.id for item in await list_unhandled(tx)] == ["i0"]


async def test_only_what_is_handled_is_forgotten(database: Database) -> None:
    await receive(database, ITEM)
    await receive(database, replace(ITEM, id="i2", key="k"))
    async with database.transaction() as tx:
        await finish_item(tx, "i1", {}, START)
        assert await forget_handled(tx, START) == 0
        assert await forget_handled(tx, START + timedelta(seconds=1)) == 1
        assert [item.id for item in await list_unhandled(tx)] == ["i2"]


async def test_refusals_are_audited_too(database: Database) -> None:
    actor = Actor("p-1", "alice", Role.VIEWER, "slack")
    async with database.transaction() as tx:
        rows = [await write_audit(tx, actor, "stop", "web-1", allowed, "why", START) for allowed in (True, False)]
        assert await find(tx, AuditRow) == rows
    assert rows[1] == AuditRow(START, "p-1", "slack", "stop", "web-1", False, "why")
