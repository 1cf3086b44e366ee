"""The stand-in in a thread of its own, for tests of programs that are no part of the test's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.discord.server import FakeDiscord


@contextmanager
def run_discord() -> Iterator[FakeDiscord]:
    """A Discord that answers until the context ends. Build and read it from the test; it is not locked."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="discord")
    thread.start()
    discord = FakeDiscord(answer_seconds=30)
    try:
        asyncio.run_coroutine_threadsafe(discord.__aenter__(), loop).result(20)
        yield discord
    finally:
        asyncio.run_coroutine_threadsafe(discord.__aexit__(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
