"""Integrations that hear a platform: each on its own, so that one that cannot leaves the others alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from bot.banner import say
from core.clock import WallClock
from core.crew import cancel_task
from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Integration, Setup
from core.pace import choose_delay

log = structlog.get_logger()


class Listeners:
    """Runs what the enabled integrations listen with. One whose settings changed begins anew."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Any, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.clock = WallClock()

    def adopt(self, enabled: Sequence[Integration], setups: Mapping[str, Setup]) -> None:
        """Listen by these from now on. Does not wait."""
        wanted = {item.name: item for item in enabled if item.listen}
        for name in list(self._running):
            settings, task = self._running[name]
            if name not in wanted or setups[name].settings != settings:
                del self._running[name]
                self._end(task)
        for name, item in wanted.items():
            if name not in self._running:
                task = asyncio.create_task(self._listen(item, setups[name]), name=f"listen {name}")
                self._running[name] = setups[name].settings, task

    async def close(self) -> None:
        """Hear nothing more."""
        for _, task in self._running.values():
            await cancel_task(task)
        self._running.clear()

    def _end(self, task: asyncio.Task[None]) -> None:
        ending = asyncio.create_task(cancel_task(task))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _listen(self, item: Integration, setup: Setup) -> None:
        assert item.listen is not None
        tries = 0
        while True:
            began = self.clock.now()
            try:
                await item.listen(setup)
                return
            except PermanentFailure as failure:
                log.error("an integration does not listen", integration=item.name, reason=str(failure))
                say(f"{item.name} does not listen: {failure.message} {failure.remedy}".rstrip())
                return
            except TemporaryFailure as failure:
                is_new = (self.clock.now() - began).total_seconds() > _LONG
                tries = 1 if is_new else tries + 1
                delay = choose_delay(tries, failure.retry_after)
                log.warning("an integration listens again soon", integration=item.name, reason=str(failure))
            await asyncio.sleep(delay.total_seconds())


_LONG = 60.0
