"""Events: facts in the past tense, data only. Lines of an agent's transcript are Updates, not Events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class EventKind:
    """What an event of this kind means, and the keys its data has."""

    meaning: str
    data: tuple[str, ...] = ()


CATALOGUE: Mapping[str, EventKind] = {
    "agent.queued": EventKind("An agent was asked for and waits for a place.", ("task", "kind")),
    "agent.setting_up": EventKind("A set-up command of the project runs in the agent's new worktree.", ("command",)),
    "agent.set_up": EventKind("The agent's new worktree is ready, set up as the project says.", ("seconds",)),
    "agent.took_spare": EventKind(
        "The agent took a worktree that was prepared before, with its set-up done.", ("spare", "age_seconds")
    ),
    "agent.started": EventKind("The agent's process speaks and its session is new.", ("attempt", "kind")),
    "agent.resumed": EventKind("The agent's process was started again.", ("attempt", "how", "why")),
    "agent.turn_started": EventKind("A message was handed to the agent.", ("message", "turn")),
    "agent.turn_ended": EventKind("The agent gave the word back.", ("stop_reason", "turn")),
    "agent.activity": EventKind("The agent did something worth showing; at most one in two seconds.", ("what",)),
    "agent.done": EventKind("The agent finished; its work is committed on its branch.", ("commits", "branch")),
    "agent.ready": EventKind("The agent stopped short of finishing and can take a message.", ("reason",)),
    "agent.failed": EventKind("The agent cannot go on.", ("reason",)),
    "agent.stopped": EventKind("A person stopped the agent.", ("reason",)),
    "agent.reported": EventKind("The agent said something of itself.", ("text",)),
    "agent.accepted": EventKind("The agent's work was merged or pushed.", ("how", "target")),
    "agent.assigned": EventKind("The agent has another owner.", ("owner", "before")),
    "agent.removed": EventKind("Worktree and branch were removed.", ("lost",)),
    "agent.retried": EventKind("A person asked for the same work again.", ("as",)),
    "pool.failed": EventKind(
        "A warm pool could not be filled; agents prepare their own worktrees meanwhile.", ("reason", "failures")
    ),
    "pool.kept": EventKind("Somebody left something in a spare worktree, so nobody removes it.", ("spare", "why")),
    "budget.warned": EventKind(
        "A budget on which the agent lives is nearly used; once for each budget and limit.",
        ("scope", "whose", "what", "share", "used", "limit"),
    ),
    "budget.raised": EventKind(
        "Somebody added to the agent's budget, or to that `of` a person, a project or everybody for one `day`.",
        ("of", "name", "day", "money", "minutes", "turns", "tokens"),
    ),
    "message.queued": EventKind("A message waits for the agent.", ("message", "text", "now")),
    "request.opened": EventKind(
        "The agent asked for permission or an answer; `takes` where more than one approver is needed.",
        ("request", "kind", "title", "takes"),
    ),
    "request.reattached": EventKind("The agent asked the same again after a restart.", ("request", "kind", "title")),
    "request.answered": EventKind("A person, or a grant, answered.", ("request", "outcome", "by")),
    "request.voted": EventKind(
        "One of the people whose approval is needed allowed it.", ("request", "by", "votes", "needed")
    ),
    "request.used": EventKind("The answer reached the agent.", ("request", "outcome")),
    "request.expired": EventKind("Nobody answered in time; the agent was told so.", ("request",)),
    "request.withdrawn": EventKind("The agent no longer waits for the answer.", ("request", "why")),
    "rule.added": EventKind("An approver allowed something always in a project.", ("rule", "text")),
    "rule.removed": EventKind("A rule that somebody had added was taken back.", ("rule", "text")),
    "bot.started": EventKind("The bot is up.", ("version", "resumed", "failed", "away_seconds")),
    "settings.reloaded": EventKind(
        "Settings and secrets were read again and are in force, but for what needs a restart.",
        ("changed", "restart", "file"),
    ),
    "bot.stopped": EventKind("The bot drained and went down.", ()),
    "delivery.failed": EventKind("A message for people could not be delivered.", ("delivery", "place", "reason")),
    "command.refused": EventKind("Somebody asked for what they may not do.", ("command", "reason")),
    "token.made": EventKind("An admin made a key to the API.", ("token", "person", "role", "label")),
    "token.revoked": EventKind("An admin made a key to the API void.", ("token", "person", "role", "label")),
    "person.granted": EventKind("A person's role was changed.", ("person", "role", "name")),
    "person.revoked": EventKind(
        "A person's role, sessions, links and tokens were taken.", ("person", "name", "sessions", "links", "tokens")
    ),
    "person.claimed": EventKind(
        "Somebody became the first admin of a chat by the code that the bot showed at its start.",
        ("person", "name", "identity"),
    ),
    "person.linked": EventKind(
        "An identity became a person's, by a code of theirs or an address that the settings name.",
        ("person", "name", "identity", "former", "by"),
    ),
    "person.unlinked": EventKind("An identity was taken from a person again.", ("person", "identity")),
    "access.asked": EventKind("Somebody without a role asked for access.", ("ask", "person", "name", "word")),
    "access.granted": EventKind("An admin let somebody in who had asked.", ("ask", "person", "name", "role")),
    "access.declined": EventKind("An admin did not let somebody in who had asked.", ("ask", "person", "name")),
    "session.opened": EventKind("Somebody signed in to the console by a link.", ("person", "address")),
    "link.reused": EventKind(
        "A link that had signed somebody in was tried again: perhaps by somebody else.",
        ("person", "first_at", "address"),
    ),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `at` is aware and UTC. `seq` is 0 until the store gave it its place in the one sequence."""

    kind: str
    at: datetime
    agent: str = ""
    project: str = ""
    actor: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0

    def __post_init__(self) -> None:
        known = CATALOGUE[self.kind]
        if unknown := set(self.data) - set(known.data):
            raise ValueError(f"event {self.kind} carries unknown data: {sorted(unknown)}")


@dataclass(frozen=True, slots=True)
class Update:
    """A line of an agent's transcript: grouped, capped, pruned. `kind` is one of message, thought, tool, plan, log,
    usage, turn, note; `data` is plain JSON. `number` counts from 1 within the agent, 0 until stored."""

    agent: str
    attempt: int
    kind: str
    at: datetime
    data: Mapping[str, Any]
    number: int = 0
