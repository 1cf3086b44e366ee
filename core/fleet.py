"""Hands agents to this process: claims what has work, in order, up to the limit, and keeps the leases."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from core.crew import Crew
from core.errors import TemporaryFailure
from core.ids import make_id
from core.model import Agent, Holder, ProcessState
from core.store import find, get, insert, remove, upsert
from core.store.fleet import claim_agent, list_claimable, list_heard, list_orders, release_agents, renew_leases
from core.supervisor import Supervisor

log = structlog.get_logger()
LEASE = timedelta(seconds=30)
_TICK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Comeback:
    """What became of the agents that the last run left in the middle. `away_seconds` is None after a first start."""

    away_seconds: float | None
    resumed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class Fleet:
    """The agents of this process."""

    def __init__(self, crew: Crew, host: str, limit: int) -> None:
        self._crew = crew
        self._host = host
        self._is_alone = False
        self._limit = limit
        self._me = make_id("h", 8)
        self._held: dict[str, asyncio.Task[None]] = {}
        self._back: dict[str, Supervisor] = {}
        self._is_settled = False
        self._stopping = False
        self._kept_at: datetime | None = None

    @property
    def me(self) -> str:
        """As what this process is signed in."""
        return self._me

    @property
    def running(self) -> int:
        return len(self._held)

    def adopt(self, crew: Crew, limit: int) -> None:
        """Start agents with these from now on; those that run keep what they have until they are started again."""
        self._crew = crew
        self._limit = limit
        crew.database.bells.ring("fleet")

    async def enter(self, now: datetime, is_alone: bool) -> Comeback:
        """Sign in as a holder, and claim what the last run left. `is_alone`: no other process can share the store."""
        self._is_alone = is_alone
        async with self._crew.database.transaction() as tx:
            former = await find(tx, Holder)
            for holder in former:
                if is_alone or (holder.host == self._host and not _is_alive(holder.pid)):
                    await remove(tx, Holder, id=holder.id)
            await insert(tx, Holder(self._me, self._host, os.getpid(), now, now))
        seen = max((holder.seen_at for holder in former), default=None)
        return Comeback((now - seen).total_seconds() if seen else None)

    async def run(self) -> None:
        """Tick every few seconds, and claim at once whenever the fleet's bell rings."""
        bells = self._crew.database.bells
        while not self._stopping:
            heard = bells.listen("fleet")
            try:
                await (self.claim() if self._is_kept() else self.tick())
            except TemporaryFailure as failure:
                log.warning("fleet waits for the database", reason=failure.message)
            await bells.wait("fleet", heard, _TICK.total_seconds())

    def _is_kept(self) -> bool:
        return self._kept_at is not None and self._crew.now() - self._kept_at < _TICK

    async def tick(self) -> list[Supervisor]:
        """Keep the leases, pass on orders, and claim what there is room for. Returns what was claimed."""
        await self._keep(self._crew.now())
        return await self.claim()

    async def claim(self) -> list[Supervisor]:
        """Claim what there is room for, in order, and start it. Returns what was claimed."""
        room = self._limit - len(self._held)
        return [] if room <= 0 or self._stopping else await self._claim(self._crew.now(), room)

    async def _keep(self, now: datetime) -> None:
        async with self._crew.database.transaction() as tx:
            me = await get(tx, Holder, id=self._me)
            started = me.started_at if me else now
            await upsert(tx, Holder(self._me, self._host, os.getpid(), started, now), "id")
            ours = await renew_leases(tx, self._me, now + LEASE)
            ordered = await list_orders(tx, self._me)
            heard = await list_heard(tx, self._me)
        self._kept_at = now
        # Other processes' bells are not heard here; and whoever lost an agent is to find out.
        for agent in {*ordered, *(self._held.keys() - set(ours))}:
            self._crew.database.bells.ring(f"turn:{agent}")
        for request in heard:
            self._crew.database.bells.ring(f"request:{request}")

    async def _claim(self, now: datetime, room: int) -> list[Supervisor]:
        claimed: list[Agent] = []
        async with self._crew.database.transaction() as tx:
            # Whoever shares the store with nobody has all there is, a data folder that was moved or restored too.
            home = "" if self._is_alone else self._crew.house
            for agent in await list_claimable(tx, self._me, now, room + len(self._held), home):
                wanted = agent.id not in self._held and len(claimed) < room
                if wanted and await claim_agent(tx, agent, self._me, now + LEASE, self._crew.house):
                    claimed.append(agent)
        return [] if self._stopping else [self._start(agent) for agent in claimed]

    def _start(self, agent: Agent) -> Supervisor:
        supervisor = Supervisor(self._crew, replace(agent, epoch=agent.epoch + 1, holder=self._me))
        task = asyncio.create_task(supervisor.run(), name=f"supervisor {agent.id}")
        self._held[agent.id] = task
        if not self._is_settled and agent.process is not ProcessState.NONE:
            self._back[agent.id] = supervisor
        task.add_done_callback(lambda _: self._let_go(agent.id))
        return supervisor

    def _let_go(self, agent: str) -> None:
        task = self._held.pop(agent)
        if not task.cancelled() and (error := task.exception()):
            # The next tick takes it up again, and not this very moment.
            log.error("supervisor ended badly", agent=agent, error=repr(error))
            return
        self._crew.database.bells.ring("fleet")

    async def look_back(self, comeback: Comeback, patience: float) -> Comeback:
        """Wait until every agent that was cut short is resumed or failed, at most `patience` seconds."""
        back, self._back, self._is_settled = self._back, {}, True
        if back:
            await asyncio.wait([supervisor.settled for supervisor in back.values()], timeout=patience)
        said = {agent: supervisor.settled.result() for agent, supervisor in back.items() if supervisor.settled.done()}
        resumed = tuple(sorted(agent for agent, how in said.items() if how == "resumed"))
        failed = tuple(sorted((agent, how) for agent, how in said.items() if how != "resumed"))
        return Comeback(comeback.away_seconds, resumed, failed)

    async def leave(self, timeout: float) -> None:
        """End all processes of this bot; their agents go on after the next start. Agents whose end could not be seen
        within `timeout` seconds stay ours until the lease ends, so that nobody starts them a second time."""
        self._stopping = True
        self._crew.database.bells.ring("fleet")
        tasks = list(self._held.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        now = self._crew.now()
        async with self._crew.database.transaction() as tx:
            await release_agents(tx, self._me, list(self._held))
            await upsert(tx, Holder(self._me, self._host, 0, now, now), "id")


def _is_alive(pid: int) -> bool:
    if pid == 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
