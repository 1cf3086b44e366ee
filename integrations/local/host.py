"""This machine as a Host: git worktrees, and every agent under a guard.

Folders in the home: `worktrees/<agent>` (or that of the spare which it took) and `agents/<agent>` with `guard.lock`
(held by the guard; its line says which run began) and `exit.json` (how that run ended).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.errors import CallboardError, PermanentFailure, TemporaryFailure
from core.interfaces import Exit, Launch, Process, Workspace
from integrations.local.files import read_file
from integrations.local.furnish import furnish_worktree
from integrations.local.git import has_identity, make_identity
from integrations.local.names import check_agent, make_marker, name_folder, resolve_inside
from integrations.local.orphans import MARKER, Trace, end_orphans
from integrations.local.processes import START_SECONDS, Guard, GuardedProcess, Order
from integrations.local.worktrees import prepare_detached, prepare_workspace

RECLAIM_SECONDS = 10.0
FORCE_SECONDS = 5.0
REFILL_SECONDS = 0.3
IDENTITY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_PASSING = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ETXTBSY, errno.EDQUOT}
)


@dataclass(frozen=True, slots=True)
class Run:
    """The line in a lock file: which guard held it last, for which run, since when."""

    guard: int
    nonce: str
    since: int


class LocalHost:
    """A Host of core/interfaces. `close` ends the guard that waits for work, if there is one; so does the bot's end."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.agents = self.home / "agents"
        self.worktrees = self.home / "worktrees"
        self._spare: Guard | None = None
        self._refill: asyncio.TimerHandle | None = None
        self._identified: dict[str, bool] = {}
        self._identities: dict[str, tuple[float, bool]] = {}

    async def prepare(self, agent: str, repository: str, base: str, title: str | None) -> Workspace:
        self._make_folders()
        self._ready_spare()
        place, self._identified[agent] = await asyncio.gather(
            self._place(agent, repository, base, title), self._has_identity(repository)
        )
        return place

    async def _place(self, name: str, repository: str, base: str, title: str | None) -> Workspace:
        if title is None:
            return await prepare_detached(self.worktrees, name, repository, base)
        return await prepare_workspace(self.worktrees, name, repository, base, title)

    async def _has_identity(self, repository: str) -> bool:
        """Whether git knows who commits there; asked again after a minute."""
        asked, known = self._identities.get(repository, (0.0, False))
        if time.monotonic() - asked > IDENTITY_SECONDS:
            known = await has_identity(repository)
            self._identities[repository] = time.monotonic(), known
        return known

    async def furnish(self, workspace: Workspace, names: Sequence[str]) -> None:
        await furnish_worktree(workspace, names)

    async def start(self, launch: Launch) -> Process:
        self._make_folders()
        order = self._make_order(launch, await self._find_identity(launch))
        guard, self._spare = self._spare, None
        self._refill = self._refill or asyncio.get_running_loop().call_later(REFILL_SECONDS, self._ready_spare)
        if guard:
            with suppress(ConnectionError):
                return await self._start_under(guard, launch, order)
        try:
            return await self._start_under(self._spawn_guard(), launch, order)
        except ConnectionError:
            raise TemporaryFailure(f"The guard of {launch.name} went away at its start.", retry_after=1) from None

    async def reclaim(self, agent: str, folder: str = "") -> Exit | None:
        own = resolve_inside(self.agents, check_agent(agent))
        lock = own / "guard.lock"
        if not lock.exists():
            return None
        async with hold_lock(lock):
            run = read_run(lock)
            if run is None:
                return None
            ended = read_exit(own / "exit.json", run.nonce)
            if ended is None:
                await self._clean(agent, folder, run.since)
            return ended or Exit(-1, "lost")

    def close(self) -> None:
        if self._refill:
            self._refill.cancel()
        if self._spare:
            self._spare.close()
        self._spare = self._refill = None

    def _ready_spare(self) -> None:
        """One guard waits, so that a start does not wait for an interpreter (12 ms)."""
        self._refill = None
        with suppress(CallboardError):
            self._spare = self._spare or self._spawn_guard()

    def _make_folders(self) -> None:
        for folder in (self.agents, self.worktrees):
            _make_folder(folder)

    def _spawn_guard(self) -> Guard:
        try:
            return Guard(self.agents / "guards.log")
        except OSError as error:
            raise _name_failure("guard", error.errno or 0, "the guard", "") from error

    async def _find_identity(self, launch: Launch) -> dict[str, str]:
        """Who an agent commits as where nobody told git: asked while its worktree was made, else now."""
        told = self._identified.pop(launch.name, None)
        if told is None and Path(launch.folder).is_dir():
            told = await has_identity(launch.folder)
        return make_identity(launch.name) if told is False else {}

    def _make_order(self, launch: Launch, identity: Mapping[str, str]) -> Order:
        folder = resolve_inside(self.agents, check_agent(launch.name))
        _make_folder(folder)
        _make_folder(launch.log.parent)
        env = {**identity, **launch.env, MARKER: make_marker(self.home, launch.name)}
        return Order(
            lock=folder / "guard.lock",
            exit=folder / "exit.json",
            log=launch.log.absolute(),
            log_limit=launch.log_limit,
            merged=launch.merged,
            path=find_program(launch),
            folder=launch.folder,
            command=launch.command,
            env=list(env.items()),
        )

    async def _start_under(self, guard: Guard, launch: Launch, order: Order) -> Process:
        """Raises ConnectionError when the guard is gone before it said anything."""
        process: GuardedProcess | None = None
        try:
            pid = await _send_order(guard, launch, order)
            started = GuardedProcess(guard, pid, partial(self._clean_after, launch, order.lock))
            await started.attach()
            process = started
        finally:
            if process is None:
                guard.close()
                await guard.reap()
        return process

    async def _clean_after(self, launch: Launch, lock: Path) -> None:
        await self._clean(launch.name, launch.folder, _read_since(lock))

    async def _clean(self, agent: str, folder: str, since: int) -> None:
        place = os.path.realpath(self.worktrees / name_folder(agent, folder))
        trace = Trace(make_marker(self.home, agent), place, since)
        await asyncio.to_thread(end_orphans, trace)


