"""The runtime and the demo agent over real pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import PermanentFailure
from core.interfaces import Ask, Opening
from core.model import Verdict
from integrations.acp.runtime import AcpRuntime
from integrations.acp.session import AcpSession
from tests.integrations.acp.fake import PATIENCE, Recorder, always

AGENT = Path("integrations/demo/agent.py").absolute()


@asynccontextmanager
async def start_agent(folder: Path, *switches: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(AGENT),
        *switches,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "CALLBOARD_STATE": str(folder / "state")},
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        assert process.stdin
        process.stdin.close()


async def open_session(
    process: asyncio.subprocess.Process, folder: Path, recorder: Recorder, session: str = "", model: str = ""
) -> AcpSession:
    assert process.stdin
    assert process.stdout
    opening = Opening(str(folder), session=session, model=model)
    return await AcpRuntime().open(process.stdout, process.stdin, opening, recorder)


async def test_a_task_is_worked_on_and_its_command_approved(tmp_path: Path, quiet: None) -> None:
    recorder = Recorder(always(Verdict.ONCE))
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, recorder, model="DEMO-LARGE")
        end = await session.prompt("write notes.txt; run `echo hello`; use cost 0.42; use tokens 1200")
    assert (session.how, end.stop_reason, end.cost, end.tokens) == ("new", "end_turn", 0.42, 1200)
    assert (tmp_path / "notes.txt").exists()
    assert "echo" in str(recorder.asked[0].detail["command"])
    assert any("hello" in data.get("output", "") for kind, data in recorder.heard if kind == "tool")


async def test_the_same_ask_comes_again_after_a_kill(tmp_path: Path, quiet: None) -> None:
    before, after = Recorder(), Recorder(always(Verdict.ONCE))
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, before)
        turn = asyncio.create_task(session.prompt("say one; run `echo two`"))
        await before.asking.wait()
        process.kill()
        with pytest.raises(PermanentFailure, match="went away"):
            await turn
    assert len(before.cancelled) == 1
    async with start_agent(tmp_path) as process:
        again = await open_session(process, tmp_path, after, session=session.id)
        assert again.how == "loaded"
        assert (await again.prompt("You were interrupted. Go on.")).stop_reason == "end_turn"
    assert strip_call(before.asked[0]) == strip_call(after.asked[0])
    assert "one" not in after.list_texts()


def strip_call(ask: Ask) -> Ask:
    return Ask(ask.kind, ask.title, ask.tool, {**ask.detail, "call": ""}, ask.options)


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("flood line 10 MB", lambda heard: "bytes more" in heard.list_texts()[0]),
        ("flood 2 MB", lambda heard: len(heard.heard) > 10),
        ("junk; say after", lambda heard: heard.list_texts("note") and "after" in "".join(heard.list_texts())),
        ("junk usage; say after", lambda heard: "after" in "".join(heard.list_texts())),
        ("updates 3000", lambda heard: len(heard.heard) >= 3000),
        (
            "ask Which? options Red, Blue",
            lambda heard: [option.name for option in heard.asked[0].options] == ["Red", "Blue"],
        ),
    ],
)
async def test_what_the_demo_agent_does_wrong(
    tmp_path: Path, quiet: None, words: str, check: Callable[[Recorder], bool]
) -> None:
    recorder = Recorder(always(Verdict.ANSWERED, text="Blue"))
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, recorder)
        assert (await session.prompt(words)).stop_reason == "end_turn"
    assert check(recorder)


async def test_a_crash_ends_the_turn(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, Recorder())
        with pytest.raises(PermanentFailure, match="went away"):
            await session.prompt("crash")


async def test_a_stalled_turn_is_cancelled(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, Recorder())
        turn = asyncio.create_task(session.prompt("stall"))
        await asyncio.sleep(0)
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"


async def test_a_stopped_agent_holds_nobody_up(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path) as process:
        session = await open_session(process, tmp_path, Recorder())
        process.send_signal(signal.SIGSTOP)
        turn = asyncio.create_task(session.prompt("say hi"))
        await asyncio.sleep(0)
        await session.close()
        with pytest.raises(PermanentFailure):
            await turn


async def test_who_is_signed_out_is_told(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path, "--signed-out") as process:
        with pytest.raises(PermanentFailure, match="sign in"):
            await open_session(process, tmp_path, Recorder())


async def test_without_load_it_is_rebuilt(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path, "--no-load") as process:
        assert (await open_session(process, tmp_path, Recorder(), session="gone")).how == "rebuilt"
    async with start_agent(tmp_path) as process:
        assert (await open_session(process, tmp_path, Recorder(), session="gone")).how == "rebuilt"


async def test_greeting_the_demo_agent(tmp_path: Path, quiet: None) -> None:
    async with start_agent(tmp_path) as process:
        assert process.stdin
        assert process.stdout
        handshake = await AcpRuntime().greet(process.stdout, process.stdin)
    assert handshake.name
    assert "load" in handshake.can


@pytest.mark.parametrize(("switches", "signed_in"), [((), True), (("--signed-out",), False)])
async def test_greeting_in_a_folder_tells_of_sign_in(
    tmp_path: Path, quiet: None, switches: tuple[str, ...], signed_in: bool
) -> None:
    async with start_agent(tmp_path, *switches) as process:
        assert process.stdin
        assert process.stdout
        handshake = await AcpRuntime().greet(process.stdout, process.stdin, str(tmp_path))
    assert handshake.signed_in is signed_in
    assert list(handshake.modes) == (["code", "plan"] if signed_in else [])
    assert list(handshake.models) == (["demo-small", "demo-large"] if signed_in else [])
