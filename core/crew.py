"""What a supervisor works with, handed to it by the wiring."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

import structlog

from core.budgets import Budget, Plan, name_day
from core.errors import CallboardError, TemporaryFailure
from core.interfaces import AgentRuntime, Host, Listener, Repositories, Sandbox, Spares, ToolServer, Walls
from core.model import Agent
from core.quorum import Part
from core.rulebook import Rulebook
from core.store import Database, Transaction, change
from core.store.fleet import lock_agent
from core.transcript import Transcript

log = structlog.get_logger()
_TROUBLE = 2.0


class Tools(Protocol):
    """Hands an agent its MCP server."""

    def issue(self, agent: str, listener: Listener) -> ToolServer: ...

    def revoke(self, agent: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """How an agent kind is started. `env` is the whole environment, `needs` are files in the person's home (`~/…`) that
    a sandbox must show it."""

    command: Sequence[str]
    env: Mapping[str, str]
    model: str = ""
    mode: str = ""
    needs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one agent may use. `active` and `turns` are its budget where there is no plan for its project. `patience`:
    after it a request without an answer ends as "no answer"; None: never."""

    active: timedelta = timedelta(minutes=60)
    turns: int = 50
    output_bytes: int = 50_000_000
    restarts: int = 3
    patience: timedelta | None = None
    grace: timedelta = timedelta(seconds=10)
    log_bytes: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """Where a project's agents begin. `base` is "" for the repository's current branch. `host` is local, or the name
    of a sandbox. `copy` are files and `setup` commands that a new worktree gets, the commands within `setup_limit`;
    `instructions` are words, or the name of a file in the worktree, that come before a first task; `warm` is how many
    worktrees are kept ready."""

    repository: str
    base: str = ""
    host: str = "local"
    walls: Walls = field(default_factory=Walls)
    copy: Sequence[str] = ()
    setup: Sequence[Sequence[str]] = ()
    setup_limit: timedelta = timedelta(minutes=10)
    instructions: str = ""
    warm: int = 0


@dataclass(frozen=True, slots=True)
class Warmth:
    """A project that wants spares, and of which kind the agents are for whom they are set up."""

    project: str
    site: Site
    kind: str


class Catalogue(Protocol):
    """Projects and kinds as configured now. Whoever finds raises ConfigurationError for a name that is gone."""

    def find_site(self, project: str) -> Site: ...

    def find_command(self, kind: str) -> Command: ...

    def list_pools(self) -> Sequence[Warmth]: ...


@dataclass(frozen=True, slots=True)
class Crew:
    """Everything a supervisor works with. `runtimes` are those of kinds that need their own. `plans` gives the budgets
    of a project, `zone` says when a day ends, `approvers` whose approval its permissions take. `house` names the home
    in which spares are."""

    database: Database
    now: Callable[[], datetime]
    home: Path
    host: Host
    spares: Spares
    repositories: Repositories
    runtime: AgentRuntime
    tools: Tools
    catalogue: Catalogue
    transcript: Transcript
    limits: Limits
    redact: Callable[[Any], Any]
    runtimes: Mapping[str, AgentRuntime] = field(default_factory=dict)
    sandboxes: Mapping[str, Sandbox] = field(default_factory=dict)
    plans: Callable[[str], Plan] | None = None
    zone: tzinfo = UTC
    approvers: Callable[[str], Sequence[Part]] = lambda _project: ()
    rulebook: Rulebook = field(default_factory=Rulebook)
    steady: Callable[[], float] | None = None
    house: str = ""

    def count_seconds(self) -> float:
        """Seconds since some moment, by a clock that never jumps, as the machine's does when it is set or wakes up."""
        return self.steady() if self.steady else self.now().timestamp()

    def find_runtime(self, kind: str) -> AgentRuntime:
        """What speaks with agents of a kind."""
        return self.runtimes.get(kind, self.runtime)

    def find_plan(self, project: str) -> Plan:
        """The budgets of a project's agents."""
        own = Budget(money=10.0, minutes=self.limits.active.total_seconds() / 60, turns=self.limits.turns)
        return self.plans(project) if self.plans else Plan(own)

    @property
    def day(self) -> str:
        """Today."""
        return name_day(self.now(), self.zone)


class LeaseLost(CallboardError):
    """Another process holds this agent now: stop at once and write nothing."""


P = ParamSpec("P")
T = TypeVar("T")


def insistent(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Repeat one transaction until the database can be used: an agent's work is not thrown away for an outage. Whoever
    lost the agent meanwhile finds out by LeaseLost."""

    @functools.wraps(work)
    async def insist(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return await work(*args, **kwargs)
            except TemporaryFailure as failure:
                log.warning("an agent waits for the database", step=work.__name__, reason=failure.message)
                await asyncio.sleep(_TROUBLE)

    return insist


async def require_held(tx: Transaction, agent: Agent) -> Agent:
    """The held agent as it is, and stays until the end of the transaction. Raises LeaseLost when another epoch
    began."""
    found = await lock_agent(tx, agent.id)
    if found is None or found.epoch != agent.epoch:
        raise LeaseLost(f"{agent.id} is held by another process")
    return found


async def write_facts(tx: Transaction, agent: Agent, **values: Any) -> None:
    """Set facts of a held agent. Raises LeaseLost when another epoch began."""
    if not await change(tx, Agent, {"id": agent.id, "epoch": agent.epoch}, **values):
        raise LeaseLost(f"{agent.id} is held by another process")


async def cancel_task(task: asyncio.Task[Any]) -> None:
    """End a task of ours and wait until it is over, whatever it says."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
