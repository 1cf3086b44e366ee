"""The nouns. Frozen records; times are aware and UTC; a status is never stored, it is derived (core/lifecycle)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.files import FileRef
from core.states import DeliveryState as DeliveryState  # noqa: PLC0414
from core.states import Lane as Lane  # noqa: PLC0414
from core.states import MessageState as MessageState  # noqa: PLC0414
from core.states import Outcome as Outcome  # noqa: PLC0414
from core.states import ProcessState as ProcessState  # noqa: PLC0414
from core.states import RequestKind as RequestKind  # noqa: PLC0414
from core.states import RequestState as RequestState  # noqa: PLC0414
from core.states import Role as Role  # noqa: PLC0414
from core.states import Status as Status  # noqa: PLC0414
from core.states import Verdict as Verdict  # noqa: PLC0414
from core.states import Wanted as Wanted  # noqa: PLC0414


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody. `id` is stable (`p-…`), `name` is shown."""

    id: str
    name: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """How an integration knows a person: `local:alice`, `slack:T1/U2`. `origin` says why it is theirs: CODE, the
    `email:ann@example.com` by which it was found, "" for settings, admins and the first time somebody was seen."""

    key: str
    person: str
    created_at: datetime
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ProjectRole:
    """What somebody may do in one project, where that is more than elsewhere."""

    person: str
    project: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A key to the API, kept as its SHA-256. Its role caps that of its person."""

    digest: str
    person: str
    role: Role
    label: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, at the moment of the act. `role` was read from the store just now; `via` is the door. `groups` are
    those of a chat (`slack/S01`), `lifted` is the role that these give; `projects` are those with another role."""

    person: str
    name: str
    role: Role
    via: str = ""
    groups: frozenset[str] = frozenset()
    lifted: Role = Role.NOBODY
    projects: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agent:
    """One task of one owner in one worktree with one branch.

    `id` is project and number (`web-12`). Costs are in US dollars and None while the agent reports none.
    `active_seconds` counts turns without the time spent waiting for a human. `epoch` grows with each claim;
    a write with an older epoch is refused. `place` is where it was asked for (`chat:address`). `meter` is how far its
    session's cost is counted, `raised` what an approver added to its budget. `spare` names the prepared worktree
    that it took, if it did.
    """

    id: str
    number: int
    project: str
    kind: str
    task: str
    owner: str
    place: str
    created_at: datetime
    queued_at: datetime
    parent: str = ""
    model: str = ""
    mode: str = ""
    base: str = ""
    base_commit: str = ""
    branch: str = ""
    repository: str = ""
    worktree: str = ""
    set_up_at: datetime | None = None
    spare: str = ""
    wanted: Wanted = Wanted.RUN
    outcome: Outcome = Outcome.NONE
    reason: str = ""
    process: ProcessState = ProcessState.NONE
    turn_started_at: datetime | None = None
    last_activity_at: datetime | None = None
    last_activity: str = ""
    attempts: int = 0
    turns: int = 0
    active_seconds: float = 0.0
    output_bytes: int = 0
    cost: float | None = None
    tokens: int | None = None
    meter: Mapping[str, Any] = field(default_factory=dict)
    raised: Mapping[str, Any] = field(default_factory=dict)
    session: str = ""
    commits: Sequence[Mapping[str, Any]] = ()
    diffstat: str = ""
    accepted: str = ""
    ended_at: datetime | None = None
    removed_at: datetime | None = None
    host: str = "local"
    home: str = ""
    holder: str = ""
    lease_until: datetime | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process of an agent. `how` is new, loaded or rebuilt; `why` says what made it start."""

    agent: str
    number: int
    how: str
    why: str
    started_at: datetime
    session: str = ""
    ended_at: datetime | None = None
    exit: str = ""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """Words for an agent, in order. `now` interrupts the turn. The task itself is the first."""

    id: str
    agent: str
    number: int
    text: str
    author: str
    state: MessageState
    now: bool
    created_at: datetime
    files: Sequence[FileRef] = ()
    sent_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a Request. `kind` of permissions: allow_once, allow_always, reject_once, reject_always."""

    id: str
    name: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """An agent asks. `fingerprint` is the hash of what was shown: the same ask after a restart re-attaches by it.

    `detail` is what the person must see before answering (command, folder, paths, form), plain JSON. `why` says why no
    rule decided, `rule` which one asks, `approvers` whose approval it took when it was asked (core.quorum.Terms),
    `always` the rule that would allow it from then on (`text`, `seal`), if there can be one.
    """

    id: str
    agent: str
    kind: RequestKind
    title: str
    tool: str
    detail: Mapping[str, Any]
    options: Sequence[Option]
    fingerprint: str
    opened_at: datetime
    attempt: int
    why: str = ""
    rule: str = ""
    approvers: Mapping[str, Any] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    state: RequestState = RequestState.OPEN
    deadline: datetime | None = None
    verdict: str = ""
    choice: str = ""
    text: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    answered_by: str = ""
    answered_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """ "For this agent": later asks of this agent with this scope are answered without a person."""

    agent: str
    scope: str
    granted_by: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One thing that came in, stored before it was acknowledged. `key` makes it once; `reply` is set when handled.
    `cap` is the most that the door lets the person be (a token's role), `reply_to` the place that hears the answer, ""
    for none, `private` the one where the person alone hears it. `facts` are what the platform knew of the person,
    `identity` and `name` how it calls them. `house` names the home of the bot that took it on."""

    id: str
    key: str
    door: str
    person: str
    cap: Role
    place: str
    command: str
    arguments: Mapping[str, Any]
    received_at: datetime
    handled_at: datetime | None = None
    reply: Mapping[str, Any] | None = None
    reply_to: str = ""
    private: str = ""
    facts: Sequence[str] = ()
    house: str = ""
    identity: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that must arrive. In order per `stream`; the platform sees the same `id` on every retry.

    `holder` is the courier that sends it, or was when it was killed; `unsure`: an earlier attempt may have arrived.
    """

    id: str
    stream: str
    lane: Lane
    place: str
    body: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    number: int = 0
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    error: str = ""
    reference: str = ""
    sent_at: datetime | None = None
    holder: str = ""
    lease_until: datetime | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """One living card in one place. Drawn when `shown` is behind `wanted`; versions may be skipped. `holder`, `unsure`
    are as a Delivery's. `hears` is a place beside the subject's own that is told when it asks for somebody; `digest` is
    that of the card which is shown, "" when that is not known."""

    id: str
    subject: str
    place: str
    reference: str = ""
    wanted: int = 1
    shown: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    error: str = ""
    holder: str = ""
    lease_until: datetime | None = None
    unsure: bool = False
    hears: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Timer:
    """A promise for a time. `key` is unique: setting it again moves it. `topic` names who hears of it."""

    key: str
    topic: str
    due_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what to what, allowed or refused. Written in the act's own transaction."""

    at: datetime
    actor: str
    via: str
    verb: str
    subject: str
    allowed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A bot process that holds agents; `seen_at` is its last sign of life."""

    id: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
