"""The exam of runtimes: ACP with the demo agent passes it, and runtimes with a fault do not."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.errors import PermanentFailure
from core.exam import examine_runtime
from core.exam import runtime as exam
from core.exam.runtime import Start
from core.interfaces import AgentRuntime, Answer, Ask, Handshake, Listener, Opening, Session, TurnEnd
from core.model import Verdict
from integrations.acp.runtime import AcpRuntime

AGENT = Path("integrations/demo/agent.py").absolute()


def make_start(folder: Path) -> Start:
    @asynccontextmanager
    async def start() -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(AGENT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "CALLBOARD_STATE": str(folder / "state")},
        )
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout, process.stdin
        finally:
            process.kill()
            process.stdin.close()
            await process.wait()

    return start


async def examine(runtime: AgentRuntime, folder: Path) -> None:
    words = {"task": "say hello", "long": "take 60 seconds", "ask": "run `touch made.txt`"}
    await examine_runtime(runtime, make_start(folder), str(folder), **words, did=(folder / "made.txt").exists)


async def test_acp_passes(tmp_path: Path) -> None:
    await examine(AcpRuntime(), tmp_path)


class Deaf(AcpRuntime):
    """Hears nothing of what is said."""

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Any:
        class Ears:
            ask = listener.ask

            def hear(self, kind: str, data: object) -> None: ...

        return await super().open(reader, writer, opening, Ears())


class Stubborn(AcpRuntime):
    """Cancels nothing."""

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Any:
        session = await super().open(reader, writer, opening, listener)

        async def cancel() -> None: ...

        session.cancel = cancel  # type: ignore[method-assign]
        return session


class Trusting:
    """Takes whoever is there for an agent."""

    def __init__(self) -> None:
        self._inner = AcpRuntime()

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Session:
        return await self._inner.open(reader, writer, opening, listener)

    async def greet(self, reader: StreamReader, writer: StreamWriter, folder: str = "") -> Handshake:
        try:
            return await self._inner.greet(reader, writer, folder)
        except PermanentFailure:
            return Handshake("somebody", "", ())


class Immortal(AcpRuntime):
    """Says of an agent that is gone that it ended well."""

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Any:
        session = await super().open(reader, writer, opening, listener)
        prompt = session.prompt

        async def say_well(text: str, files: object = ()) -> TurnEnd:
            try:
                return await prompt(text)
            except PermanentFailure:
                return TurnEnd("end_turn")

        session.prompt = say_well  # type: ignore[method-assign, assignment]
        return session


class Lenient(AcpRuntime):
    """Takes whatever is said for a yes."""

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Any:
        class Ears:
            hear = listener.hear

            async def ask(self, ask: Ask) -> Answer:
                await listener.ask(ask)
                return Answer(Verdict.ONCE)

        return await super().open(reader, writer, opening, Ears())


class Strict(AcpRuntime):
    """Takes whatever is said for a no."""

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Any:
        class Ears:
            hear = listener.hear

            async def ask(self, ask: Ask) -> Answer:
                await listener.ask(ask)
                return Answer(Verdict.DENIED)

        return await super().open(reader, writer, opening, Ears())


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Deaf, "what an agent says is heard"),
        (Stubborn, "the end of a cancelled turn took longer"),
        (Trusting, "goes away is a PermanentFailure"),
        (Immortal, "in a turn is a PermanentFailure"),
        (Lenient, "answered by 'denied' is not done"),
        (Strict, "answered by 'once' is done"),
    ],
)
async def test_a_runtime_with_a_fault_fails(
    kind: type[AgentRuntime], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exam, "PATIENCE", 2.0)
    with pytest.raises(AssertionError, match=fault):
        await examine(kind(), tmp_path)
