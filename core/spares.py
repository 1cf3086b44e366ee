"""Spares: worktrees that are prepared before an agent asks for one, and what is to be done about them. Pure.

A spare is written down before it is made and until it is gone, so that whoever comes after a crash knows of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from core.ids import make_id
from core.model import Agent, Outcome
from core.work import Stand, Workspace

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


class SpareState(StrEnum):
    """PREPARING until its set-up is done; READY to be taken; TAKEN by an agent that has not begun in it; GOING: to be
    removed; KEPT: somebody left something in it, so nobody removes it."""

    PREPARING = "preparing"
    READY = "ready"
    TAKEN = "taken"
    GOING = "going"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Spare:
    """A worktree without an agent, named as its folder is. `house` is the home that it is in, `holder` the process that
    works on it. `fingerprint` says with what it was set up, `seal` what that left in it ("": nothing in it counts)."""

    id: str
    project: str
    house: str
    holder: str
    repository: str
    fingerprint: str
    base: str
    base_commit: str
    copies: str
    created_at: datetime
    state: SpareState = SpareState.PREPARING
    folder: str = ""
    seal: str = ""
    agent: str = ""
    ready_at: datetime | None = None

    @property
    def place(self) -> Workspace:
        """As a worktree."""
        return Workspace(self.id, self.repository, self.folder, "", self.base, self.base_commit)

    @property
    def stand(self) -> Stand:
        """With what it began."""
        return Stand(self.base, self.base_commit, self.copies)


@dataclass(frozen=True, slots=True)
class PoolTrouble:
    """Why a project's pool in one house (`id` is both) cannot be filled. Tried again at `retry_at`, or when what it
    failed with (`fingerprint`, `base_commit`) is no longer so. `told_at`: when a person was told of it."""

    id: str
    project: str
    house: str
    fingerprint: str
    base_commit: str
    reason: str
    failures: int
    retry_at: datetime
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How many spares a project is to have, and with what. `stand` is None while its repository cannot be read."""

    project: str
    count: int
    fingerprint: str
    stand: Stand | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What the plan goes by. `busy` are spares that this process works on, `alive` the processes that are signed in,
    `owners` the agents that took a spare, `gone` the spares whose folder is not there."""

    me: str
    alive: Collection[str]
    busy: Collection[str] = ()
    owners: Mapping[str, Agent] = field(default_factory=dict)
    gone: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: spares to remove, spares whose preparation is of no use any more, and how many are missing."""

    remove: Sequence[Spare] = ()
    abandon: Sequence[Spare] = ()
    missing: int = 0


def name_spare(project: str) -> str:
    """`web.k3f9a2bc`: a dot, which no agent's id has."""
    return f"{project}.{make_id('', 8)[1:]}"


def plan_pool(wish: Wish, spares: Sequence[Spare], scene: Scene) -> Plan:
    """What is to be done about the spares of one project. Of those that are too many the newest go."""
    remove = [spare for spare in spares if spare.id not in scene.busy and is_done(spare, wish, scene)]
    kept = sorted(
        (spare for spare in spares if spare.state is SpareState.READY and spare not in remove),
        key=lambda spare: (spare.ready_at or spare.created_at, spare.id),
    )
    coming = [spare for spare in spares if spare.state is SpareState.PREPARING and spare not in remove]
    abandon = [spare for spare in coming if spare.id in scene.busy and not _fits(spare, wish)]
    coming = [spare for spare in coming if spare not in abandon]
    over = len(kept) + len(coming) - wish.count
    late = [spare for spare in coming if spare.id in scene.busy][: max(over, 0)]
    surplus = kept[wish.count :]
    return Plan([*remove, *surplus], [*abandon, *late], max(-over, 0) if wish.stand else 0)


def is_done(spare: Spare, wish: Wish, scene: Scene) -> bool:
    """Whether a spare on which this process does not work is to be removed."""
    abandoned = spare.holder == scene.me or spare.holder not in scene.alive
    match spare.state:
        case SpareState.READY:
            return not _fits(spare, wish)
        case SpareState.TAKEN:
            return not may_begin(spare, scene.owners.get(spare.agent))
        case SpareState.KEPT:
            return spare.id in scene.gone
    return abandoned


def _fits(spare: Spare, wish: Wish) -> bool:
    """Whether an agent would begin in it as in a new one. Where nobody can tell, it stays until somebody can."""
    if not wish.count or spare.fingerprint != wish.fingerprint:
        return False
    return wish.stand is None or spare.stand == wish.stand


def may_begin(spare: Spare, agent: Agent | None) -> bool:
    """Whether the agent that took a spare may still begin in it."""
    if agent is None or agent.removed_at is not None or agent.outcome is not Outcome.NONE:
        return False
    return agent.worktree in ("", spare.folder)


def may_try(wish: Wish, trouble: PoolTrouble | None, now: datetime) -> bool:
    """Whether it is time to fill the pool: not too soon after a failure with the very same things."""
    if trouble is None or now >= trouble.retry_at:
        return True
    commit = wish.stand.commit if wish.stand else ""
    return (trouble.fingerprint, trouble.base_commit) != (wish.fingerprint, commit)


def note_failure(wish: Wish, house: str, before: PoolTrouble | None, reason: str, now: datetime) -> PoolTrouble:
    """The trouble after one more failure. With other settings it is another trouble, of which a person is told anew."""
    same = before if before and before.fingerprint == wish.fingerprint else None
    failures = same.failures + 1 if same else 1
    return PoolTrouble(
        id=f"{house}:{wish.project}",
        project=wish.project,
        house=house,
        fingerprint=wish.fingerprint,
        base_commit=wish.stand.commit if wish.stand else "",
        reason=reason,
        failures=failures,
        retry_at=now + min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE),
        told_at=same.told_at if same else None,
    )
