"""Idempotency-Key: however often a call arrives, it is done once."""

from __future__ import annotations

import asyncio

import pytest

from core.model import InboxItem, Role
from core.store import find
from tests.bot.web.door import Door, assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def spawn(door: Door, key: str, task: str = "say hello", token: str | None = None) -> tuple[int, str]:
    response = await door.call(
        "POST", "/agents", token=token, json={"task": task}, headers={"Idempotency-Key": key} if key else {}
    )
    return response.status_code, response.json().get("reply", {}).get("data", {}).get("id", response.text)


async def test_at_the_same_time(door: Door) -> None:
    before = len(await door.list_agents())
    answers = await asyncio.gather(*(spawn(door, "same") for _ in range(20)))
    assert len(set(answers)) == 1
    assert answers[0][0] == 200
    assert len(await door.list_agents()) == before + 1


async def test_again_after_a_restart(door: Door) -> None:
    first = await spawn(door, "restarted")
    await door.restart()
    async with door.nothing_spawned():
        assert await spawn(door, "restarted") == first


async def test_for_another_body_is_a_409(door: Door) -> None:
    await spawn(door, "reused")
    async with door.nothing_spawned():
        response = await door.command("spawn", key="reused", text="say something else")
        assert "Idempotency-Key" in assert_problem(response, 409, "conflict")["detail"]
        assert_problem(await door.command("stop", key="reused", agent="sample-1"), 409, "conflict")


async def test_keys_of_two_people_do_not_meet(door: Door) -> None:
    token = await door.make_token(Role.OPERATOR)
    ours, theirs = await spawn(door, "shared"), await spawn(door, "shared", token=token)
    assert ours[0] == theirs[0] == 200
    assert ours[1] != theirs[1]


async def test_without_a_key_every_call_counts(door: Door) -> None:
    assert await spawn(door, "") != await spawn(door, "")


async def test_the_same_call_by_its_two_paths_is_one(door: Door) -> None:
    first = await spawn(door, "two paths")
    assert first[0] == 400, "no spaces in a key"
    first = await spawn(door, "two-paths")
    again = await door.command("spawn", key="two-paths", text="say hello")
    assert again.json()["reply"]["data"]["id"] == first[1]


async def test_a_refusal_stays_a_refusal(door: Door) -> None:
    token = await door.make_token(Role.VIEWER)
    assert (await spawn(door, "no", token=token))[0] == 403
    refused = len(await door.events("command.refused"))
    assert (await spawn(door, "no", token=token))[0] == 403
    assert len(await door.events("command.refused")) == refused


async def test_looking_leaves_nothing_in_the_inbox(door: Door) -> None:
    async def count_items() -> int:
        async with door.bot.database.reading() as tx:
            return len(await find(tx, InboxItem))

    before = await count_items()
    for name in ("list", "me", "doctor", "help", "events", "project.list"):
        assert (await door.command(name)).status_code == 200
    await door.command("spawn", text="")
    assert await count_items() == before
