"""S2: forged requests to the HTTP door. `make faults` sends ten times as many."""

from __future__ import annotations

import pytest

from core.model import AuditRow, InboxItem, Token
from core.store import count, find
from tests.bot.web.door import Door
from tests.bot.web.forgery import send_forged

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = 10_000


async def test_forged_requests_are_not_accepted(door: Door) -> None:
    await assert_refuses(door, NUMBER, seed=1)


async def assert_refuses(door: Door, number: int, seed: int) -> None:
    async with door.bot.database.reading() as tx:
        before = await count(tx, Token)
    tally = await send_forged(door, number, seed)
    assert sum(tally.statuses.values()) == number
    assert tally.accepted == []
    assert tally.broken == 0, tally.statuses
    assert set(tally.statuses) <= {400, 401, 404, 405}, tally.statuses
    assert tally.statuses[401] > number / 2, "most got as far as the gate"
    assert await door.list_agents() == []
    async with door.bot.database.reading() as tx:
        assert await find(tx, InboxItem) == []
        assert await find(tx, AuditRow) == []
        assert await count(tx, Token) == before
