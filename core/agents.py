"""The verbs of agents, shared by commands, schedules, webhooks and whatever comes. Each takes an Actor, asks
permission at the moment of the act, and writes the change, the audit row and what follows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from core import ledger
from core.announce import announce, subject_of
from core.audit import write_audit
from core.budgets import Budget, Plan, find_spent, is_spent, name_day
from core.delivery import show_posting
from core.errors import BadInput, Conflict, NotFound
from core.files import FileRef
from core.ids import make_id
from core.interfaces import Answer
from core.ledger import RAISED, raise_budget, see_scopes
from core.lifecycle import is_resting
from core.messages import Place
from core.model import (
    Actor,
    Agent,
    AgentMessage,
    MessageState,
    Outcome,
    Person,
    Posting,
    ProcessState,
    Request,
    RequestKind,
    Verdict,
    Wanted,
)
from core.permissions import demand
from core.prompts import explain_denial
from core.quorum import Quorum
from core.requests import answer_request, describe_settled, list_open, require_request, withdraw_requests
from core.rest import drop_messages
from core.store import Transaction, append_events, change, count, find, get, insert, take_numbers
from core.store.fleet import list_queue, lock_agent, next_message
from core.votes import cast_vote

LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Order:
    """What to start. `base`, `model` and `mode` are "" for the project's, or the agent's, own choice."""

    project: str
    kind: str
    text: str
    model: str = ""
    mode: str = ""
    base: str = ""
    parent: str = ""
    files: Sequence[FileRef] = ()
    threaded: bool = False


class Handover(StrEnum):
    """What becomes of a message at once."""

    QUEUED = "queued"
    INTERRUPTS = "interrupts"
    RESUMES = "resumes"


async def require_agent(tx: Transaction, agent: str) -> Agent:
    """The agent with this id. Raises NotFound."""
    found = await get(tx, Agent, id=agent.strip().lower())
    if found is None or found.removed_at is not None:
        gone = "was removed" if found else "does not exist"
        raise NotFound(f"Agent {agent} {gone}.", remedy="`list` shows the agents.")
    return found


async def spawn_agent(tx: Transaction, actor: Actor, order: Order, place: str, room: int, now: datetime) -> Agent:
    """Put a new agent into the queue. `room` is how many may wait at most. Its card stands in `place`; what is said of
    it goes there too, or below its card where the order says so."""
    demand(actor, "spawn", project=order.project)
    _check_text(order.text)
    number = await take_numbers(tx, f"agents of {order.project}")
    if len(await list_queue(tx)) >= room:
        raise Conflict(f"{room} agents wait already (limits.queue).", remedy="Stop some, or wait for some to end.")
    agent = Agent(
        id=f"{order.project}-{number}",
        number=number,
        project=order.project,
        kind=order.kind,
        task=order.text,
        owner=actor.person,
        place=f"{place}/{order.project}-{number}" if order.threaded else place,
        created_at=now,
        queued_at=now,
        parent=order.parent,
        model=order.model,
        mode=order.mode,
        base=order.base,
    )
    await insert(tx, agent, _first_message(agent, actor, order.files, now))
    await write_audit(tx, actor, "spawn", agent.id, True, order.kind, now)
    await show_posting(tx, subject_of(agent.id), Place.parse(place))
    await announce(tx, agent, "agent.queued", now, actor.person, task=order.text[:200], kind=order.kind)
    tx.ring("fleet")
    return agent


async def show_here(tx: Transaction, actor: Actor, agent: Agent, place: Place, threaded: bool, now: datetime) -> bool:
    """Keep a card of an agent in one more place, which hears what it asks as well; False where there is one already.
    `threaded`: what is said of it goes below the card."""
    demand(actor, "show here", project=agent.project)
    known = await get(tx, Posting, subject=subject_of(agent.id), place=str(place))
    posting = await show_posting(tx, subject_of(agent.id), place)
    if known:
        return False
    hears = f"{place}/{agent.id}" if threaded else str(place)
    await change(tx, Posting, {"id": posting.id}, hears=hears)
    await write_audit(tx, actor, "show here", agent.id, True, str(place), now)
    return True


def _first_message(agent: Agent, actor: Actor, files: Sequence[FileRef], now: datetime) -> AgentMessage:
    return AgentMessage(make_id("m"), agent.id, 1, agent.task, actor.person, MessageState.QUEUED, False, now, files)


def _check_text(text: str) -> None:
    if not text.strip():
        raise BadInput("There are no words for the agent.", remedy="Say what it is to do.")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadInput("The words hold characters that cannot be stored (NUL, or half of a surrogate pair).")
    if len(text) > LONGEST:
        raise BadInput(f"{len(text):,} characters are too many ({LONGEST:,} at most).", remedy="Put it into a file.")


async def send_message(
    tx: Transaction,
    actor: Actor,
    agent: Agent,
    text: str,
    urgent: bool,
    now: datetime,
    files: Sequence[FileRef] = (),
) -> tuple[AgentMessage, Handover]:
    """Give an agent words: queued to the turn's end, or interrupting it; an agent at rest goes on."""
    demand(actor, "send", agent.owner, agent.project)
    _check_text(text)
    agent = await lock_agent(tx, agent.id) or agent
    if agent.wanted is Wanted.STOP:
        raise Conflict(f"{agent.id} is being stopped.", remedy="Send it when the agent has stopped: it goes on then.")
    message = await queue_message(tx, agent, text, actor.person, urgent, now, files)
    await write_audit(tx, actor, "send", agent.id, True, message.id, now)
    if is_resting(agent):
        await wake_agent(tx, agent, now)
        return message, Handover.RESUMES
    tx.ring(f"turn:{agent.id}")
    return message, Handover.INTERRUPTS if urgent and agent.turn_started_at else Handover.QUEUED


