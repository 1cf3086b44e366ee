"""Integrations that hear a platform: each on its own, so that one that cannot leaves the others alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from bot.banner import say
from core.clock import WallClock
from core.crew import cancel_task
from core.errors import CallboardError, Held, PermanentFailure, TemporaryFailure
from core.interfaces import Check, Integration, Setup
from core.pace import choose_delay

log = structlog.get_logger()


Tell = Callable[[str], Awaitable[None]]


class Listeners:
    """Runs what the enabled integrations listen with. One whose settings changed, or that gave up, begins anew. `tell`
    says something to people by another way than the integration itself."""

    def __init__(self, tell: Tell) -> None:
        self._running: dict[str, tuple[Any, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._tell = tell
        self.clock = WallClock()
        # Those that gave up, and why.
        self.ailing: dict[str, CallboardError] = {}

    def adopt(self, enabled: Sequence[Integration], setups: Mapping[str, Setup]) -> None:
        """Listen by these from now on. Does not wait."""
        wanted = {item.name: item for item in enabled if item.listen}
        for name in list(self._running):
            settings, task = self._running[name]
            if name not in wanted or setups[name].settings != settings or (name in self.ailing and task.done()):
                del self._running[name]
                self.ailing.pop(name, None)
                self._end(task)
        for name, item in wanted.items():
            if name not in self._running:
                self.ailing.pop(name, None)
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
            except (PermanentFailure, Held) as failure:
                await self._give_up(item.name, failure)
                return
            except TemporaryFailure as failure:
                is_new = (self.clock.now() - began).total_seconds() > _LONG
                tries = 1 if is_new else tries + 1
                delay = choose_delay(tries, failure.retry_after)
                log.warning("an integration listens again soon", integration=item.name, reason=str(failure))
            await asyncio.sleep(delay.total_seconds())

    async def _give_up(self, name: str, failure: CallboardError) -> None:
        """Nothing is tried any more until settings are read again, and people hear of it where they still can."""
        self.ailing[name] = failure
        log.error("an integration does not listen", integration=name, reason=str(failure))
        words = f"{name} does not listen: {failure}"
        say(words)
        await self._tell(f"{words} Then `reload`: what is for people there is kept until it is mended.")

    async def check(self) -> Sequence[Check]:
        """For `doctor`: those that gave up."""
        return [Check(f"{name} listens", False, why.message, why.remedy) for name, why in self.ailing.items()]


_LONG = 60.0
