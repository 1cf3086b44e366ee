"""Requests: what an agent asks of people, from the ask to the use of the answer.

After a restart the same ask (same fingerprint) finds its stored Request again, answered or not, so that an answer
given while the agent was away is used, once. Locked in this order, everywhere: the timer, the agent, the request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.announce import announce
from core.errors import BadInput, Conflict, NotFound
from core.ids import make_id
from core.interfaces import Answer, Ask
from core.model import Agent, Grant, Request, RequestKind, RequestState, Timer, Verdict
from core.quorum import Part, Terms
from core.rules import Decision, Effect, Rule
from core.store import Transaction, change, find, get, insert
from core.store.fleet import lock_agent
from core.timers import cancel_timer, set_timer

TIMER = "request.deadline"
_SUBSTANCE = ("command", "input", "diff")
_ALLOWING = (Verdict.ONCE, Verdict.AGENT)
CHANGED = "What was approved is not what would run now, so it was not allowed."


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the house says of an ask before people do: the `decision` of the rules, the `approvers` of the project, and
    the rule that would allow it `always`."""

    decision: Decision | None = None
    approvers: Sequence[Part] = ()
    always: Rule | None = None

    @property
    def terms(self) -> Terms:
        """Whose approval it takes."""
        if self.decision is None:
            return Terms(project=tuple(self.approvers))
        return Terms(self.decision.approvers, tuple(self.approvers), self.decision.whole)

    def write(self, fingerprint: str) -> dict[str, Any]:
        """The parts of a Request with this fingerprint that say so."""
        decision = self.decision
        return {
            "why": decision.why if decision else "",
            "rule": decision.by if decision and decision.rule else "",
            "approvers": self.terms.write(),
            "always": {"text": str(self.always), "seal": seal_rule(fingerprint, self.always)} if self.always else {},
        }


UNRULED = Ruling()


def fingerprint_ask(ask: Ask) -> str:
    """The hash of what people are shown: equal before and after a restart."""
    shown = {
        "kind": ask.kind.value,
        "title": ask.title,
        "tool": ask.tool,
        "detail": {name: value for name, value in ask.detail.items() if name != "call"},
        "options": [[option.name, option.kind] for option in ask.options],
    }
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()


def seal_rule(fingerprint: str, rule: Rule) -> str:
    """What stands for a rule and what it was shown for: whoever confirms it confirms both."""
    return hashlib.sha256(f"{fingerprint}\n{rule}".encode()).hexdigest()[:16]


def scope_ask(ask: Ask) -> str:
    """What "for this agent" covers: exactly what was shown, never more. The agent's words about it may differ only
    where something else says what is done."""
    is_told = any(ask.detail.get(name) for name in _SUBSTANCE)
    passing = ("call", "title", "text") if is_told else ("call",)
    shown = {name: value for name, value in ask.detail.items() if name not in passing}
    scope = [ask.tool, shown] if is_told else [ask.tool, shown, ask.title]
    return hashlib.sha256(json.dumps(scope, sort_keys=True, default=str).encode()).hexdigest()


async def open_request(
    tx: Transaction,
    agent: Agent,
    ask: Ask,
    attempt: int,
    now: datetime,
    patience: timedelta | None,
    ruling: Ruling = UNRULED,
) -> Request:
    """Store an ask, or find the one it repeats. A rule that allows or denies answers it at once, and so does a grant
    of the agent, unless more people must approve than the one who gave it."""
    by, answer = _answer_by_rule(ruling.decision)
    known = await _find_repeated(tx, agent.id, fingerprint_ask(ask), attempt)
    if known and (known.state is RequestState.OPEN or not (answer and answer.verdict is Verdict.DENIED)):
        request = await _reattach(tx, agent, known, ask, attempt, now, ruling)
        # What takes several people does not take none because a rule came later.
        if answer and request.state is RequestState.OPEN and not (request.approvers and answer.verdict in _ALLOWING):
            return await _settle(tx, agent, request, answer, by, now)
        return request
    request = _make_request(agent, ask, attempt, now, patience, ruling)
    await insert(tx, request)
    if answer:
        return await _settle(tx, agent, request, answer, by, now)
    is_granted = not request.approvers and ask.kind is RequestKind.PERMISSION
    granted = await get(tx, Grant, agent=agent.id, scope=scope_ask(ask)) if is_granted else None
    if granted:
        return await _settle(tx, agent, request, Answer(Verdict.AGENT), f"grant of {granted.granted_by}", now)
    if request.deadline:
        await set_timer(tx, Timer(f"request:{request.id}", TIMER, request.deadline, {"request": request.id}))
    data = {"request": request.id, "kind": ask.kind.value, "title": ask.title}
    await announce(tx, agent, "request.opened", now, **data, **_say_takes(request))
    return request


def _say_takes(request: Request) -> dict[str, str]:
    """Whose approval it takes, where one approver is not enough."""
    parts = Terms.read(request.approvers).choose() if request.kind is RequestKind.PERMISSION else ()
    return {"takes": " and ".join(map(str, parts))} if parts else {}


