"""The life of one agent, from the claim to its rest, going on from stored facts alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from core.announce import announce, announce_facts, subject_of
from core.asking import Ear
from core.attempts import Spent, Stopped, note_end, note_session, note_start
from core.budgets import find_spent
from core.crew import Crew, LeaseLost, Site, cancel_task, insistent, require_held, write_facts
from core.errors import CallboardError, PermanentFailure, TemporaryFailure
from core.instructions import find_instructions
from core.interfaces import Exit, Launch, Opening, Process, Session, ToolServer, Work, Workspace
from core.ledger import see_scopes
from core.model import Agent, AgentMessage, Outcome, Person, ProcessState, Wanted
from core.outfit import plan_outfit
from core.prompts import write_commit
from core.requests import withdraw_requests
from core.rest import HALTS, Rest, add_trouble, drop_messages, judge_turn, note_wait, write_rest_data, write_rest_facts
from core.shelter import find_shelter, shut_in
from core.store import Transaction, get
from core.store.fleet import next_message
from core.taking import make_place, take_place
from core.transcript import Track
from core.turns import Halt, Turn, TurnResult
from core.workspace import recall_workspace, write_workspace

log = structlog.get_logger()

_ENDED_WELL = "end_turn"
_PAUSE = 5.0
_LOOK_AGAIN = 30.0
T = TypeVar("T")


class Supervisor:
    """Runs one claimed agent. `resumed` is set once it is known whether the agent could go on after a restart."""

    def __init__(self, crew: Crew, agent: Agent) -> None:
        self._crew = crew
        self._agent = agent
        self._why = "restart" if agent.process is not ProcessState.NONE else ("message" if agent.attempts else "order")
        self._workspace: Workspace | None = None
        self._unnoted: Workspace | None = None
        self._begun: Track | None = None
        self._rested = False
        self._site: Site
        self._tools: Sequence[ToolServer] = ()
        self._subject = self._spent = ""
        self._turns = 0
        self.settled: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """See the agent to its rest, or leave it to whoever claims it next."""
        try:
            await self._see_through()
        except LeaseLost as lost:
            log.warning("agent left to another process", agent=self._agent.id, reason=lost.message)
        except TemporaryFailure as failure:
            log.warning("agent will be tried again", agent=self._agent.id, reason=failure.message)
            await note_wait(self._crew, self._agent, failure)
            await asyncio.sleep(_PAUSE)
        finally:
            self._settle("left")
            self._crew.tools.revoke(self._agent.id)

    async def _see_through(self) -> None:
        rest = await self._survive(self._live())
        if rest and (trouble := await self._survive(self._rest(rest))):
            # Whatever keeps it from its rest, it comes to rest: else it would be started again and again.
            self._workspace = None
            await self._rest(trouble)

    async def _survive(self, work: Coroutine[Any, Any, Rest | None]) -> Rest | None:
        """Catches everything: one agent's trouble stays its own."""
        try:
            return await work
        except (LeaseLost, TemporaryFailure):
            raise
        except Stopped:
            return HALTS[Halt.STOP]
        except Spent as spent:
            return Rest(Outcome.READY, spent.message)
        except CallboardError as error:
            return Rest(Outcome.FAILED, str(error))
        except Exception as error:
            log.exception("supervisor failed", agent=self._agent.id)
            return Rest(Outcome.FAILED, f"internal error: {error!r}")

    async def _live(self) -> Rest:
        if self._agent.attempts or self._agent.process is not ProcessState.NONE:
            await self._close_attempt(await self._crew.host.reclaim(self._agent.id, self._agent.worktree))
        place = recall_workspace(self._agent)
        if self._agent.attempts:
            self._workspace = place
        if self._agent.wanted is Wanted.STOP:
            return HALTS[Halt.STOP]
        # What a set-up that failed left behind is no work of the agent: before its end there is nothing to collect.
        if place is None:
            place = self._unnoted = await self._prepare()
        if outfit := plan_outfit(self._crew, self._agent, place):
            await self._check_spent()
            await self._unless_stopped(outfit.run())
        self._workspace = place
        return await self._work()

    async def _find_spent(self, tx: Transaction, agent: Agent) -> str:
        """Why the agent cannot begin another turn; "" while it can."""
        scopes = await see_scopes(tx, agent, self._crew.find_plan(agent.project), self._crew.day)
        return find_spent(scopes, starting=True)

    async def _check_spent(self) -> None:
        async with self._crew.database.reading() as tx:
            if spent := await self._find_spent(tx, self._agent):
                raise Spent(spent)

    async def _prepare(self) -> Workspace:
        """A spare, or a new worktree. Where no set-up comes between, the attempt is put on record while git works."""
        agent, site = self._agent, self._crew.catalogue.find_site(self._agent.project)
        if site.warm and (taken := await self._unless_stopped(take_place(self._crew, agent, site))):
            self._agent, place = taken
            return place
        making = self._unless_stopped(make_place(self._crew, agent, site))
        if site.setup or site.copy:
            return await making
        beginning = asyncio.create_task(self._begin_attempt())
        try:
            place = self._unnoted = await making
            self._begun = await beginning
        finally:
            await cancel_task(beginning)
        return place

    async def _work(self) -> Rest:
        """One attempt after another until there is nothing to do; crashes in a row are counted."""
        crashes = 0
        while True:
            turns = self._turns
            result = await self._attempt()
            if isinstance(result, Rest):
                return result
            progressed = self._turns > turns + 1
            crashes = (1 if progressed else crashes + 1) if result.is_crash else 0
            if crashes > self._crew.limits.restarts:
                return Rest(Outcome.FAILED, f"{result.broken}; tried {crashes} times")
            self._why = "crash" if result.is_crash else "message"

    async def _attempt(self) -> Rest | TurnResult:
        """One process: turns until the agent rests, or the result that left the process of no use."""
        begun, self._begun = self._begun or await self._begin_attempt(), None
        track = self._crew.transcript.open(begun)
        ear = Ear(self._crew, self._agent, track)
        try:
            async with self._process(ear) as process:
                await self._note_place()
                try:
                    session = await self._open_session(process, ear)
                except PermanentFailure as failure:
                    return await self._judge_opening(process, failure)
                return await self._converse(process, session, ear, track)
        finally:
            await self._crew.transcript.close(track)

    @insistent
    async def _begin_attempt(self) -> Track:
        """A new attempt is on record before a process is started. Raises LeaseLost, Stopped, Spent."""
        await self._crew.transcript.catch_up(self._agent.id, self._agent.epoch)
        self._site, place = find_shelter(self._crew.catalogue, self._agent), self._workspace
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            if agent.wanted is not Wanted.RUN:
                raise Stopped(f"{agent.id} is to stop")
            if spent := await self._find_spent(tx, agent):
                raise Spent(spent)
            track = await note_start(tx, agent, self._why, self._site, place, self._crew.now())
        self._agent = replace(agent, attempts=track.attempt)
        self._unnoted = None if place else self._unnoted
        return track

    @insistent
    async def _note_place(self) -> None:
        """The worktree of an attempt that was put on record before it; the agent's program starts meanwhile."""
        if self._unnoted:
            async with self._crew.database.transaction() as tx:
                await require_held(tx, self._agent)
                await write_facts(tx, self._agent, **write_workspace(self._unnoted))
            self._unnoted = None

    async def _look(self, tx: Transaction) -> Agent:
        """The agent as it is now. Raises LeaseLost when it is not ours, Stopped when it is to stop."""
        agent = await get(tx, Agent, id=self._agent.id)
        if agent is None or agent.epoch != self._agent.epoch:
            raise LeaseLost(f"{self._agent.id} is held by another process")
        if agent.wanted is not Wanted.RUN:
            raise Stopped(f"{agent.id} is to stop")
        return agent

    @insistent
    async def _check_wanted(self) -> None:
        async with self._crew.database.reading() as tx:
            await self._look(tx)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; it is cancelled, and Stopped raised, when somebody stops the agent meanwhile."""
        bells, topic = self._crew.database.bells, f"turn:{self._agent.id}"
        doing = asyncio.create_task(work)
        doing.add_done_callback(lambda _: bells.ring(topic))
        try:
            while not doing.done():
                heard = bells.listen(topic)
                await self._check_wanted()
                if not doing.done():
                    await bells.wait(topic, heard, _LOOK_AGAIN)
            return doing.result()
        finally:
            await cancel_task(doing)

    @contextlib.asynccontextmanager
    async def _process(self, ear: Ear) -> AsyncIterator[Process]:
        """A process that is gone, with all its descendants, when this ends in whatever way."""
        end: Exit | str = "not started"
        try:
            process = ear.process = await self._crew.host.start(await self._launch(ear))
            try:
                yield process
            finally:
                ear.closing = True
                self._crew.tools.revoke(self._agent.id)
                end = await process.kill()
        finally:
            await self._close_attempt(end)

    async def _launch(self, ear: Ear) -> Launch:
        assert self._workspace is not None
        kind, most = self._crew.catalogue.find_command(self._agent.kind), self._crew.limits.log_bytes
        folder = self._crew.home / "agents" / self._agent.id
        for name in ("state", "files"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        env = {**kind.env, "CALLBOARD_STATE": str(folder / "state")}
        launch = Launch(self._agent.id, kind.command, env, self._workspace.folder, folder / "stderr.log", most)
        self._tools = (self._crew.tools.issue(self._agent.id, ear),)
        return await shut_in(self._crew.sandboxes, self._site, kind, launch, self._workspace, self._tools)

    async def _open_session(self, process: Process, ear: Ear) -> Session:
        assert self._workspace is not None
        kind = self._crew.catalogue.find_command(self._agent.kind)
        opening = Opening(
            folder=self._workspace.folder,
            session=self._agent.session,
            model=self._agent.model or kind.model,
            mode=self._agent.mode or kind.mode,
            tools=self._tools,
        )
        opened = self._crew.find_runtime(self._agent.kind).open(process.reader, process.writer, opening, ear)
        return await self._unless_stopped(opened)

    async def _judge_opening(self, process: Process, failure: PermanentFailure) -> Rest | TurnResult:
        """An agent that dies while it opens may be tried again; one that says no may not."""
        try:
            async with asyncio.timeout(1):
                exit = await process.wait()
        except TimeoutError:
            return Rest(Outcome.FAILED, str(failure))
        return TurnResult(broken=f"{exit} before it could be spoken to ({failure.message})")

    async def _converse(self, process: Process, session: Session, ear: Ear, track: Track) -> Rest | TurnResult:
        told = await find_instructions(self._site, self._agent, session, self._workspace)
        turn = Turn(self._crew, self._agent, process, session, ear, track, told)
        last = TurnResult(stop_reason=_ENDED_WELL)
        message = await self._begin_turn(turn, session)
        track.meter.open(session.id)
        while True:
            if message is None:
                if rest := await self._try_rest(last):
                    return rest
            elif self._spent:
                return Rest(Outcome.READY, self._spent)
            else:
                self._subject = self._subject or message.text
                last = await turn.run(message)
                self._turns += 1
                if result := judge_turn(last):
                    return result
            message = await self._begin_turn(turn)

    @insistent
    async def _begin_turn(self, turn: Turn, opened: Session | None = None) -> AgentMessage | None:
        """The next message, on record as handed over if a turn is left for it; in one transaction with the session, if
        that was just opened. Raises LeaseLost, Stopped."""
        message, noted = None, []
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            if opened is not None:
                noted.append(await note_session(tx, agent, opened, self._why, self._crew.now()))
            if agent.wanted is Wanted.RUN:
                message = await next_message(tx, agent.id)
            self._spent = await self._find_spent(tx, agent) if message is not None else ""
            if message is not None and not self._spent:
                noted.append(await turn.begin(tx, agent, message))
            if noted:
                await write_facts(tx, agent, **{name: value for facts, _ in noted for name, value in facts.items()})
            await announce_facts(tx, agent, *(event for _, event in noted))
        if opened is not None:
            self._agent = replace(self._agent, session=opened.id)
            self._settle("resumed")
        if agent.wanted is not Wanted.RUN:
            raise Stopped(f"{agent.id} is to stop")
        return message

    async def _try_rest(self, last: TurnResult) -> Rest | None:
        """Rest after a turn, with the work collected, unless a message came in the meantime."""
        if last.stop_reason == _ENDED_WELL:
            return await self._record(Rest(Outcome.DONE))
        reason = {"cancelled": "it was interrupted", "refusal": "it refused to go on"}.get(
            last.stop_reason, f"it ended with {last.stop_reason}"
        )
        return await self._record(Rest(Outcome.READY, reason))

    async def _rest(self, rest: Rest) -> None:
        """Come to rest, whatever waits; the place in the fleet is free afterwards."""
        with contextlib.suppress(LeaseLost):
            if not self._rested:
                await self._record(rest, final=True)
            await self._release()

    async def _record(self, rest: Rest, final: bool = False) -> Rest | None:
        """Write the rest down, with the work. Unless `final`: None when a message waits."""
        work, trouble = await self._collect(rest)
        written = await self._write_rest(add_trouble(rest, trouble), work, final)
        if written is not None:
            self._rested = True
            self._settle(written.reason or written.outcome.value)
        return written

    @insistent
    async def _write_rest(self, rest: Rest, work: Work, final: bool) -> Rest | None:
        now = self._crew.now()
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            if not final:
                await self._look(tx)
                if await next_message(tx, agent.id):
                    return None
            if rest.outcome is Outcome.STOPPED:
                rest = replace(rest, reason=agent.reason or rest.reason)
                await drop_messages(tx, agent.id, now)
            place = write_workspace(self._unnoted) if self._unnoted else {}
            await write_facts(tx, self._agent, **write_rest_facts(rest, work, now), **place)
            if final:
                await note_end(tx, agent.id, "not started", now)
            await withdraw_requests(tx, agent, "the agent came to rest", now)
            await announce(
                tx, agent, f"agent.{rest.outcome.value}", now, **write_rest_data(rest, work, self._workspace)
            )
            tx.ring("fleet")
        return rest

    async def _collect(self, rest: Rest) -> tuple[Work, str]:
        """The work, and what kept it from being collected."""
        if self._workspace is None:
            return Work((), ""), ""
        message = write_commit(self._agent, self._subject, await self._find_owner(), rest.outcome is Outcome.DONE)
        try:
            return await self._crew.repositories.collect(self._workspace, message), ""
        except CallboardError as failure:
            log.warning("work not committed", agent=self._agent.id, reason=failure.message)
            return Work((), f"not committed: {failure.message}"), str(failure)

    @insistent
    async def _find_owner(self) -> str:
        async with self._crew.database.reading() as tx:
            owner = await get(tx, Person, id=self._agent.owner)
        return owner.name if owner else self._agent.owner

    @insistent
    async def _close_attempt(self, end: Exit | str | None) -> None:
        """Write down how the last process ended."""
        async with self._crew.database.transaction() as tx:
            await require_held(tx, self._agent)
            await note_end(tx, self._agent.id, end, self._crew.now())

    @insistent
    async def _release(self) -> None:
        async with self._crew.database.transaction() as tx:
            await write_facts(
                tx, self._agent, process=ProcessState.NONE, holder="", lease_until=None, turn_started_at=None
            )
            tx.ring("fleet", subject_of(self._agent.id))

    def _settle(self, how: str) -> None:
        if not self.settled.done():
            self.settled.set_result(how)
