"""What Callboard relies on, asked of real agents. What differs between them is in docs/agents.md."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import acp
import pytest
from acp.schema import FileEditToolCallContent, McpServerStdio

from tests.agents.client import STEP, Permission, Starter, Talk, choose_kind
from tests.agents.conftest import run_git
from tests.agents.model import Model
from tests.agents.real import KEY, RealAgent, age_sessions, has_stored
from tests.agents.script import Asked, Called, Hung, Said

EDIT = "write notes.md: Hello\nrun git status --short\nsay All done."
LONG = "run sh -c 'echo $$ > pid; exec timeout --foreground 60 tail -f README.md'\nsay Waited."
BOARD_TOOLS = {
    "gemini": "mcp_board_ask_human",
    "opencode": "board_ask_human",
    "claude": "mcp__board__ask_human",
}
MODES = {
    "gemini": ["default", "autoEdit", "yolo", "plan"],
    "opencode": [],
    "claude": ["default", "acceptEdits", "plan", "auto"],
}
BOARD = McpServerStdio(name="board", command=sys.executable, args=[str(Path(__file__).with_name("board.py"))], env=[])


async def test_says_what_it_can(start: Starter, real_agent: RealAgent, repository: Path) -> None:
    async with start() as talk:
        hello = await talk.greet()
        opened = await talk.open(repository)
    assert hello.protocol_version == acp.PROTOCOL_VERSION
    assert hello.agent_capabilities is not None
    assert hello.agent_capabilities.load_session
    offered = [mode.id for mode in opened.modes.available_modes] if opened.modes else []
    assert offered == MODES[real_agent.name]
    assert opened.modes is None or opened.modes.current_mode_id == "default"


async def test_edits_when_allowed(start: Starter, model: Model, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        assert await talk.prompt(session, EDIT) == "end_turn"
    assert (repository / "notes.md").read_text() == "Hello\n"
    assert run_git(repository, "status", "--short") == "?? notes.md\n"
    assert talk.recorder.read_words() == "All done."
    assert {key for _, key in model.calls} == {KEY}
    assert "?? notes.md" in find_asked(model, "All done.").results[-1]
    check_edit(talk.recorder.permissions[0], repository / "notes.md")


def check_edit(asked: Permission, path: Path) -> None:
    """A person sees the whole edit before it is made, and may allow it once."""
    assert asked.tool.kind == "edit"
    assert sorted(asked.kinds) == ["allow_always", "allow_once", "reject_once"]
    (diff,) = list(asked.tool.content or [])
    assert isinstance(diff, FileEditToolCallContent)
    assert (diff.path, diff.new_text) == (str(path), "Hello\n")


async def test_asks_before_a_command_that_changes_something(start: Starter, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        assert await talk.prompt(session, "run touch made.txt\nsay Made.") == "end_turn"
    (asked,) = talk.recorder.permissions
    assert asked.tool.kind == "execute"
    assert "touch made.txt" in str(asked.tool.title)
    assert (repository / "made.txt").exists()


async def test_denial_is_obeyed_and_the_talk_goes_on(start: Starter, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        talk.recorder.choose = choose_kind("reject_once")
        assert await talk.prompt(session, "write notes.md: Hello\nsay Denied.") == "end_turn"
        assert len(talk.recorder.permissions) == 1
        assert await talk.prompt(session, "say Still here.") == "end_turn"
    assert talk.recorder.read_words().endswith("Still here.")
    assert run_git(repository, "status", "--short") == ""


async def test_session_is_loaded_after_a_kill(
    start: Starter, real_agent: RealAgent, model: Model, repository: Path
) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        await talk.prompt(session, EDIT)
    age_sessions(real_agent)
    async with start() as talk:
        await talk.greet()
        await talk.load(repository, session)
        assert await talk.prompt(session, "say Loaded.") == "end_turn"
    assert EDIT in talk.recorder.read_words("user_message_chunk")
    assert talk.recorder.read_words().endswith("Loaded.")
    assert EDIT in "\n".join(turn.text for turn in find_asked(model, "Loaded.").turns)


async def test_killed_in_its_first_command(start: Starter, real_agent: RealAgent, repository: Path) -> None:
    async with start() as talk, running_command(talk, repository) as (session, turn):
        await wait_until(lambda: has_stored(real_agent))
        os.killpg(talk.process.pid, signal.SIGKILL)
        with pytest.raises(ConnectionError):
            await turn
    age_sessions(real_agent)
    async with start() as talk:
        await talk.greet()
        await talk.load(repository, session)
        assert await talk.prompt(session, "say Loaded.") == "end_turn"
    assert talk.recorder.read_words().endswith("Loaded.")


async def test_cancel_ends_the_command(start: Starter, repository: Path) -> None:
    async with start() as talk, running_command(talk, repository) as (session, turn):
        await talk.cancel(session)
        assert await turn == "cancelled"
        await wait_until(lambda: not is_alive(int((repository / "pid").read_text())))
        assert await talk.prompt(session, "say Still here.") == "end_turn"
    assert talk.recorder.read_words().endswith("Still here.")


async def test_cancel_while_the_model_is_silent(start: Starter, model: Model, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        turn = asyncio.create_task(talk.prompt(session, "hang"))
        await wait_until(lambda: any(isinstance(step, Hung) for step in model.steps))
        await talk.cancel(session)
        assert await turn == "cancelled"
        assert await talk.prompt(session, "say Still here.") == "end_turn"


async def test_says_that_the_model_failed(start: Starter, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository)
        with pytest.raises(acp.RequestError, match="scripted failure"):
            await talk.prompt(session, "fail 400")
        assert await talk.prompt(session, "say Still here.") == "end_turn"


async def test_calls_a_tool_that_it_was_handed(start: Starter, model: Model, repository: Path) -> None:
    async with start() as talk:
        session = await talk.start_session(repository, BOARD)
        assert await talk.prompt(session, 'use ask_human {"question": "Which colour?"}\nsay Thanks.') == "end_turn"
    assert [step.tool for step in model.steps if isinstance(step, Called)] == [BOARD_TOOLS[talk.agent.name]]
    assert "Which colour? Blue." in find_asked(model, "Thanks.").results[-1]


def find_asked(model: Model, words: str) -> Asked:
    """The request that was answered with these words."""
    answered = zip(model.asked, model.steps, strict=True)
    return next(asked for asked, step in answered if isinstance(step, Said) and step.text == words)


@asynccontextmanager
async def running_command(talk: Talk, repository: Path) -> AsyncIterator[tuple[str, asyncio.Task[str]]]:
    """A session in the middle of LONG and the turn that waits for it; the command is ended whatever the agent did."""
    session = await talk.start_session(repository)
    turn = asyncio.create_task(talk.prompt(session, LONG))
    pid = repository / "pid"
    await wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    try:
        yield session, turn
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)


def is_alive(pid: int) -> bool:
    """A zombie is not: whose child it was is not ours to say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


async def wait_until(holds: Callable[[], bool]) -> None:
    """Other processes ring no bell: look again until it holds."""
    async with asyncio.timeout(STEP):
        while not holds():
            await asyncio.sleep(0.05)
