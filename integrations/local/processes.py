"""The bot's end of a guard: starts one, hands it a launch, waits for the end."""

from __future__ import annotations

import asyncio
import os
import py_compile
import secrets
import signal
import socket
import sys
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from core.errors import TemporaryFailure
from core.interfaces import Exit

GUARD = Path(__file__).with_name("guard.py")
LINE_LIMIT = 64 * 1024 * 1024
START_SECONDS = 20.0
KILL_SECONDS = 15.0
_PASSED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def find_guard() -> str:
    """The guard compiled, which saves each start 3 ms; the source where nothing can be written beside it."""
    compiled = _compile_guard()
    return compiled if Path(compiled).exists() else str(GUARD)


@cache
def _compile_guard() -> str:
    with suppress(OSError):
        return py_compile.compile(str(GUARD), doraise=True) or str(GUARD)
    return str(GUARD)


@dataclass(frozen=True, slots=True)
class Order:
    """What a guard is told to start. `path` is the program that was found, `folder` where it runs."""

    lock: Path
    exit: Path
    log: Path
    log_limit: int
    merged: bool
    path: str
    folder: str
    command: Sequence[str]
    env: Sequence[tuple[str, str]]
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def encode(self) -> bytes:
        log = [str(self.log), str(self.log_limit), str(int(self.merged))]
        head = [str(self.lock), str(self.exit), *log, self.nonce, self.path, self.folder]
        pairs = [f"{name}={value}" for name, value in self.env]
        payload = b"\0".join(map(os.fsencode, [*head, str(len(self.command)), *self.command, *pairs]))
        return len(payload).to_bytes(4, "big") + payload


class Guard:
    """A started guard: waits for its order, and ends when this object is closed or forgotten."""

    def __init__(self, complaints: Path) -> None:
        """Takes about a millisecond and does not wait for the interpreter. Raises OSError."""
        self._heard = b""
        self.stdin = self.stdout = -1
        self.control, theirs = socket.socketpair()
        self.control.setblocking(False)
        try:
            self.pid = self._spawn(theirs.fileno(), complaints)
        except OSError:
            self.close()
            raise
        finally:
            theirs.close()

    def _spawn(self, control: int, complaints: Path) -> int:
        agent_in, self.stdin = os.pipe()
        self.stdout, agent_out = os.pipe()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        actions = [
            (os.POSIX_SPAWN_DUP2, agent_in, 0),
            (os.POSIX_SPAWN_DUP2, agent_out, 1),
            (os.POSIX_SPAWN_OPEN, 2, str(complaints), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, control, 3),
        ]
        env = {name: os.environ[name] for name in _PASSED if name in os.environ}
        command = [sys.executable, "-I", "-S", "-E", find_guard()]
        try:
            return os.posix_spawn(command[0], command, env, file_actions=actions, setsigmask=())
        finally:
            os.close(agent_in)
            os.close(agent_out)

    async def send_order(self, order: Order) -> None:
        await asyncio.get_running_loop().sock_sendall(self.control, order.encode())

    async def read_line(self) -> list[str]:
        """The guard's next words; nothing when it is gone."""
        while b"\n" not in self._heard:
            try:
                chunk = await asyncio.get_running_loop().sock_recv(self.control, 1000)
            except ConnectionError:
                chunk = b""
            if not chunk:
                return []
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode().split()

    def tell_end(self) -> None:
        with suppress(OSError):
            self.control.send(b"k")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def reap(self) -> None:
        """Wait until the process, and with it its lock, is gone. Only after the end of its words."""
        with suppress(ChildProcessError):
            await asyncio.to_thread(os.waitpid, self.pid, 0)

    def close(self) -> None:
        self.control.close()
        for number in (self.stdin, self.stdout):
            if number >= 0:
                os.close(number)
        self.stdin = self.stdout = -1

    def __del__(self) -> None:
        if hasattr(self, "control"):
            self.close()


class GuardedProcess:
    """A Process of core/interfaces: an agent under its guard. `clean` ends what a killed guard left behind."""

    def __init__(self, guard: Guard, pid: int, clean: Callable[[], Awaitable[None]]) -> None:
        self.pid = pid
        self._guard = guard
        self._clean = clean
        self._killing = False
        self._reader: StreamReader
        self._writer: StreamWriter
        self._output: asyncio.ReadTransport
        self._end: asyncio.Task[Exit]

    async def attach(self) -> None:
        """Make streams of the agent's pipes and begin to watch for its end."""
        loop = asyncio.get_running_loop()
        self._reader = StreamReader(LINE_LIMIT)
        with ExitStack() as undo:
            source = undo.enter_context(os.fdopen(self._guard.stdout, "rb", 0))
            sink = undo.enter_context(os.fdopen(self._guard.stdin, "wb", 0))
            self._guard.stdin = self._guard.stdout = -1
            self._output, _ = await loop.connect_read_pipe(lambda: StreamReaderProtocol(self._reader), source)
            undo.callback(self._output.close)
            transport, protocol = await loop.connect_write_pipe(lambda: StreamReaderProtocol(StreamReader()), sink)
            undo.pop_all()
        self._writer = StreamWriter(transport, protocol, None, loop)
        self._end = asyncio.create_task(self._watch(), name=f"guard {self._guard.pid}")

    @property
    def reader(self) -> StreamReader:
        return self._reader

    @property
    def writer(self) -> StreamWriter:
        return self._writer

    async def wait(self) -> Exit:
        """Waits as long as the agent lives."""
        return await asyncio.shield(self._end)

    async def kill(self) -> Exit:
        """Ends the agent and every descendant. Raises TemporaryFailure when a process cannot be ended."""
        self._killing = True
        self._guard.tell_end()
        try:
            async with asyncio.timeout(2 * KILL_SECONDS):
                await asyncio.wait({self._end}, timeout=KILL_SECONDS)
                if not self._end.done():
                    self._guard.kill()
                return await self.wait()
        except TimeoutError:
            raise TemporaryFailure(f"Process {self.pid} could not be ended.") from None
        finally:
            self._output.close()

    async def _watch(self) -> Exit:
        try:
            told = await self._guard.read_line()
            await self._guard.reap()
            if told:
                return Exit(int(told[1]), told[2])
            await self._clean()
            return Exit(-1, "killed" if self._killing else "lost")
        finally:
            self._guard.close()
            self._writer.close()
