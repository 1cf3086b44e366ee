"""The stand-in in a thread of its own, for tests of programs that are no part of the test's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.slack.server import FakeSlack


@contextmanager
def run_slack() -> Iterator[FakeSlack]:
    """A workspace that answers until the context ends. Build and read it from the test; it is not locked."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slack")
    thread.start()
    slack = FakeSlack(ack_seconds=30)
    try:
        asyncio.run_coroutine_threadsafe(slack.__aenter__(), loop).result(20)
        yield slack
    finally:
        asyncio.run_coroutine_threadsafe(slack.__aexit__(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
