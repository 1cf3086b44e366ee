"""Approvals that are counted: each is kept with the hash of what was shown; only those for the same content count."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from core.announce import announce
from core.errors import BadInput, Conflict, Refused
from core.interfaces import Answer
from core.model import Actor, Agent, AgentMessage, Person, ProjectRole, Request, RequestState, Role, Timer, Verdict
from core.people import list_people_of
from core.quorum import Quorum, Shortage, Tally, Vote, can_vote, find_shortage, tally_votes
from core.requests import as_ask, describe_settled, fingerprint_ask, require_request
from core.store import Transaction, change, find, get, upsert
from core.store.fleet import lock_agent

NEVER = "Anybody who approves may deny it; an admin can name others, or add people: `doctor` says where."


async def cast_vote(
    tx: Transaction, actor: Actor, agent: Agent, request: Request, answer: Answer, quorum: Quorum, now: datetime
) -> Tally:
    """Keep somebody's approval, once a person, and count. Raises Refused for one who does not count, BadInput for more
    than this once, Conflict when it was answered."""
    if answer.verdict is not Verdict.ONCE:
        raise BadInput(f"{request.id} takes {quorum}, each time.", remedy=f"`approve {request.id}` allows it once.")
    await _lock(tx, agent, request)
    request = await require_request(tx, request.id)
    if request.state is not RequestState.OPEN:
        raise Conflict(describe_settled(request))
    await _check_voter(tx, actor, agent, quorum)
    vote = Vote(request.id, actor.person, answer.verdict.value, _hash(request), now, sorted(actor.groups), actor.lifted)
    await upsert(tx, vote, "request", "person")
    tally = await count_votes(tx, agent, request, quorum)
    data = {"request": request.id, "by": actor.name, "votes": len(tally.by), "needed": tally.needed}
    await announce(tx, agent, "request.voted", now, actor.person, **data)
    return tally


async def count_votes(tx: Transaction, agent: Agent, request: Request, quorum: Quorum) -> Tally:
    """How far a request is. Who lost the role meanwhile, or saw something else, does not count."""
    votes = await find(tx, Vote, request=request.id, fingerprint=_hash(request))
    people = [
        await _find_voter(tx, vote, agent.project) for vote in sorted(votes, key=lambda vote: (vote.at, vote.person))
    ]
    groups = {vote.person: vote.groups for vote in votes}
    excluded = await _find_excluded(tx, agent)
    voters = [person for person in people if person]
    tally = tally_votes(quorum, voters, excluded, groups)
    shortage = await _find_shortage(tx, quorum, agent.project, excluded, voters) if tally.missing else None
    return replace(tally, shortage=shortage)


async def _find_shortage(
    tx: Transaction, quorum: Quorum, project: str, excluded: Collection[str], voters: Sequence[Person] = ()
) -> Shortage | None:
    """Whether there can never be enough. Who voted by a role that a group gave them then is one of those who can."""
    return find_shortage(quorum, [*await list_people_of(tx, project), *voters], excluded)


async def _find_voter(tx: Transaction, vote: Vote, project: str) -> Person | None:
    """Who voted, with the role that they have now in the project; or the one that their groups gave them then."""
    person = await get(tx, Person, id=vote.person)
    here = await get(tx, ProjectRole, person=vote.person, project=project)
    role = max(person.role, vote.lifted, here.role if here else Role.NOBODY) if person else Role.NOBODY
    return replace(person, role=role) if person else None


async def _lock(tx: Transaction, agent: Agent, request: Request) -> None:
    """In the order in which all do: the timer, the agent. Two who vote at once are counted one after the other."""
    key = f"request:{request.id}"
    await change(tx, Timer, {"key": key}, key=key)
    await lock_agent(tx, agent.id)


async def _check_voter(tx: Transaction, actor: Actor, agent: Agent, quorum: Quorum) -> None:
    known = await get(tx, Person, id=actor.person)
    # A key to the API may be for less than its person is.
    here = actor.projects.get(agent.project, Role.NOBODY)
    person = replace(known, role=max(min(max(known.role, actor.lifted), actor.role), here)) if known else None
    excluded = await _find_excluded(tx, agent)
    if person and can_vote(quorum, person, excluded, actor.groups):
        return
    why = "it is your own agent" if actor.person in excluded else "you are not among them"
    shortage = await _find_shortage(tx, quorum, agent.project, excluded)
    never = f" {shortage}." if shortage else ""
    remedy = NEVER if shortage else "Ask one of them; anybody who approves may deny it."
    raise Refused(f"This takes {quorum}, and {why}.{never}", remedy=remedy)


async def _find_excluded(tx: Transaction, agent: Agent) -> set[str]:
    """Who asked for the work, and whose it is now."""
    first = await get(tx, AgentMessage, agent=agent.id, number=1)
    return {agent.owner, *([first.author] if first else [])}


def _hash(request: Request) -> str:
    return fingerprint_ask(as_ask(request))
