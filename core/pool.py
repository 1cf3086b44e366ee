"""Keeps warm pools filled: one loop, which looks at what is there, plans, and has spares made and removed beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from core.crew import Crew, Warmth, cancel_task
from core.errors import CallboardError, TemporaryFailure
from core.fitting import mark_site
from core.model import Agent, Holder
from core.spares import PoolTrouble, Scene, Spare, SpareState, Wish, may_try, plan_pool
from core.stock import clear_place, fill_place, forget_trouble, order_spare, tell_trouble, write_trouble
from core.store import find
from core.store.spares import adopt_spares
from core.taking import BELL

log = structlog.get_logger()
_TICK = timedelta(seconds=5)
_SEEN = timedelta(seconds=30)
_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Job:
    """What this process does to a spare just now."""

    project: str
    fills: bool
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the store says of this house's pools."""

    spares: Mapping[str, Sequence[Spare]]
    troubles: Mapping[str, PoolTrouble]
    alive: Sequence[str]
    owners: Mapping[str, Agent]


class Pool:
    """The warm pools of one process, which is signed in as `me`."""

    def __init__(self, crew: Crew, me: str) -> None:
        self._crew = crew
        self._me = me
        self._jobs: dict[str, Job] = {}
        self._later: dict[str, datetime] = {}

    def adopt(self, crew: Crew) -> None:
        """Go by these settings from now on."""
        self._crew = crew
        crew.database.bells.ring(BELL)

    async def enter(self, is_alone: bool) -> int:
        """Take over what this home had under another name: a lost one, or that of the machine it was moved from.
        `is_alone`: nobody shares the store, so that all in it is ours. How many spares there were."""
        if not is_alone:
            return 0
        async with self._crew.database.transaction() as tx:
            return await adopt_spares(tx, self._crew.house)

    async def run(self) -> None:
        """Tick every few seconds, and at once whenever the pool's bell rings."""
        bells = self._crew.database.bells
        try:
            while True:
                heard = bells.listen(BELL)
                try:
                    await self.tick()
                except TemporaryFailure as failure:
                    log.warning("warm pools wait for the database", reason=failure.message)
                await bells.wait(BELL, heard, _TICK.total_seconds())
        finally:
            await self.close()

    async def close(self) -> None:
        """Leave off in the middle: what is half made is on record, and removed by whoever comes next."""
        for job in list(self._jobs.values()):
            await cancel_task(job.task)

    async def settle(self) -> None:
        """Wait for what this process does just now."""
        while self._jobs:
            await asyncio.wait([job.task for job in self._jobs.values()])

    async def tick(self) -> None:
        """Look at every pool once, and begin what is to be done."""
        wanted = {item.project: item for item in self._crew.catalogue.list_pools()}
        sight = await self._see()
        for project in sorted({*wanted, *sight.spares, *sight.troubles}):
            await self._tend(project, wanted.get(project), sight)

    async def _see(self) -> Sight:
        now, house = self._crew.now(), self._crew.house
        spares: dict[str, list[Spare]] = {}
        async with self._crew.database.reading() as tx:
            for spare in await find(tx, Spare, house=house):
                spares.setdefault(spare.project, []).append(spare)
            takers = [spare.agent for group in spares.values() for spare in group if spare.agent]
            owners = {agent.id: agent for agent in await find(tx, Agent, id=takers)} if takers else {}
            troubles = {trouble.project: trouble for trouble in await find(tx, PoolTrouble, house=house)}
            alive = [item.id for item in await find(tx, Holder) if now - item.seen_at < _SEEN] if spares else []
        return Sight(spares, troubles, alive, owners)

    async def _tend(self, project: str, warmth: Warmth | None, sight: Sight) -> None:
        spares, trouble = sight.spares.get(project, ()), sight.troubles.get(project)
        wish, reason = await self._make_wish(project, warmth)
        gone = [item.id for item in spares if item.state is SpareState.KEPT and not Path(item.folder).is_dir()]
        plan = plan_pool(wish, spares, Scene(self._me, sight.alive, self._jobs, sight.owners, gone))
        for spare in plan.abandon:
            self._jobs[spare.id].task.cancel()
        for spare in plan.remove:
            self._begin(spare, False, self._clear(spare))
        if warmth and plan.missing and not self._is_filling(project) and self._may_try(wish, trouble):
            spare = order_spare(self._crew, self._me, warmth, wish)
            self._begin(spare, True, fill_place(self._crew, warmth, wish, spare))
        await self._tend_trouble(wish, trouble, reason)

    async def _tend_trouble(self, wish: Wish, trouble: PoolTrouble | None, reason: str) -> None:
        if reason and may_try(wish, trouble, self._crew.now()):
            await write_trouble(self._crew, wish, reason)
        elif trouble and not wish.count:
            await forget_trouble(self._crew, wish.project)
        elif trouble and trouble.told_at is None:
            await tell_trouble(self._crew, trouble)

    async def _make_wish(self, project: str, warmth: Warmth | None) -> tuple[Wish, str]:
        """What is wanted of a pool, and why its repository cannot be read if that is so."""
        if warmth is None:
            return Wish(project, 0, "", None), ""
        site, mark = warmth.site, mark_site(warmth.site, warmth.kind)
        try:
            stand = await self._crew.spares.look(site.repository, site.base, site.copy)
        except CallboardError as failure:
            return Wish(project, site.warm, mark, None), str(failure)
        return Wish(project, site.warm, mark, stand), ""

    def _is_filling(self, project: str) -> bool:
        """One at a time: set-ups are heavy, and agents come first."""
        return any(job.fills and job.project == project for job in self._jobs.values())

    def _may_try(self, wish: Wish, trouble: PoolTrouble | None) -> bool:
        now = self._crew.now()
        return may_try(wish, trouble, now) and self._later.get(wish.project, now) <= now

    def _begin(self, spare: Spare, fills: bool, work: Coroutine[Any, Any, None]) -> None:
        if self._later.get(spare.id, self._crew.now()) > self._crew.now():
            work.close()
            return
        task = asyncio.create_task(work, name=f"spare {spare.id}")
        self._jobs[spare.id] = Job(spare.project, fills, task)
        task.add_done_callback(lambda _: self._let_go(spare))

    def _let_go(self, spare: Spare) -> None:
        task = self._jobs.pop(spare.id).task
        if not task.cancelled() and (error := task.exception()):
            # Not again this very moment, neither this spare nor another of its project.
            self._later[spare.id] = self._later[spare.project] = self._crew.now() + _PAUSE
            log.error("work on a spare ended badly", spare=spare.id, error=repr(error))
        self._crew.database.bells.ring(BELL)

    async def _clear(self, spare: Spare) -> None:
        try:
            await clear_place(self._crew, self._me, spare)
        except CallboardError as failure:
            self._later[spare.id] = self._crew.now() + _PAUSE
            log.warning("a spare is not removed", spare=spare.id, reason=failure.message)