def _answer_by_rule(decision: Decision | None) -> tuple[str, Answer | None]:
    """Which rule answers in people's stead, and what; None when they are asked."""
    if decision is None or decision.effect is Effect.ASK:
        return "", None
    if decision.effect is Effect.ALLOW:
        return decision.by, Answer(Verdict.ONCE)
    return decision.by, Answer(Verdict.DENIED, text=f"{decision.why} here by {decision.by}")


def _make_request(
    agent: Agent, ask: Ask, attempt: int, now: datetime, patience: timedelta | None, ruling: Ruling
) -> Request:
    return Request(
        id=make_id("r", 6),
        agent=agent.id,
        kind=ask.kind,
        title=ask.title,
        tool=ask.tool,
        detail=dict(ask.detail),
        options=tuple(ask.options),
        fingerprint=fingerprint_ask(ask),
        opened_at=now,
        attempt=attempt,
        deadline=now + patience if patience else None,
        **ruling.write(fingerprint_ask(ask)),
    )


async def _find_repeated(tx: Transaction, agent: str, fingerprint: str, attempt: int) -> Request | None:
    known = await find(
        tx,
        Request,
        agent=agent,
        fingerprint=fingerprint,
        state=(RequestState.OPEN, RequestState.ANSWERED, RequestState.EXPIRED),
    )
    waiting = [request for request in known if request.used_at is None and request.attempt < attempt]
    return min(waiting, key=lambda request: request.opened_at, default=None)


async def _reattach(
    tx: Transaction, agent: Agent, known: Request, ask: Ask, attempt: int, now: datetime, ruling: Ruling
) -> Request:
    values = {"options": tuple(ask.options), "detail": dict(ask.detail), "choice": _translate_choice(known, ask)}
    await change(tx, Request, {"id": known.id}, attempt=attempt, **values, **_rule_again(known, ruling))
    data = {"request": known.id, "kind": known.kind.value, "title": known.title}
    await announce(tx, agent, "request.reattached", now, **data)
    return await require_request(tx, known.id)


def _rule_again(known: Request, ruling: Ruling) -> dict[str, Any]:
    """What the house says by now; whose approval it took before it takes still."""
    if known.state is not RequestState.OPEN or known.kind is not RequestKind.PERMISSION:
        return {}
    terms = Terms.read(known.approvers)
    return {
        **ruling.write(known.fingerprint),
        "approvers": (terms.add(ruling.terms) if known.approvers else ruling.terms).write(),
    }


def _translate_choice(known: Request, ask: Ask) -> str:
    """The chosen option's id as the agent calls it now: the names are the same, in the same order."""
    ids = [option.id for option in known.options]
    return ask.options[ids.index(known.choice)].id if known.choice in ids else known.choice


async def require_request(tx: Transaction, request: str) -> Request:
    """The request with this id. Raises NotFound."""
    found = await get(tx, Request, id=request)
    if found is None:
        raise NotFound(f"There is no request {request}.", remedy="`list` shows the agents that ask for something.")
    return found


async def answer_request(
    tx: Transaction, agent: Agent, request: Request, answer: Answer, by: str, now: datetime
) -> Request:
    """Keep an answer. The first one wins: Conflict when somebody, or the deadline, was earlier."""
    if request.state is not RequestState.OPEN:
        raise Conflict(describe_settled(request))
    _check_answer(request, answer)
    return await _settle(tx, agent, request, answer, by, now)


def demand_open(request: Request) -> Ask:
    """What a request shows, if it waits for permission. Raises Conflict when it was answered or is not what was asked,
    BadInput for a question."""
    if request.kind is not RequestKind.PERMISSION:
        raise BadInput(f"{request.id} is a question.", remedy="Use `answer`.")
    if request.state is not RequestState.OPEN:
        raise Conflict(describe_settled(request))
    ask = as_ask(request)
    if fingerprint_ask(ask) != request.fingerprint:
        raise Conflict(f"{request.id} is not what was asked any more.", remedy=f"Deny it: `deny {request.id}`")
    return ask


def describe_settled(request: Request) -> str:
    """Why a request takes no answer any more, in words for people."""
    if request.state is RequestState.ANSWERED:
        return f"{request.id} was already answered ({request.verdict}) by {request.answered_by}."
    if request.state is RequestState.EXPIRED:
        return f"{request.id} got no answer in time; the agent was told so."
    return f"{request.id} is no longer asked: the agent went on."


def _check_answer(request: Request, answer: Answer) -> None:
    permission = request.kind is RequestKind.PERMISSION
    if permission and answer.verdict is Verdict.ANSWERED:
        remedy = f"`approve {request.id}` allows it, `deny {request.id}` refuses it."
        raise BadInput(f"{request.id} asks for permission.", remedy=remedy)
    if not permission and answer.verdict in _ALLOWING:
        raise BadInput(f"{request.id} is a question.", remedy=f"`answer {request.id} WORDS` answers it.")
    if answer.choice and answer.choice not in {option.id for option in request.options}:
        raise BadInput(f"{answer.choice!r} is not among the options of {request.id}.")


