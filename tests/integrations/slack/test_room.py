"""Room: what finds no place in time is refused, and nothing was begun."""

from __future__ import annotations

import asyncio

import pytest

from integrations.slack.room import FullError, Room


async def test_what_finds_no_place_is_refused() -> None:
    room = Room(at_once=1, waiting=1, seconds=0.02)
    async with room.enter():
        with pytest.raises(FullError):
            async with room.enter():
                raise AssertionError("there was no place")
        waiting = asyncio.create_task(room.enter().__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await room.enter().__aenter__()
        with pytest.raises(FullError):
            await waiting
    assert room.refused == 3
    async with room.enter():
        assert room.waiting == 0
