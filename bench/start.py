"""How long the bot takes to be ready, and the command line to say what it can."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench.house import LAUNCHER, ROOT, end_bot, make_env, read_note, start_bot
from bench.row import Row, Wanted, median

STARTS = 9
HELPS = 15
IMPORTS = "import fastapi, uvicorn, sqlalchemy.ext.asyncio"


async def measure_start() -> Sequence[Row]:
    """Whole processes, from their start; one of each in turns."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        await make_home(home)
        (home / "bare.py").write_text(write_bare_app(count_commands()))
        ours, bare = await take_turns(STARTS, lambda: time_ready(home), lambda: time_imports(home))
        helps, typers = await take_turns(HELPS, lambda: time_help(home), lambda: time_bare_help(home))
    return [
        Row("cold start to ready", median(ours), "ms", median(bare), Wanted(2, times=True)),
        Row("callboard --help", median(helps), "ms", median(typers), Wanted(1.5, times=True)),
    ]


async def take_turns(
    rounds: int, figure: Callable[[], Awaitable[float]], floor: Callable[[], Awaitable[float]]
) -> tuple[list[float], list[float]]:
    """Milliseconds of both, after one of each that is not counted."""
    await floor()
    await figure()
    pairs = [(await floor() * 1000, await figure() * 1000) for _ in range(rounds)]
    return [ours for _, ours in pairs], [bare for bare, _ in pairs]


async def make_home(home: Path) -> None:
    """The first start makes the data that the measured ones find."""
    process = await start_bot(home, {})
    try:
        await read_note(home, process)
    finally:
        await end_bot(process)


async def time_ready(home: Path) -> float:
    """Seconds until /readyz answers 200."""
    port = find_port()
    began = time.perf_counter()
    process = await start_bot(home, {}, (str(LAUNCHER), "up", "--port", str(port)))
    try:
        await ask_ready(process, port)
        return time.perf_counter() - began
    finally:
        await end_bot(process)


async def ask_ready(process: asyncio.subprocess.Process, port: int) -> None:
    """Asks as soon as the port is open; the answer comes when the bot can give one."""
    async with asyncio.timeout(60):
        while process.returncode is None:
            if await is_ready(port):
                return
            await asyncio.sleep(0.01)
    raise RuntimeError("the bot did not start")


async def is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def time_imports(home: Path) -> float:
    return await time_process(home, sys.executable, "-c", IMPORTS)


async def time_help(home: Path) -> float:
    return await time_process(home, str(LAUNCHER), "--help")


async def time_bare_help(home: Path) -> float:
    return await time_process(home, sys.executable, str(home / "bare.py"), "--help")


async def time_process(home: Path, *words: str) -> float:
    """Seconds of a whole process that has to succeed."""
    began = time.perf_counter()
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=make_env(home), stdout=nothing)
    if await process.wait():
        raise RuntimeError(f"{words} failed")
    return time.perf_counter() - began


def count_commands() -> int:
    """Every command that `callboard` has, the local ones too."""
    from bot.cli.program import LOCAL_VERBS
    from bot.commands import load_registry

    return len(list(load_registry())) + len(LOCAL_VERBS) + 1


def write_bare_app(commands: int) -> str:
    """A typer app as one writes it: as many commands, each with an argument and an option."""
    one = '@app.command()\ndef verb{0}(name: str, loud: bool = False) -> None:\n    """Do the thing number {0}."""\n'
    body = "\n\n".join(one.format(number) for number in range(commands))
    return f"import typer\n\napp = typer.Typer()\n\n\n{body}\n\napp()\n"