# ------------------------------------------------------------------------------------------------------------- start


def find_program(launch: Launch) -> str:
    """The program's file, by the PATH that the agent will have. Raises PermanentFailure."""
    name = launch.command[0] if launch.command else ""
    if not name:
        raise PermanentFailure(f"No command is given for {launch.name}.")
    if "/" in name:
        return str(Path(launch.folder, name))
    path = shutil.which(name, path=launch.env.get("PATH", os.defpath))
    if path is None:
        raise PermanentFailure(f"{name} is not on the PATH.", remedy=f"Install {name} or correct the agent kind.")
    return path


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _name_failure("made", error.errno or 0, "", str(folder)) from error


async def _send_order(guard: Guard, launch: Launch, order: Order) -> int:
    """Returns the agent's pid."""
    try:
        async with asyncio.timeout(START_SECONDS):
            await guard.send_order(order)
            told = await guard.read_line()
    except TimeoutError:
        guard.kill()
        raise TemporaryFailure(f"The guard of {launch.name} does not answer.", retry_after=5) from None
    if told[:1] != ["started"]:
        raise _read_failure(told, launch)
    return int(told[1])


def _read_failure(told: list[str], launch: Launch) -> Exception:
    if len(told) != 3:
        return ConnectionError("the guard is gone")
    _, stage, number = told
    if stage == "lock" and int(number) in {errno.EAGAIN, errno.EACCES}:
        return TemporaryFailure(
            f"{launch.name} has a process already.", remedy="It is started again when that has ended.", retry_after=2
        )
    return _name_failure(stage, int(number), launch.command[0], launch.folder)


def _name_failure(stage: str, number: int, command: str, folder: str) -> CallboardError:
    """A person's words for what the operating system said."""
    words = os.strerror(number)
    message = {
        "made": f"The folder {folder} cannot be made: {words}.",
        "folder": f"The folder {folder} cannot be entered: {words}.",
        "command": f"{command} cannot be run: {words}.",
        "log": f"The log of the agent cannot be written: {words}.",
    }.get(stage, f"{command} cannot be started: {words}.")
    if number in _PASSING:
        return TemporaryFailure(message, retry_after=5)
    return PermanentFailure(message)


# ----------------------------------------------------------------------------------------------------------- reclaim


@asynccontextmanager
async def hold_lock(path: Path) -> AsyncIterator[None]:
    """Wait until the former guard let go, end it by force when it does not; nobody starts the agent meanwhile."""
    lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not await _try_lock(lock, RECLAIM_SECONDS):
            _kill_guard(path)
            if not await _try_lock(lock, FORCE_SECONDS):
                raise TemporaryFailure(f"The former guard holds {path} and does not go.", retry_after=30)
        yield
    finally:
        os.close(lock)


async def _try_lock(lock: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)


def _kill_guard(lock: Path) -> None:
    run = read_run(lock)
    if run:
        with suppress(OSError):
            os.kill(run.guard, signal.SIGKILL)


def is_guarded(home: Path, agent: str) -> bool:
    """Whether something of the agent runs now."""
    try:
        lock = os.open(home / "agents" / check_agent(agent) / "guard.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def read_run(lock: Path) -> Run | None:
    """None when no run ever began."""
    with suppress(ValueError, OSError):
        guard, nonce, since = read_file(lock).split()
        return Run(int(guard), nonce, int(since))
    return None


def _read_since(lock: Path) -> int:
    run = read_run(lock)
    return run.since if run else 0


def read_exit(path: Path, nonce: str) -> Exit | None:
    """How that very run ended; None when its guard did not live to say so, or left something it could not end."""
    try:
        data = json.loads(read_file(path))
    except (OSError, ValueError):
        return None
    if data.get("nonce") != nonce or data.get("left"):
        return None
    return Exit(int(data["code"]), str(data["by"]))