async def queue_message(
    tx: Transaction,
    agent: Agent,
    text: str,
    author: str,
    urgent: bool,
    now: datetime,
    files: Sequence[FileRef] = (),
) -> AgentMessage:
    """Store words for an agent behind those that wait."""
    await lock_agent(tx, agent.id)
    number = 1 + await count(tx, AgentMessage, agent=agent.id)
    message = AgentMessage(make_id("m"), agent.id, number, text, author, MessageState.QUEUED, urgent, now, files)
    await insert(tx, message)
    await announce(tx, agent, "message.queued", now, author, message=message.id, text=text[:200], now=urgent)
    return message


async def wake_agent(tx: Transaction, agent: Agent, now: datetime) -> None:
    """An agent at rest has work again."""
    values = {"wanted": Wanted.RUN, "outcome": Outcome.NONE, "reason": "", "ended_at": None, "queued_at": now}
    await change(tx, Agent, {"id": agent.id}, **values)
    tx.ring("fleet", f"turn:{agent.id}")


async def raise_agent(
    tx: Transaction, actor: Actor, agent: Agent, more: Budget, plan: Plan, day: str, now: datetime
) -> tuple[Agent, bool]:
    """Add to an agent's budget. Returns it as it is now, and whether it goes on with that."""
    agent, was_spent = await raise_budget(tx, actor, agent, more, now)
    if not was_spent or find_spent(await see_scopes(tx, agent, plan, day), starting=True):
        return agent, False
    await _go_on(tx, actor, agent, now)
    return agent, True


async def raise_day(
    tx: Transaction,
    actor: Actor,
    subject: tuple[str, str],
    more: Budget,
    plans: Callable[[str], Plan],
    today: tuple[str, tzinfo],
    now: datetime,
) -> list[str]:
    """Add to a day's budget, `subject` being its kind and whose it is. Returns the agents that go on with that: those
    that came to rest today because a budget was used up, and now live on none that is."""
    (kind, name), (day, zone) = subject, today
    where: dict[str, Any] = {"person_day": {"owner": name}, "project_day": {"project": name}, "day": {}}[kind]
    resting = await find(tx, Agent, outcome=Outcome.READY, removed_at=None, **where)
    locked = [await lock_agent(tx, id) for id in sorted(agent.id for agent in resting if is_spent(agent))]
    event = await ledger.raise_day(tx, actor, kind, name, more, plans(name if kind == "project_day" else ""), day, now)
    spent = [agent for agent in locked if agent and is_spent(agent) and _rests_since(agent, day, zone)]
    free = [
        agent
        for agent in spent
        if not find_spent(await see_scopes(tx, agent, plans(agent.project), day), starting=True)
    ]
    for agent in free:
        await _go_on(tx, actor, agent, now)
    await append_events(tx, event)
    return [agent.id for agent in free]


