"""One turn: a message is handed over, the agent works, and gives the word back or is made to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.announce import announce, make_fact
from core.asking import Ear
from core.budgets import Scope, Usage, find_spent, list_warnings
from core.crew import Crew, LeaseLost, cancel_task, insistent, require_held, write_facts
from core.delivery import bump_postings
from core.errors import PermanentFailure
from core.events import Event
from core.handover import find_files, place_files
from core.interfaces import Exit, GivenFile, Process, Session, TurnEnd
from core.ledger import note_warnings, record_usage, see_scopes, write_before
from core.model import Agent, AgentMessage, MessageState, Wanted
from core.prompts import LOADED, REBUILT, write_prompt
from core.prose import name_turn
from core.requests import end_asks
from core.store import Transaction, change, get
from core.store.fleet import list_earlier, next_urgent
from core.transcript import Track

_A_DAY = 86_400.0
_LOOK_AGAIN = 60.0
_ENDED = "the agent did not listen and was ended"
_FIRST = "reading the task"


class Halt(StrEnum):
    """Why a turn was made to end; NONE when the agent ended it."""

    NONE = ""
    STOP = "stop"
    INTERRUPT = "interrupt"
    BUDGET = "budget"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a turn ended. `broken`: the process is gone, and why; `failed`: the agent lives and said that it cannot;
    `spent`: which budget is used up."""

    halt: Halt = Halt.NONE
    stop_reason: str = ""
    broken: str = ""
    failed: str = ""
    spent: str = ""

    @property
    def is_crash(self) -> bool:
        """Whether the message was cut short by nobody's wish."""
        return bool(self.broken) and self.halt is Halt.NONE


