"""How an agent hears and asks: the Listener that a supervisor hands to its runtime and its tools."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from core.announce import announce
from core.crew import Crew, insistent, require_held
from core.errors import Conflict
from core.interfaces import Answer, Ask, Process
from core.model import Agent, Request, RequestKind, RequestState
from core.requests import UNRULED, Ruling, fingerprint_ask, open_request, require_request, use_answer, withdraw_request
from core.rulebook import LATE, find_always
from core.rules import Decision, Effect, Rule
from core.store import get
from core.transcript import Track

log = structlog.get_logger()
_LOOK_AGAIN = 30.0
_ASKED_AT_ONCE = 20
# What an ask counts of an agent's output at least, so that asking for ever comes to an end.
_ASK_COST = 1_000
_REPORT_GAP = 1.0
_GOODBYE = 0.3


class Ear:
    """Hears one attempt of an agent. While people are asked, `waiting` is above 0 and the time limit stands still."""

    def __init__(self, crew: Crew, agent: Agent, track: Track) -> None:
        self._crew = crew
        self._agent = agent
        self._track = track
        self._loose: set[asyncio.Task[None]] = set()
        self.waiting = 0
        self.waited = 0.0
        self._since: float | None = None
        self._places = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._report = ""
        self._reporting = False
        self._hurry = asyncio.Event()
        self.process: Process | None = None
        self.closing = False

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take an update; what an agent reports of itself is an event as well."""
        before = self._track.output
        self._crew.transcript.hear(self._track, kind, data)
        if kind == "usage" or before <= self._crew.limits.output_bytes < self._track.output:
            self._crew.database.bells.ring(f"turn:{self._agent.id}")
        if kind == "report":
            self._report = str(data.get("text", ""))
            if not self._reporting:
                self._reporting = True
                self._later(self._note_reports())

    async def ask(self, ask: Ask) -> Answer:
        """Ask the rules, then people, and wait, for days if need be. A cancelled wait closes the request unless the
        attempt ends. Of very many asks people see the first; the others follow as those are answered."""
        self._track.output += _ASK_COST + len(ask.title)
        if self._track.output > self._crew.limits.output_bytes:
            self._crew.database.bells.ring(f"turn:{self._agent.id}")
        async with self._places:
            shown: Ask = self._crew.redact(ask)
            return await self._ask(shown, await self._judge(ask, shown))

    async def _judge(self, ask: Ask, shown: Ask) -> Ruling:
        """What the rules say of a permission. They see all of it; what people see of what they say is redacted."""
        if ask.kind is not RequestKind.PERMISSION:
            return UNRULED
        agent, rules = await self._read_rules()
        seen = await self._crew.rulebook.judge(ask, rules, agent.worktree)
        decision: Decision = replace(self._crew.redact(seen), approvers=seen.approvers)
        if decision.rule and decision.rule.effect is not Effect.ASK:
            self.hear("note", {"text": f"{decision.by}: {decision.why}"})
        approvers = self._crew.approvers(agent.project)
        is_single = seen.effect is Effect.ASK and not (seen.approvers or approvers) and seen.why != LATE.why
        is_whole = fingerprint_ask(ask) == fingerprint_ask(shown)
        always = await self._offer_always(agent, shown, rules) if is_single and is_whole else None
        return Ruling(decision, approvers, always)

    async def _offer_always(self, agent: Agent, ask: Ask, rules: Sequence[Rule]) -> Rule | None:
        """The rule that would allow it from now on, if there can be one."""
        try:
            return await find_always(self._crew.rulebook, agent.project, agent.worktree, ask, rules)
        except Conflict:
            return None

    @insistent
    async def _read_rules(self) -> tuple[Agent, list[Rule]]:
        async with self._crew.database.reading() as tx:
            agent = await get(tx, Agent, id=self._agent.id) or self._agent
            return agent, await self._crew.rulebook.list_rules(tx, agent.project)

    async def _ask(self, ask: Ask, ruling: Ruling) -> Answer:
        # Whoever cancels must not leave a request behind of which nobody knows.
        opening = asyncio.create_task(self._open(ask, ruling))
        self._pause()
        try:
            request = await asyncio.shield(opening)
            return await self._use(await self._await_answer(request), ask)
        except asyncio.CancelledError:
            self._later(self._abandon(opening))
            raise
        finally:
            self._resume()

    async def _abandon(self, opening: asyncio.Task[Request]) -> None:
        """An agent that lives no longer waits for it. One that is gone will ask the same again."""
        request = await opening
        if not self.closing and not await self._is_gone():
            await self._withdraw(request.id)

    async def _is_gone(self) -> bool:
        if self.process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self.process.wait()
                    return True
        return self.closing

    async def settle(self) -> None:
        """Wait for what was said on the side."""
        self._hurry.set()
        if self._loose:
            await asyncio.wait(self._loose, timeout=5)
        self._hurry.clear()

    def count_waited(self) -> float:
        """Seconds in which people were waited for, in this attempt so far."""
        running = self._crew.count_seconds() - self._since if self._since is not None else 0.0
        return self.waited + running

    @insistent
    async def _open(self, ask: Ask, ruling: Ruling) -> Request:
        crew = self._crew
        async with crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            attempt, patience = self._track.attempt, crew.limits.patience
            return await open_request(tx, agent, ask, attempt, crew.now(), patience, ruling)

    @insistent
    async def _use(self, request: Request, ask: Ask) -> Answer:
        async with self._crew.database.transaction() as tx:
            return await use_answer(tx, await require_held(tx, self._agent), request, self._crew.now(), ask)

    @insistent
    async def _read(self, request: Request) -> Request:
        async with self._crew.database.reading() as tx:
            return await require_request(tx, request.id)

    async def _await_answer(self, request: Request) -> Request:
        bells, topic = self._crew.database.bells, f"request:{request.id}"
        while request.state is RequestState.OPEN:
            heard = bells.listen(topic)
            request = await self._read(request)
            if request.state is RequestState.OPEN:
                await bells.wait(topic, heard, _LOOK_AGAIN)
        return request

    def _pause(self) -> None:
        self._crew.transcript.pause(self._track)
        if self.waiting == 0:
            self._since = self._crew.count_seconds()
        self.waiting += 1
        self._crew.database.bells.ring(f"turn:{self._agent.id}")

    def _resume(self) -> None:
        self.waiting -= 1
        if self.waiting == 0 and self._since is not None:
            self.waited += self._crew.count_seconds() - self._since
            self._since = None
            # While people are waited for silence means nothing: it is counted from here on.
            self._track.at = self._crew.now()
        self._crew.database.bells.ring(f"turn:{self._agent.id}")

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._loose.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._loose.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("not written down", agent=self._agent.id, reason=str(error))

    @insistent
    async def _withdraw(self, request: str) -> None:
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            await withdraw_request(tx, agent, request, "the agent no longer waits for it", self._crew.now())

    async def _note_reports(self) -> None:
        """The newest report is an event, one in a second at most. The transcript has them all."""
        while self._report:
            text, self._report = self._report, ""
            await self._note_report(text)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REPORT_GAP):
                    await self._hurry.wait()
        self._reporting = False

    @insistent
    async def _note_report(self, text: str) -> None:
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            await announce(tx, agent, "agent.reported", self._crew.now(), text=self._crew.redact(text))