def _rests_since(agent: Agent, day: str, zone: tzinfo) -> bool:
    return agent.ended_at is not None and name_day(agent.ended_at, zone) == day


async def _go_on(tx: Transaction, actor: Actor, agent: Agent, now: datetime) -> None:
    if await next_message(tx, agent.id) is None:
        await queue_message(tx, agent, RAISED, actor.person, False, now)
    await wake_agent(tx, agent, now)


async def stop_agent(tx: Transaction, actor: Actor, agent: Agent, reason: str, now: datetime) -> bool:
    """Stop an agent; its work is kept. False when it rests already."""
    demand(actor, "stop", agent.owner, agent.project)
    agent = await lock_agent(tx, agent.id) or agent
    if is_resting(agent):
        return False
    await write_audit(tx, actor, "stop", agent.id, True, reason, now)
    await change(tx, Agent, {"id": agent.id}, wanted=Wanted.STOP, reason=reason)
    if agent.process is ProcessState.NONE and not agent.holder:
        await _stop_waiting(tx, actor, agent, reason, now)
    tx.ring("fleet", f"turn:{agent.id}")
    return True


async def _stop_waiting(tx: Transaction, actor: Actor, agent: Agent, reason: str, now: datetime) -> None:
    values = {"outcome": Outcome.STOPPED, "wanted": Wanted.REST, "reason": reason or "stopped", "ended_at": now}
    await change(tx, Agent, {"id": agent.id}, **values)
    await drop_messages(tx, agent.id, now)
    await withdraw_requests(tx, agent, "the agent was stopped", now)
    await announce(tx, agent, "agent.stopped", now, actor.person, reason=reason or "stopped")


async def retry_agent(
    tx: Transaction, actor: Actor, agent: Agent, text: str, kind: str, room: int, now: datetime, model: str = ""
) -> Agent:
    """The same work again by a new agent, with other words, of another kind or with another model if given."""
    demand(actor, "retry", agent.owner, agent.project)
    same = kind in ("", agent.kind)
    kept, mode = (agent.model, agent.mode) if same else ("", "")
    model = model or kept
    first = await get(tx, AgentMessage, agent=agent.id, number=1)
    files = first.files if first else ()
    place = agent.place.removesuffix(f"/{agent.id}")
    order = Order(
        agent.project,
        kind or agent.kind,
        text or agent.task,
        model,
        mode,
        agent.base,
        agent.id,
        files,
        threaded=place != agent.place,
    )
    again = await spawn_agent(tx, actor, order, place, room, now)
    await write_audit(tx, actor, "retry", agent.id, True, again.id, now)
    await announce(tx, agent, "agent.retried", now, actor.person, **{"as": again.id})
    return again


async def assign_agent(tx: Transaction, actor: Actor, agent: Agent, person: Person, now: datetime) -> None:
    """Make somebody else the owner."""
    demand(actor, "assign", agent.owner, agent.project)
    await change(tx, Agent, {"id": agent.id}, owner=person.id)
    await write_audit(tx, actor, "assign", agent.id, True, person.id, now)
    await announce(tx, agent, "agent.assigned", now, actor.person, owner=person.name, before=agent.owner)


async def find_person(tx: Transaction, words: str) -> Person:
    """A person by id or name. Raises NotFound."""
    name = words.strip().lstrip("@")
    known = await get(tx, Person, id=name)
    people = [known] if known else [person for person in await find(tx, Person) if person.name.lower() == name.lower()]
    if len(people) != 1:
        raise NotFound(
            f"There is {'nobody' if not people else 'more than one person'} named {name}.",
            remedy="`admin people` shows who there is; `admin grant` adds somebody.",
        )
    return people[0]


