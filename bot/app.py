"""The wiring: the only file that knows all parts. Each is entered in one exit stack and closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bot.banner import name_program, say, write_banner, write_comeback
from bot.commands import load_registry
from bot.dispatcher import Dispatcher
from bot.entrance import Entrance
from bot.house import House, HouseCatalogue
from bot.limits import read_limits, read_patience
from bot.listeners import Listeners
from bot.live import Keeper, Live, Read, compose_live, list_doors
from bot.lock import hold_lock, make_home, remove_run, write_run
from bot.logging import set_logging, veil
from bot.parts import Parts, find_integrations, find_sections
from bot.routes import build_routes
from bot.rules import make_rulebook
from bot.street import HouseStreet
from bot.subjects import draw_subject
from bot.upkeep import list_handlers, set_upkeep
from bot.web.feed import Feed
from bot.web.server import LoopLag, bind_socket, make_app, make_server
from core.clock import WallClock
from core.crew import Crew, cancel_task, insistent
from core.delivery import Courier, queue_reply
from core.errors import CallboardError, ConfigurationError, TemporaryFailure
from core.events import Event
from core.fleet import Comeback, Fleet
from core.home import find_home, read_house
from core.journal import Journal
from core.messages import Place, Reply, Tone
from core.model import Actor, Lane, Role
from core.pool import Pool
from core.redaction import Redactor
from core.routing import keep_routes
from core.rulebook import Rulebook
from core.settings import Draft, Settings, load_settings
from core.store import Database, Transaction, append_events
from core.timers import Timers
from core.transcript import Transcript
from core.version import VERSION
from core.wire import map_text

__all__ = ["find_integrations", "run_up"]
log = structlog.get_logger()
DRAIN = 10.0
CONSOLE = Place("console", "main")


def run_up(host: str | None = None, port: int | None = None, config: Path | None = None) -> int:
    """Run the bot until it is told to end. Raises ConfigurationError when it cannot start."""
    named = {"CALLBOARD_HTTP__HOST": host, "CALLBOARD_HTTP__PORT": port}
    environ = {**os.environ, **{name: str(value) for name, value in named.items() if value is not None}}
    read = make_reader(config, environ, Path.cwd())
    settings = read(None)
    set_logging(settings.log.level, settings.log.format, sys.stderr)
    if shutil.which("git") is None:
        raise ConfigurationError("git is not on the PATH.", remedy="Install git; agents work in its worktrees.")
    home = find_home(os.environ)
    make_home(home)
    with contextlib.ExitStack() as stack:
        stack.enter_context(hold_lock(home / "bot.lock"))
        sock = stack.enter_context(contextlib.closing(bind_socket(settings.http.host, settings.http.port)))
        # SQLite runs in threads, and a busy loop would let each statement wait 5 ms for its turn.
        sys.setswitchinterval(0.0005)
        asyncio.run(Bot(home, settings, sock, read).run())
    return 0


def make_reader(config: Path | None, environ: Mapping[str, str], folder: Path) -> Read:
    """Reads the settings from where they are read at a start, as often as called."""

    def read(draft: Draft | None) -> Settings:
        return load_settings(config, environ, folder, find_sections(), draft)

    return read


class Bot:
    """One process of the bot, from its start to its drained end."""

    def __init__(self, home: Path, settings: Settings, sock: socket.socket, read: Read | None = None) -> None:
        self.home = home
        self.settings = settings
        self.sock = sock
        self.read = read
        self.url = ""
        self._noted: Mapping[str, Any] = {}
        self.house: House
        self.reloads: set[asyncio.Task[None]] = set()
        self.at_terminal = any(os.isatty(number) for number in range(3))
        self.clock = WallClock()
        self.entrance = Entrance(home, self.clock)
        self.registry = load_registry()
        self.database = Database(settings.database_url.get_secret_value())
        self.street = HouseStreet()
        self.listeners = Listeners(self._tell)
        self.ending = asyncio.Event()

    async def run(self) -> None:
        """Start, serve, and drain when told to."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        loop.add_signal_handler(signal.SIGHUP, self.hang_up)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            await self._open_database()
            async with self.database.transaction() as tx:
                await self._admit(tx, self.settings)
                login = await self.entrance.make_login(tx, self.settings)
                claim = await self.entrance.make_claim(tx, self.settings)
            await self._wire(stack)
            await self._start(stack)
            program, link = name_program(os.environ), self.house.make_login_url(login)
            say(write_banner(self.house, self.url, program, link, claim))
            await self.ending.wait()
            say("Ending: waiting for what is in flight ...")
            await self._drain(stack)

    async def _drain(self, stack: contextlib.AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(DRAIN):
                await stack.aclose()
        except TimeoutError:
            log.warning("not everything ended in time; it goes on after the next start", seconds=DRAIN)

    async def _open_database(self) -> None:
        try:
            await self.database.upgrade()
        except TemporaryFailure as failure:
            raise ConfigurationError(failure.message, where="database", remedy=failure.remedy) from failure

    async def _admit(self, tx: Transaction, settings: Settings) -> None:
        """Who these settings let in, and who hears of all agents."""
        await self.entrance.admit(tx, settings)
        await keep_routes(tx, build_routes(settings))

    def hang_up(self) -> None:
        """On SIGHUP: the terminal was closed, or somebody wants the settings to be read again."""
        if self.at_terminal:
            self.ending.set()
        elif self.url and self.house.keeper:
            task = asyncio.create_task(self._reload(self.house.keeper))
            self.reloads.add(task)
            task.add_done_callback(self.reloads.discard)

    async def _reload(self, keeper: Keeper) -> None:
        try:
            say(f"Settings were read again. {await keeper.reload(Actor('signal', 'a signal', Role.ADMIN, 'signal'))}")
        except CallboardError as error:
            log.error("settings were not taken", reason=str(error))
            say(str(error))

    async def _wire(self, stack: contextlib.AsyncExitStack) -> None:
        from integrations.local.sample import make_sample

        await make_sample(self.home)
        live = compose_live(self.settings, self.home, self.database, self.street)
        parts = self.parts = live.parts
        stack.push_async_callback(parts.close)
        redactor = Redactor(live.secrets)
        veil.redact = redactor.redact
        self.house = House(
            home=self.home,
            id=read_house(self.home, socket.gethostname()),
            clock=self.clock,
            settings=self.settings,
            database=self.database,
            kinds=live.kinds,
            projects=live.projects,
            repositories=parts.repositories,
            surveyor=parts.surveyor,
            host=parts.host,
            runtime=parts.runtime,
            runtimes=parts.runtimes,
            sandboxes=parts.sandboxes,
            redactor=redactor,
            patience=read_patience(self.settings),
            street=self.street,
            rulebook=self._make_rulebook(),
            integrations=live.enabled,
            checks=self._bind_checks(live),
            doors=list_doors(live),
        )
        self.house.keeper = Keeper(self.house, parts, self.read, self._admit, self._adopt, self.listeners.ailing)
        self._wire_spine(parts)
        await self._wire_agents(parts, stack)
        self.dispatcher = Dispatcher(self.house, self.registry)
        self.street.open(self.house, self.dispatcher, self.registry, parts.chats)

    def _make_rulebook(self) -> Rulebook:
        from integrations.local.links import resolve_path

        return make_rulebook(lambda: self.settings, resolve_path)

    def _adopt(self, live: Live) -> None:
        """From now on these settings hold. It does not wait: nobody sees half of it."""
        old, house, parts = self.settings, self.house, self.parts
        parts.adopt(live.parts)
        self.settings = house.settings = live.settings
        house.kinds, house.projects, house.integrations = live.kinds, live.projects, live.enabled
        house.repositories, house.surveyor, house.host = parts.repositories, parts.surveyor, parts.host
        house.runtime, house.checks, house.doors = parts.runtime, self._bind_checks(live), list_doors(live)
        self.listeners.adopt(live.enabled, parts.setups)
        house.patience = read_patience(live.settings)
        crew = self._make_crew(parts)
        self.fleet.adopt(crew, live.settings.limits.max_agents)
        self.pool.adopt(crew)
        if live.settings.log != old.log:
            set_logging(live.settings.log.level, live.settings.log.format, sys.stderr)
        self._write_run()
        reviving = asyncio.create_task(self.courier.revive())
        self.reloads.add(reviving)
        reviving.add_done_callback(self.reloads.discard)

    def _wire_spine(self, parts: Parts) -> None:
        redact = self.house.redactor.redact
        self.courier = Courier(
            self.database,
            self.clock,
            parts.chats,
            parts.paces,
            redact,
            draw_subject=lambda tx, subject: draw_subject(tx, self.house, subject),
            sealed=parts.sealed,
        )
        self.timers = Timers(self.database, self.clock, list_handlers(lambda: self.settings))
        events = self.settings.events
        self.journal = Journal(
            self.database, self.settings.events_file, int(events.rotate_mb * 1_000_000), events.files, redact
        )
        self.feed = Feed(self.database)
        self.lag = LoopLag()

    async def _wire_agents(self, parts: Parts, stack: contextlib.AsyncExitStack) -> None:
        from integrations.mcp.desk import Desk

        self.desk = Desk()
        await self.desk.start(self.home / "agents.sock")
        stack.push_async_callback(self.desk.close)
        self.transcript = Transcript(self.database, self.clock.now, self.house.redactor, self.house.find_zone)
        crew = self._make_crew(parts)
        self.fleet = Fleet(crew, socket.gethostname(), self.settings.limits.max_agents)
        self.pool = Pool(crew, self.fleet.me)

    def _make_crew(self, parts: Parts) -> Crew:
        """What supervisors that begin from now on work with."""
        redact = self.house.redactor.redact
        return Crew(
            database=self.database,
            now=self.clock.now,
            home=self.home,
            host=parts.host,
            spares=parts.spares,
            sandboxes=parts.sandboxes,
            repositories=parts.repositories,
            runtime=parts.runtime,
            runtimes=parts.runtimes,
            tools=self.desk,
            catalogue=HouseCatalogue(self.house),
            transcript=self.transcript,
            rulebook=self.house.rulebook,
            limits=read_limits(self.settings),
            redact=lambda value: map_text(value, redact),
            plans=self.house.find_plan,
            zone=self.settings.zone,
            approvers=self.house.find_approvers,
            steady=time.monotonic,
            house=self.house.id,
        )

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start everything that runs, the doors last; closed in reverse, so that intake ends first."""
        self._run(
            stack, self.timers.run(), self.journal.run(), self.lag.run(), self.transcript.run(), self.courier.run()
        )
        stack.push_async_callback(self.courier.drain, 2.0)
        self._run(stack, self.feed.run())
        comeback = await self.fleet.enter(self.clock.now(), is_alone=self.database.is_sqlite)
        await self.fleet.tick()
        self._run(stack, self.fleet.run())
        stack.push_async_callback(self._leave_fleet)
        await self.pool.enter(is_alone=self.database.is_sqlite)
        self._run(stack, self.pool.run())
        await self.dispatcher.resume()
        self._run(stack, self.street.run())
        stack.push_async_callback(self.dispatcher.drain, 3.0)
        await self._open_doors(stack)
        self.listeners.adopt(self.house.integrations, self.parts.setups)
        stack.push_async_callback(self.listeners.close)
        # While the doors are open whoever waits can be told that the bot ends; what comes in then is kept for later.
        stack.push_async_callback(self.dispatcher.drain, 3.0)
        self._run(stack, self._report(comeback), self._warm_up())

    def _run(self, stack: contextlib.AsyncExitStack, *works: Coroutine[Any, Any, None]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(self._notice_end)
            stack.push_async_callback(cancel_task, task)

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        """A part that ends by an error takes the bot down: the supervisor of processes starts it again."""
        if not task.cancelled() and (error := task.exception()):
            log.critical("a part of the bot failed", part=str(task.get_coro()), exc_info=error)
            self.ending.set()

    async def _open_doors(self, stack: contextlib.AsyncExitStack) -> None:
        app = make_app(self.house, self.dispatcher, self.registry, self.feed, self.lag)
        server = make_server(app)
        serving = asyncio.create_task(server.serve(sockets=[self.sock]))
        host, port = self.sock.getsockname()[:2]
        self.url = self.house.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._write_run()

        async def close() -> None:
            remove_run(self.home)
            self.feed.close()
            app.state.live.close()
            server.should_exit = True
            await asyncio.wait([serving], timeout=4)

        stack.push_async_callback(close)

    def _write_run(self) -> None:
        """How the command line finds the bot."""
        self.entrance.keep()
        note = {"url": self.url, "token": self.entrance.token, "pid": os.getpid(), "version": VERSION}
        if self.url and note != self._noted:
            write_run(self.home, note)
            self._noted = note

    async def _report(self, comeback: Comeback) -> None:
        """Say what became of the agents of the last run, once it is known."""
        seen = await self.fleet.look_back(comeback, 60)
        if words := write_comeback(seen):
            say(words)
        await self._note_start(seen)

    @insistent
    async def _note_start(self, seen: Comeback) -> None:
        data = {
            "version": VERSION,
            "resumed": list(seen.resumed),
            "failed": [list(pair) for pair in seen.failed],
            "away_seconds": seen.away_seconds,
        }
        async with self.database.transaction() as tx:
            await append_events(tx, Event("bot.started", self.clock.now(), data=data))
            await set_upkeep(tx, self.clock.now())

    async def _warm_up(self) -> None:
        """Import what the first agent would wait for, beside the loop."""
        await self.parts.runtime.warm_up()

    async def _leave_fleet(self) -> None:
        try:
            await self.fleet.leave(5.0)
            async with self.database.transaction() as tx:
                await append_events(tx, Event("bot.stopped", self.clock.now()))
        except TemporaryFailure as failure:
            # The next start finds out by itself; until then nothing runs.
            log.warning("the end could not be written down", reason=failure.message)

    async def _tell(self, words: str) -> None:
        """In the console, which needs nobody else's service."""
        try:
            async with self.database.transaction() as tx:
                reply = Reply(text=words, data={"tone": Tone.BAD.value})
                now = self.clock.now()
                await queue_reply(tx, CONSOLE, reply, stream=f"replies:{CONSOLE}", lane=Lane.HUMAN, now=now)
        except TemporaryFailure as failure:
            log.warning("people are not told", words=words, reason=failure.message)

    def _bind_checks(self, live: Live) -> list[Any]:
        made = [partial(item.checks, live.parts.setups[item.name]) for item in live.enabled if item.checks]
        return [*made, self.listeners.check]
