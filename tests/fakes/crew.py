"""Agents in memory: a host, a runtime, repositories and tools that do what a test tells them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from core.agents import send_message, stop_agent
from core.crew import Command, Crew, Limits, Site, Warmth
from core.errors import ConfigurationError, PermanentFailure
from core.fleet import Fleet
from core.interfaces import (
    Answer,
    Ask,
    Exit,
    GivenFile,
    Handshake,
    Launch,
    Listener,
    Opening,
    Stand,
    Taken,
    ToolServer,
    TurnEnd,
    Work,
    Workspace,
)
from core.model import Actor, Agent
from core.redaction import Redactor
from core.store import Database
from core.supervisor import Supervisor
from core.transcript import Transcript
from core.wire import map_text
from tests.fakes.board import read_agent
from tests.fakes.clock import START, FakeClock

WAIT = 20.0
Play = Callable[["FakeSession", str], Awaitable[TurnEnd]]
Hook = Callable[[str], Awaitable[None]]
DONE = TurnEnd("end_turn")


async def do_nothing(_agent: str) -> None:
    return None


async def end_at_once(_session: FakeSession, _text: str) -> TurnEnd:
    return DONE


class FakeProcess:
    """A process that lives until it is killed or told to end."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    @property
    def reader(self) -> asyncio.StreamReader:
        return cast("asyncio.StreamReader", self)

    @property
    def writer(self) -> asyncio.StreamWriter:
        return cast("asyncio.StreamWriter", self)

    async def wait(self) -> Exit:
        return await asyncio.shield(self.ended)

    async def kill(self) -> Exit:
        self.end(Exit(9, "killed"))
        await asyncio.sleep(0)
        return self.ended.result()

    def end(self, exit: Exit) -> None:
        if not self.ended.done():
            self.ended.set_result(exit)


class FakeHost:
    """Starts processes in memory, and counts those of an agent that live at the same time."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.launches: list[Launch] = []
        self.reclaimed: list[str] = []
        self.prepared: list[str] = []
        self.furnished: list[tuple[str, Sequence[str]]] = []
        self.before_prepare: Hook = do_nothing
        self.before_start: Hook = do_nothing
        self.most_at_once = 0

    async def prepare(self, agent: str, repository: str, base: str, title: str | None) -> Workspace:
        await self.before_prepare(agent)
        self.prepared.append(agent)
        branch = f"callboard/{agent}" if title is not None else ""
        return Workspace(agent, repository, f"/worktrees/{agent}", branch, base or "main", "c0ffee")

    async def furnish(self, workspace: Workspace, names: Sequence[str]) -> None:
        self.furnished.append((workspace.agent, tuple(names)))

    async def start(self, launch: Launch) -> FakeProcess:
        await self.before_start(launch.name)
        process = FakeProcess(launch.name)
        self.launches.append(launch)
        self.processes.append(process)
        self.most_at_once = max(self.most_at_once, len(self.list_living(launch.name)))
        return process

    async def reclaim(self, agent: str, folder: str = "") -> Exit | None:
        self.reclaimed.append(agent)
        return Exit(-1, "lost")

    def list_living(self, agent: str = "") -> list[FakeProcess]:
        return [item for item in self.processes if not item.ended.done() and agent in ("", item.agent)]


class FakeSpares:
    """Spares in memory: hands over what it is told to, and remembers what became of them."""

    def __init__(self) -> None:
        self.stand = Stand("main", "c0ffee")
        self.handed: list[tuple[str, str]] = []
        self.dropped: list[str] = []
        self.seals: dict[str, str] = {}
        self.trouble: PermanentFailure | None = None
        self.before_hand_over: Hook = do_nothing

    async def look(self, repository: str, base: str, names: Sequence[str]) -> Stand:
        if self.trouble:
            raise self.trouble
        return self.stand

    async def seal(self, spare: Workspace) -> str:
        return self.seals.get(spare.agent, "sealed")

    async def hand_over(self, spare: Workspace, agent: str, title: str) -> Workspace:
        await self.before_hand_over(agent)
        self.handed.append((spare.agent, agent))
        return Workspace(agent, spare.repository, spare.folder, f"callboard/{agent}", spare.base, spare.base_commit)

    async def drop(self, spare: Workspace) -> None:
        self.dropped.append(spare.agent)


class FakeSession:
    """One conversation. A play that does not look at `cancelled` hears no cancel."""

    def __init__(self, process: FakeProcess, opening: Opening, listener: Listener, play: Play, how: str) -> None:
        self.process, self.opening, self.listener, self.play = process, opening, listener, play
        self.id = opening.session or f"s-{process.agent}"
        self.how = how
        self.cancelled = asyncio.Event()
        self.asking: set[asyncio.Task[Answer]] = set()
        self.files: list[Sequence[GivenFile]] = []

    async def prompt(self, text: str, files: Sequence[GivenFile] = ()) -> TurnEnd:
        """The play, until it ends or its process does."""
        self.files.append(tuple(files))
        self.cancelled.clear()
        playing = asyncio.ensure_future(self.play(self, text))
        try:
            waits: list[asyncio.Future[Any]] = [playing, self.process.ended]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                raise PermanentFailure("The agent went away.")
            return playing.result()
        finally:
            playing.cancel()
            for task in self.asking:
                task.cancel()

    async def cancel(self) -> None:
        self.cancelled.set()
        for task in self.asking:
            task.cancel()

    async def ask(self, ask: Ask) -> Answer | None:
        """Ask people; None when the turn was cancelled meanwhile."""
        task = asyncio.ensure_future(self.listener.ask(ask))
        self.asking.add(task)
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    def say(self, text: str) -> None:
        self.listener.hear("message", {"text": text})

    async def die(self, code: int = 1) -> TurnEnd:
        """The process ends in the middle of the turn."""
        self.process.end(Exit(code))
        await asyncio.Event().wait()
        raise AssertionError


class FakeRuntime:
    """Opens sessions at once, with what the test has them play."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.prompts: list[tuple[str, str]] = []
        self.play: Play = end_at_once
        self.plays: dict[str, Play] = {}
        self.before_open: Hook = do_nothing
        self.how = "loaded"

    async def open(self, reader: Any, writer: Any, opening: Opening, listener: Listener) -> FakeSession:
        process = cast("FakeProcess", reader)
        await self.before_open(process.agent)
        how = self.how if opening.session else "new"
        session = FakeSession(process, opening, listener, self._play, how)
        self.sessions.append(session)
        return session

    async def greet(self, reader: Any, writer: Any, folder: str = "") -> Handshake:
        return Handshake("fake", "1", ())

    async def _play(self, session: FakeSession, text: str) -> TurnEnd:
        self.prompts.append((session.process.agent, text))
        return await self.plays.get(session.process.agent, self.play)(session, text)