async def find_request(tx: Transaction, words: str, kind: RequestKind | None = None) -> Request:
    """The request that an id, or the id of an agent which asks for one thing, stands for."""
    # A project may be called r: its agents' ids look like those of requests.
    if words.startswith("r-") and await get(tx, Agent, id=words) is None:
        return await require_request(tx, words)
    agent = await require_agent(tx, words)
    asked = await list_open(tx, agent.id)
    fitting = [request for request in asked if kind is None or request.kind is kind]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        last = await _last_settled(tx, agent, kind)
        before = f" {describe_settled(last)}" if last else ""
        if asked:
            raise _refuse_kind(agent, asked[0], before)
        raise Conflict(f"{agent.id} asks for nothing now.{before}")
    ids = ", ".join(f"{request.id} ({request.title})" for request in fitting)
    raise BadInput(f"{agent.id} asks for {len(fitting)} things.", remedy=f"Name one: {ids}")


def _refuse_kind(agent: Agent, request: Request, before: str) -> Conflict:
    """What an agent asks instead, for somebody who settles it with the wrong command."""
    if request.kind is RequestKind.QUESTION:
        words, remedy = "a question", f"`answer {agent.id} WORDS` answers it."
    else:
        words, remedy = "for permission", f"`approve {agent.id}` allows it, `deny {agent.id}` refuses it."
    return Conflict(f"{agent.id} asks {words} ({request.title}).{before}", remedy=remedy)


async def _last_settled(tx: Transaction, agent: Agent, kind: RequestKind | None) -> Request | None:
    settled = [request for request in await find(tx, Request, agent=agent.id) if kind is None or request.kind is kind]
    return max(settled, key=lambda request: request.opened_at, default=None)


async def answer_agent(
    tx: Transaction, actor: Actor, request: Request, answer: Answer, now: datetime, quorum: Quorum | None = None
) -> Request:
    """Answer what an agent asks. A denial's reason is a message to the agent as well. An approval that takes a
    `quorum` is counted, and the request stays open until there are enough."""
    agent = await require_agent(tx, request.agent)
    verb = "answer" if request.kind is RequestKind.QUESTION else "approve"
    demand(actor, verb, agent.owner, agent.project)
    by = actor.name
    if quorum and request.kind is RequestKind.PERMISSION and answer.verdict is not Verdict.DENIED:
        tally = await cast_vote(tx, actor, agent, request, answer, quorum, now)
        if tally.missing:
            await write_audit(tx, actor, verb, request.id, True, f"vote: {tally}", now)
            return request
        by = ", ".join(tally.by)
    settled = await answer_request(tx, agent, request, answer, by, now)
    await write_audit(tx, actor, verb, request.id, True, answer.verdict.value, now)
    if answer.verdict is Verdict.DENIED and answer.text and request.kind is RequestKind.PERMISSION:
        await queue_message(tx, agent, explain_denial(answer.text), actor.person, False, now)
    return settled


async def record_accept(
    tx: Transaction, actor: Actor, agent: Agent, how: str, target: str, now: datetime, base_commit: str = ""
) -> None:
    """Write down that the agent's work was taken; `base_commit` is where its branch begins now, if that moved."""
    values = {"base_commit": base_commit} if base_commit else {}
    await change(tx, Agent, {"id": agent.id}, accepted=f"{how} {target}".strip(), **values)
    await write_audit(tx, actor, "accept", agent.id, True, how, now)
    await announce(tx, agent, "agent.accepted", now, actor.person, how=how, target=target)


async def record_removal(tx: Transaction, actor: Actor, agent: Agent, lost: str, now: datetime) -> None:
    """Write down that worktree and branch are gone."""
    await change(tx, Agent, {"id": agent.id}, removed_at=now)
    await write_audit(tx, actor, "remove", agent.id, True, lost, now)
    await announce(tx, agent, "agent.removed", now, actor.person, lost=lost)
