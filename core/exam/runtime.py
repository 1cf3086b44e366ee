"""What a supervisor relies on in every runtime, tried on an agent of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.errors import PermanentFailure
from core.exam.verdict import demand, demand_equal
from core.interfaces import AgentRuntime, Answer, Ask, Opening, Session
from core.model import Verdict

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Start = Callable[[], AbstractAsyncContextManager[Streams]]
PATIENCE = 20.0
HEARD = ("message", "thought", "tool", "plan", "log", "usage", "note", "report")
_NOBODY = "no-such-session"


@dataclass(slots=True)
class Recorder:
    """A Listener that writes down what it hears, and gives the same `answer` to everything; with None it never does."""

    answer: Answer | None = None
    heard: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    cancelled: int = 0
    asking: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        json.dumps(data, allow_nan=False).encode()
        demand(kind in HEARD, f"{kind} is an update: {', '.join(HEARD)}")
        self.heard.append((kind, dict(data)))

    async def ask(self, ask: Ask) -> Answer:
        json.dumps(dict(ask.detail), allow_nan=False).encode()
        self.asked.append(ask)
        self.asking.set()
        try:
            return self.answer or await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@dataclass(frozen=True, slots=True)
class Words:
    """What to tell the agent: `task` makes it say something and end its turn, `long` keeps it at work until it is
    cancelled, `ask` makes it ask for a permission ("" where it never does)."""

    task: str
    long: str
    ask: str = ""


async def examine_runtime(
    runtime: AgentRuntime,
    start: Start,
    folder: str,
    *,
    task: str,
    long: str,
    ask: str = "",
    did: Callable[[], bool] | None = None,
) -> None:
    """Every check of a runtime. `start` starts an agent in `folder`, gives its streams and ends it. Tell it what makes
    the agent say something (`task`), work until it is cancelled (`long`), and ask for a permission (`ask`, if it ever
    does); `did` tells whether the agent has done what it asked for. Raises AssertionError."""
    exam = Exam(runtime, start, folder, Words(task, long, ask))
    await exam.check_greeting()
    await exam.check_turns()
    await exam.check_cancel()
    await exam.check_comeback()
    await exam.check_strangers()
    await exam.check_death(exam.words.long)
    if ask:
        await exam.check_permissions(did)


async def within(work: Coroutine[Any, Any, T], what: str) -> T:
    """What the work gives. Raises AssertionError when it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise AssertionError(f"{what} took longer than {PATIENCE:.0f} s") from None


async def expect_failure(work: Coroutine[Any, Any, Any], what: str) -> None:
    """Raises AssertionError unless the work raises PermanentFailure with words in it."""
    try:
        await within(work, what)
    except PermanentFailure as failure:
        demand(failure.message, f"{what}: the failure says why")
        return
    raise AssertionError(f"{what} is a PermanentFailure")