class FakeRepositories:
    """Finds the work that the test says is there."""

    def __init__(self) -> None:
        self.work = Work(({"id": "abc", "title": "Fix it"},), " a | 1 +")
        self.messages: list[str] = []
        self.before_collect: Hook = do_nothing

    async def collect(self, workspace: Workspace, message: str) -> Work:
        await self.before_collect(workspace.agent)
        self.messages.append(message)
        return self.work

    async def diff(self, workspace: Workspace, limit: int) -> str:
        return ""

    async def accept(self, workspace: Workspace, how: str) -> Taken:
        return Taken("")

    async def remove(self, workspace: Workspace, force: bool) -> Sequence[str]:
        return ()


class FakeTools:
    """Tokens that are out."""

    def __init__(self) -> None:
        self.issued: set[str] = set()

    def issue(self, agent: str, listener: Listener) -> ToolServer:
        self.issued.add(agent)
        return ToolServer("callboard", ("tool",), {"CALLBOARD_TOKEN": agent})

    def revoke(self, agent: str) -> None:
        self.issued.discard(agent)


@dataclass
class FakeCatalogue:
    """What is configured."""

    projects: Mapping[str, Site] = field(default_factory=lambda: {"web": Site("/repositories/web", "main")})
    kinds: Mapping[str, Command] = field(default_factory=lambda: {"demo": Command(("demo",), {"A": "1"}, "small")})

    def find_site(self, project: str) -> Site:
        if project not in self.projects:
            raise ConfigurationError(f"project {project} is no longer configured.")
        return self.projects[project]

    def find_command(self, kind: str) -> Command:
        if kind not in self.kinds:
            raise ConfigurationError(f"agent kind {kind} is no longer configured.")
        return self.kinds[kind]

    def list_pools(self) -> Sequence[Warmth]:
        return [Warmth(name, site, "demo") for name, site in self.projects.items() if site.warm]


class Yard:
    """One process of the bot, as far as agents see it."""

    def __init__(self, database: Database, home: Path, limits: Limits | None = None, places: int = 4) -> None:
        self.database = database
        self.clock = FakeClock()
        self.host, self.runtime, self.repositories = FakeHost(), FakeRuntime(), FakeRepositories()
        self.tools, self.catalogue, self.spares = FakeTools(), FakeCatalogue(), FakeSpares()
        redactor = Redactor()
        self.transcript = Transcript(database, self.clock.now, redactor)
        self.crew = Crew(
            database=database,
            now=self.clock.now,
            home=home,
            host=self.host,
            spares=self.spares,
            repositories=self.repositories,
            runtime=self.runtime,
            tools=self.tools,
            catalogue=self.catalogue,
            transcript=self.transcript,
            limits=limits or Limits(),
            redact=lambda value: map_text(value, redactor.redact),
            house="house",
        )
        self.fleet = Fleet(self.crew, "here", places)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Yard]:
        """The fleet at work; it leaves at the end."""
        await self.fleet.enter(self.clock.now(), is_alone=self.database.is_sqlite)
        running = asyncio.create_task(self.fleet.run())
        try:
            yield self
        finally:
            await self.fleet.leave(5.0)
            running.cancel()
            await asyncio.wait([running])

    def supervise(self, agent: Agent) -> asyncio.Task[None]:
        """One supervisor without a fleet."""
        return asyncio.create_task(Supervisor(self.crew, agent).run())

    async def wait_until(self, holds: Callable[[Agent], object], id: str = "web-1") -> Agent:
        """The agent once something holds of it."""
        bells, topic = self.database.bells, f"agent:{id}"
        async with asyncio.timeout(WAIT):
            while True:
                heard = bells.listen(topic)
                agent = await read_agent(self.database, id)
                if holds(agent):
                    return agent
                await bells.wait(topic, heard, 0.05)

    async def wait_rest(self, id: str = "web-1") -> Agent:
        """The agent once it rests and its place is free."""
        return await self.wait_until(lambda agent: agent.outcome and not agent.holder, id)

    async def send(self, actor: Actor, text: str, id: str = "web-1", *, urgent: bool = False) -> str:
        agent = await read_agent(self.database, id)
        async with self.database.transaction() as tx:
            return (await send_message(tx, actor, agent, text, urgent, self.clock.now()))[1].value

    async def stop(self, actor: Actor, id: str = "web-1", reason: str = "") -> bool:
        agent = await read_agent(self.database, id)
        async with self.database.transaction() as tx:
            return await stop_agent(tx, actor, agent, reason, self.clock.now())


__all__ = ["DONE", "START", "FakeSession", "Yard"]