async def _settle(tx: Transaction, agent: Agent, request: Request, answer: Answer, by: str, now: datetime) -> Request:
    await cancel_timer(tx, f"request:{request.id}")
    await _note_life(tx, agent, now)
    changed = await change(
        tx,
        Request,
        {"id": request.id, "state": RequestState.OPEN},
        state=RequestState.ANSWERED,
        verdict=answer.verdict.value,
        choice=answer.choice,
        text=answer.text,
        fields=dict(answer.fields),
        answered_by=by,
        answered_at=now,
    )
    if not changed:
        raise Conflict(describe_settled(await require_request(tx, request.id)))
    if answer.verdict is Verdict.AGENT and not by.startswith("grant of "):
        scope = scope_ask(as_ask(request))
        await insert_new_grant(tx, Grant(agent.id, scope, by, now))
    await announce(tx, agent, "request.answered", now, request=request.id, outcome=answer.verdict.value, by=by)
    tx.ring(f"request:{request.id}")
    return await require_request(tx, request.id)


async def _note_life(tx: Transaction, agent: Agent, now: datetime) -> None:
    """The silence of an agent that waited for people is counted from the end of the wait."""
    await change(tx, Agent, {"id": agent.id}, last_activity_at=now)


async def insert_new_grant(tx: Transaction, grant: Grant) -> None:
    """Keep a grant unless the agent has it."""
    if await get(tx, Grant, agent=grant.agent, scope=grant.scope) is None:
        await insert(tx, grant)


async def use_answer(tx: Transaction, agent: Agent, request: Request, now: datetime, ask: Ask | None = None) -> Answer:
    """Hand the stored answer over, once, and only for what was shown: `ask` is what would run now. Raises Conflict
    when the answer was used before."""
    changed = await change(tx, Request, {"id": request.id, "used_at": None}, used_at=now)
    if not changed:
        raise Conflict(f"The answer to {request.id} was used already.")
    stored = await require_request(tx, request.id)
    answer = read_answer(stored)
    prints = {stored.fingerprint, fingerprint_ask(as_ask(stored)), fingerprint_ask(ask or as_ask(stored))}
    if len(prints) > 1 and answer.verdict in _ALLOWING:
        answer = Answer(Verdict.DENIED, text=CHANGED)
    await announce(tx, agent, "request.used", now, request=request.id, outcome=answer.verdict.value)
    return answer


def read_answer(request: Request) -> Answer:
    """The answer that a settled request holds."""
    return Answer(Verdict(request.verdict), request.choice, request.text, dict(request.fields))


async def expire_request(tx: Transaction, agent: Agent, request: Request, now: datetime) -> bool:
    """The deadline passed: its own outcome, not a denial. False, and nothing happens, when somebody answered."""
    await lock_agent(tx, agent.id)
    values = {"state": RequestState.EXPIRED, "verdict": Verdict.NO_ANSWER.value, "answered_at": now}
    if not await change(tx, Request, {"id": request.id, "state": RequestState.OPEN}, **values):
        return False
    await _note_life(tx, agent, now)
    await announce(tx, agent, "request.expired", now, request=request.id)
    tx.ring(f"request:{request.id}")
    return True


async def withdraw_requests(tx: Transaction, agent: Agent, why: str, now: datetime, *, before_attempt: int = 0) -> int:
    """Close what the agent no longer waits for; only asks of earlier attempts if `before_attempt` is given."""
    asked = await find(tx, Request, agent=agent.id, state=RequestState.OPEN)
    stale = [request for request in asked if not before_attempt or request.attempt < before_attempt]
    for request in stale:
        await withdraw_request(tx, agent, request.id, why, now)
    return len(stale)


async def end_asks(tx: Transaction, agent: Agent, attempt: int, now: datetime) -> None:
    """A turn is over. What was asked before this attempt and was not asked again is closed; an answer that nobody
    came for is void: months later it would allow the same thing unasked."""
    await withdraw_requests(tx, agent, "the agent went on without it", now, before_attempt=attempt)
    settled = (RequestState.ANSWERED, RequestState.EXPIRED)
    await change(tx, Request, {"agent": agent.id, "state": settled, "used_at": None}, fingerprint="")


async def withdraw_request(tx: Transaction, agent: Agent, request: str, why: str, now: datetime) -> None:
    """Close one open request without an answer. Its timer finds it closed."""
    values = {"state": RequestState.WITHDRAWN, "verdict": Verdict.CANCELLED.value}
    if await change(tx, Request, {"id": request, "state": RequestState.OPEN}, **values):
        await announce(tx, agent, "request.withdrawn", now, request=request, why=why)
        tx.ring(f"request:{request}")


async def list_open(tx: Transaction, agent: str = "") -> list[Request]:
    """Open requests, the oldest first."""
    where: Mapping[str, Any] = {"agent": agent} if agent else {}
    found = await find(tx, Request, state=RequestState.OPEN, **where)
    return sorted(found, key=lambda request: request.opened_at)


def as_ask(request: Request) -> Ask:
    """What people were shown."""
    return Ask(request.kind, request.title, request.tool, request.detail, request.options)
