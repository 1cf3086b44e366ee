"""What wakes somebody who waits: the bot's events, read in the background, through restarts of the bot."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from typing import Any

from bot.cli.client import LOST, Client
from bot.cli.program import Problem
from core.errors import CallboardError

PAUSE_SECONDS = 0.5


class Feed:
    """Events of the bot as a file descriptor to wait on. `lost` while there is no connection."""

    def __init__(self, client: Client, after: int | None = None, **filters: Any) -> None:
        self._client = client
        self._filters = filters
        self._after = after
        self._events: deque[dict[str, Any]] = deque()
        self._reader, self._writer = os.pipe()
        self._closed = threading.Event()
        self.lost = False
        self.refusal: Problem | None = None
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        threading.Thread(target=self._run, name="feed", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def wait(self, seconds: float, keys: int | None = None) -> bool:
        """Until an event is there, a key was pressed on `keys` or the time is over; True for a key."""
        watched = [self._reader] if keys is None else [self._reader, keys]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._reader in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, 4096)
        return keys is not None and keys in ready

    def take(self) -> list[dict[str, Any]]:
        """The events since the last call, oldest first."""
        found = []
        while self._events:
            found.append(self._events.popleft())
        return found

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._read_stream()
            except Problem as error:
                self.refusal = error
                self._ring()
                return
            except (*LOST, CallboardError):
                pass
            self._set_lost(True)
            self._closed.wait(PAUSE_SECONDS)

    def _read_stream(self) -> None:
        for event in self._client.stream_events(self._after, **self._filters):
            if self._closed.is_set():
                return
            self._set_lost(False)
            if event:
                self._after = int(event.get("seq") or self._after or 0)
                self._events.append(event)
                self._ring()

    def _set_lost(self, lost: bool) -> None:
        if lost != self.lost:
            self.lost = lost
            self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b".")
