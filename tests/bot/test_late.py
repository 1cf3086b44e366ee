"""A runtime that is made late, once, and beside the loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from bot.late import LateRuntime
from core.interfaces import AgentRuntime, Handshake

HELLO = Handshake("agent", "1", ())


class Made:
    async def open(self, *_given: Any) -> Any:
        return "a session"

    async def greet(self, *_given: Any) -> Handshake:
        return HELLO


async def test_it_is_made_once_and_not_in_the_loop() -> None:
    threads: list[int] = []

    def make() -> AgentRuntime:
        threads.append(threading.get_ident())
        return Made()

    late = LateRuntime(make)
    assert threads == []
    streams: Any = (None, None)
    await asyncio.gather(late.warm_up(), late.greet(*streams), late.warm_up())
    assert await late.greet(*streams) == HELLO
    assert await late.open(*streams, None, None) == "a session"  # type: ignore[arg-type]
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