@dataclass(frozen=True, slots=True)
class Exam:
    """One runtime with one kind of agent."""

    runtime: AgentRuntime
    start: Start
    folder: str
    words: Words

    @asynccontextmanager
    async def open(self, listener: Recorder, session: str = "") -> AsyncIterator[Session]:
        """A session with an agent that was just started."""
        async with self.start() as (reader, writer):
            opening = Opening(self.folder, session=session)
            yield await within(self.runtime.open(reader, writer, opening, listener), "opening a session")

    async def check_greeting(self) -> None:
        for folder in ("", self.folder):
            async with self.start() as (reader, writer):
                hello = await within(self.runtime.greet(reader, writer, folder), "the handshake")
            demand(hello.name, "an agent says its name")
            words = [*hello.can, *hello.modes, *hello.models]
            demand(all(isinstance(word, str) for word in words), "what an agent can is a list of words")

    async def check_turns(self) -> None:
        recorder = Recorder(Answer(Verdict.ONCE))
        async with self.open(recorder) as session:
            demand(session.id, "a session has an id")
            demand_equal(session.how, "new", "a session that nobody asked for is new")
            for _ in range(2):
                before = len(recorder.heard)
                end = await within(session.prompt(self.words.task), "a turn")
                demand_equal(end.stop_reason, "end_turn", "a turn that the agent ends")
                demand(any(kind == "message" for kind, _ in recorder.heard[before:]), "what an agent says is heard")

    async def check_cancel(self) -> None:
        async with self.open(Recorder(Answer(Verdict.ONCE))) as session:
            prompting = asyncio.create_task(session.prompt(self.words.long))
            await asyncio.sleep(0.3)
            demand(not prompting.done(), "`long` is a task that takes until it is cancelled")
            await within(session.cancel(), "cancelling")
            end = await within(_settle(prompting), "the end of a cancelled turn")
            demand_equal(end.stop_reason, "cancelled", "a turn that was cancelled")
            end = await within(session.prompt(self.words.task), "a turn after one that was cancelled")
            demand_equal(end.stop_reason, "end_turn", "a turn after one that was cancelled")

    async def check_comeback(self) -> None:
        """A session is loaded by another process of the agent, or it is said that it had to be rebuilt."""
        async with self.open(Recorder()) as session:
            await within(session.prompt(self.words.task), "a turn")
            known = session.id
        for wanted in (known, _NOBODY):
            async with self.open(Recorder(), wanted) as session:
                demand(session.how in ("loaded", "rebuilt"), f"{session.how!r} is loaded or rebuilt")
                demand(session.id, "a session has an id")
                demand(session.how == "rebuilt" or session.id == wanted, "a session that was loaded keeps its id")
                await within(session.prompt(self.words.task), "a turn")

    async def check_strangers(self) -> None:
        """Whatever is at the other end: it is a PermanentFailure, and nothing else."""
        for said in (b"", b"what?\n", b"\xff\x00{[\n", b"[" * 100_000 + b"\n", b'{"id": 1}\n[]\nnull\n'):
            for greets in (True, False):
                await self._meet(said, greets)

    async def _meet(self, said: bytes, greets: bool) -> None:
        here, there = socket.socketpair()
        with there:
            reader, writer = await asyncio.open_connection(sock=here)
            there.sendall(said)
            there.shutdown(socket.SHUT_WR)
            meeting: Coroutine[Any, Any, Any]
            if greets:
                meeting = self.runtime.greet(reader, writer)
            else:
                meeting = self.runtime.open(reader, writer, Opening(self.folder), Recorder())
            with contextlib.closing(writer):
                await expect_failure(meeting, f"an agent that says {said[:20]!r} and goes away")

    async def check_death(self, text: str) -> None:
        recorder = Recorder()
        async with self.open(recorder) as session:
            prompting = asyncio.create_task(session.prompt(text))
            if text == self.words.ask:
                await within(recorder.asking.wait(), "an ask")
            await asyncio.sleep(0.1)
        await expect_failure(_settle(prompting), "an agent that goes away in a turn")
        demand_equal(recorder.cancelled, len(recorder.asked), "nobody is asked for an agent that is gone")

    async def check_permissions(self, did: Callable[[], bool] | None) -> None:
        """Whatever is no permission is none, and a permission is one."""
        for verdict in (Verdict.DENIED, Verdict.NO_ANSWER, Verdict.CANCELLED):
            await self.check_ask(verdict)
            demand(did is None or not did(), f"what was answered by {verdict.value!r} is not done")
        await self.check_cancelled_ask()
        await self.check_death(self.words.ask)
        demand(did is None or not did(), "what nobody answered is not done")
        for verdict in (Verdict.ONCE, Verdict.AGENT):
            await self.check_ask(verdict)
            demand(did is None or did(), f"what was answered by {verdict.value!r} is done")

    async def check_ask(self, verdict: Verdict) -> None:
        recorder = Recorder(Answer(verdict))
        async with self.open(recorder) as session:
            end = await within(session.prompt(self.words.ask), "a turn with an ask")
        demand(end.stop_reason, "a turn ends for a reason")
        demand(recorder.asked, "`ask` makes the agent ask")
        for ask in recorder.asked:
            demand(ask.title and ask.tool, "an ask says what it is about")

    async def check_cancelled_ask(self) -> None:
        recorder = Recorder()
        async with self.open(recorder) as session:
            prompting = asyncio.create_task(session.prompt(self.words.ask))
            await within(recorder.asking.wait(), "an ask")
            await within(session.cancel(), "cancelling")
            end = await within(_settle(prompting), "the end of a cancelled turn")
        demand_equal(end.stop_reason, "cancelled", "a turn that was cancelled while it asked")
        demand_equal(recorder.cancelled, len(recorder.asked), "an ask of a cancelled turn is taken back")


async def _settle(task: asyncio.Task[T]) -> T:
    return await task