class Turn:
    """Runs one turn of one attempt."""

    def __init__(
        self,
        crew: Crew,
        agent: Agent,
        process: Process,
        session: Session,
        ear: Ear,
        track: Track,
        instructions: str = "",
    ) -> None:
        self._crew = crew
        self._agent = agent
        self._process = process
        self._session = session
        self._ear = ear
        self._track = track
        self._topic = f"turn:{agent.id}"
        self._prompt = ""
        self._instructions = instructions
        self._files: Sequence[GivenFile] = ()
        self._used = 0.0
        self._started = crew.count_seconds()
        self._waited = 0.0
        self._minutes_left: float | None = None
        self._spent = ""
        self._warned: set[str] = set()

    async def begin(self, tx: Transaction, agent: Agent, message: AgentMessage) -> tuple[dict[str, Any], Event]:
        """Write down that the message is handed over. `run` does it, once this is committed, and with it the facts and
        the event that this returns."""
        now = self._crew.now()
        earlier = await list_earlier(tx, agent.id, message.number) if self._session.how == REBUILT else []
        self._used = agent.active_seconds
        self._track.activity = _FIRST
        # What was cut short and is handed over again is the same turn.
        turns = agent.turns + (message.state is not MessageState.SENT)
        await record_usage(tx, write_before(agent), self._crew.day, turns=turns)
        await change(tx, AgentMessage, {"id": message.id}, state=MessageState.SENT, sent_at=now)
        self._files = await find_files(tx, self._crew.home, message)
        self._prompt = write_prompt(
            message.text,
            interrupted=message.state is MessageState.SENT,
            how=self._session.how,
            earlier=[before.text for before in earlier],
            instructions=self._choose_instructions(message),
            files=self._files,
        )
        self._track.turn = await name_turn(tx, agent, turns, self._track.number)
        self._track.thread = agent.place
        facts = {"turn_started_at": now, "turns": turns, "last_activity": _FIRST}
        return facts, make_fact(agent, "agent.turn_started", now, message=message.id, turn=turns)

    def _choose_instructions(self, message: AgentMessage) -> str:
        """Once in a session; a loaded one may have been cut short before it heard its first message."""
        interrupted = message.number == 1 and message.state is MessageState.SENT
        return self._instructions if interrupted or self._session.how != LOADED else ""

    async def run(self, message: AgentMessage) -> TurnResult:
        """See the turn that was begun to its end. What was heard is stored before the end is."""
        self._started, self._waited = self._crew.count_seconds(), self._ear.count_waited()
        self._track.count_active = lambda: self._used + self._count_active()
        self._instructions = ""
        await place_files(self._files)
        prompting = asyncio.create_task(self._session.prompt(self._prompt, self._files))
        prompting.add_done_callback(lambda _: self._crew.database.bells.ring(self._topic))
        try:
            halt = await self._watch(prompting)
            result = await self._end(prompting, halt)
        finally:
            if not prompting.done():
                await cancel_task(prompting)
        await self._ear.settle()
        await self._store_transcript()
        await self._finish(message, result)
        return result

    @insistent
    async def _store_transcript(self) -> None:
        await self._crew.transcript.finish(self._track)

    def _count_active(self) -> float:
        elapsed = self._crew.count_seconds() - self._started
        return max(0.0, elapsed - (self._ear.count_waited() - self._waited))

    async def _watch(self, prompting: asyncio.Task[TurnEnd]) -> Halt:
        """Wait until the turn is over or somebody or some limit wants it to be. Its end rings the bell, too."""
        bells = self._crew.database.bells
        while not prompting.done():
            heard = bells.listen(self._topic)
            if halt := await self._look():
                return halt
            if not prompting.done():
                await bells.wait(self._topic, heard, _A_DAY if self._ear.waiting else self._choose_pause())
        return Halt.OUTPUT if self._has_said_too_much() else Halt.NONE

    def _choose_pause(self) -> float:
        """Seconds until the next look: the agent's own time ends then, or others may have used what is shared."""
        return _LOOK_AGAIN if self._minutes_left is None else min(_LOOK_AGAIN, max(0.1, self._minutes_left * 60))

    def _has_said_too_much(self) -> bool:
        return self._track.output > self._crew.limits.output_bytes

    @insistent
    async def _look(self) -> Halt:
        if self._has_said_too_much():
            return Halt.OUTPUT
        async with self._crew.database.reading() as tx:
            agent = await get(tx, Agent, id=self._agent.id)
            message = await next_urgent(tx, self._agent.id)
            scopes = await self._see_scopes(tx, agent) if agent else []
        if agent is None or agent.epoch != self._agent.epoch:
            raise LeaseLost(f"{self._agent.id} is held by another process")
        if agent.wanted is not Wanted.RUN:
            return Halt.STOP
        await self._warn(scopes)
        self._spent = find_spent(scopes)
        if self._spent and not self._ear.waiting:
            return Halt.BUDGET
        return Halt.INTERRUPT if message is not None else Halt.NONE

    async def _see_scopes(self, tx: Transaction, agent: Agent) -> list[Scope]:
        """The budgets as they are used at this moment, what is not stored yet included."""
        meter, minutes = self._track.meter, (self._used + self._count_active()) / 60
        usage = Usage(meter.cost, minutes, agent.turns, meter.tokens)
        scopes = await see_scopes(tx, agent, self._crew.find_plan(agent.project), self._crew.day, usage)
        own = scopes[0].budget.minutes
        self._minutes_left = None if own is None else own - minutes
        return scopes

    async def _warn(self, scopes: Sequence[Scope]) -> None:
        near = {key for key, _, _ in list_warnings(scopes)}
        if near <= self._warned:
            return
        async with self._crew.database.transaction() as tx:
            await note_warnings(tx, await require_held(tx, self._agent), scopes, self._crew.now())
        self._warned |= near

    async def _end(self, prompting: asyncio.Task[TurnEnd], halt: Halt) -> TurnResult:
        """Get the turn over: ask the agent first, and end its process when it does not listen."""
        forced = False
        if halt and not prompting.done():
            forced = not await self._ask_to_end(prompting)
        if forced:
            await self._process.kill()
            await asyncio.wait([prompting], timeout=5)
        if not prompting.done():
            return TurnResult(halt, broken=_ENDED, spent=self._spent)
        try:
            return TurnResult(halt, prompting.result().stop_reason, spent=self._spent)
        except PermanentFailure as failure:
            if forced:
                return TurnResult(halt, broken=_ENDED, spent=self._spent)
            exit = await self._await_exit()
            broken, failed = (f"{exit} in mid-turn", "") if exit else ("", failure.message)
            return TurnResult(halt, broken=broken, failed=failed, spent=self._spent)

    async def _await_exit(self) -> Exit | None:
        try:
            async with asyncio.timeout(2):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def _ask_to_end(self, prompting: asyncio.Task[TurnEnd]) -> bool:
        grace = self._crew.limits.grace.total_seconds()
        try:
            async with asyncio.timeout(grace):
                await self._session.cancel()
                await asyncio.wait([prompting])
        except (TimeoutError, PermanentFailure):
            return prompting.done()
        return True

    @insistent
    async def _finish(self, message: AgentMessage, result: TurnResult) -> None:
        now = self._crew.now()
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            active = max(agent.active_seconds, self._used + self._count_active())
            await record_usage(tx, write_before(agent), self._crew.day, active_seconds=active)
            await write_facts(tx, self._agent, turn_started_at=None, active_seconds=active)
            if not result.is_crash:
                await change(tx, AgentMessage, {"id": message.id}, state=MessageState.DONE, ended_at=now)
                await end_asks(tx, agent, self._track.attempt, now)
            if self._track.turn:
                await bump_postings(tx, self._track.turn)
            why = result.stop_reason or result.broken or result.failed
            await announce(tx, agent, "agent.turn_ended", now, stop_reason=why, turn=agent.turns)
