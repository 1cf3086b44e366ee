"""What the doors and commands share: the store, the settings and the parts that were wired."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from bot.admission import find_lift
from core.budgets import Plan, name_day
from core.clock import Clock
from core.crew import Command, Site, Warmth
from core.errors import BadInput, ConfigurationError, Conflict, NotFound
from core.interfaces import AgentRuntime, Check, Door, Host, Integration, Repositories, Sandbox, Street, Surveyor, Walls
from core.lifecycle import Patience
from core.model import Request
from core.quorum import Part, Quorum, required_approvals
from core.redaction import Redactor
from core.rulebook import Rulebook
from core.settings import Readiness, ResolvedKind, Settings, agent_environment, check_kind, read_plan
from core.settings.beginning import BeginningSettings
from core.store import Database

if TYPE_CHECKING:
    from bot.live import Keeper

SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Project:
    """A repository by name. `kind` and `base` are "" for the first ready kind and the branch checked out."""

    name: str
    path: Path
    kind: str = ""
    base: str = ""
    accept: str = "merge"
    host: str = "local"
    walls: Walls = field(default_factory=Walls)
    begin: BeginningSettings = field(default_factory=BeginningSettings)


@dataclass(slots=True, eq=False)
class House:
    """Made once by the wiring and handed to whoever needs it. What settings say is swapped while the bot runs: ask it
    anew each time. `keeper` does that. `id` names this home among all that share a store
    (core.home.read_house)."""

    home: Path
    id: str
    clock: Clock
    settings: Settings
    database: Database
    kinds: Mapping[str, ResolvedKind]
    projects: Mapping[str, Project]
    repositories: Repositories
    surveyor: Surveyor
    host: Host
    runtime: AgentRuntime
    redactor: Redactor
    patience: Patience
    street: Street
    integrations: Sequence[Integration] = ()
    rulebook: Rulebook = field(default_factory=Rulebook)
    doors: Mapping[str, Door] = field(default_factory=dict)
    checks: Sequence[Callable[[], Awaitable[Sequence[Check]]]] = ()
    runtimes: Mapping[str, AgentRuntime] = field(default_factory=dict)
    sandboxes: Mapping[str, Sandbox] = field(default_factory=dict)
    keeper: Keeper | None = None
    url: str = ""

    @property
    def session_lasts(self) -> timedelta:
        """How long somebody who does not come stays signed in."""
        return timedelta(days=self.settings.http.session_days)

    def make_login_url(self, secret: str) -> str:
        """The address at which a link's secret signs in; for whom it is, and nobody else."""
        return f"{self.settings.http.public_url or self.url}/login/{secret}"

    def has_threads(self, place: str) -> bool:
        """Whether what is said of an agent there goes below its card."""
        chat = place.partition(":")[0]
        return any(item.threads for item in self.integrations if item.name == chat)

    def require_keeper(self) -> Keeper:
        """What changes settings. Raises Conflict where the wiring made none."""
        if self.keeper is None:
            raise Conflict("The settings of this bot cannot be changed while it runs.")
        return self.keeper

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def day(self) -> str:
        """Today, where the settings say: 2026-11-30."""
        return name_day(self.now(), self.settings.zone)

    def find_quorum(self, project: str, request: Request) -> Quorum | None:
        """Whose approval a request takes; None where one approver is enough."""
        quorum = required_approvals(self.settings.projects.get(project), request)
        return replace(quorum, lifted=find_lift(self.settings)) if quorum else None

    def find_approvers(self, project: str) -> Sequence[Part]:
        """Whose approval a project's permissions take; nothing where one approver is enough."""
        known = self.settings.projects.get(project)
        return known.approvers if known else ()

    def find_zone(self) -> tzinfo:
        """Where days begin and end."""
        return self.settings.zone

    def find_plan(self, project: str) -> Plan:
        """The budgets of a project's agents."""
        return read_plan(self.settings, project)

    def find_project(self, name: str) -> Project:
        """A project by name, the default one for "". Raises NotFound."""
        wanted = name or self.default_project
        if wanted not in self.projects:
            known = ", ".join(sorted(self.projects)) or "none"
            raise NotFound(f"There is no project {wanted!r}.", remedy=f"Projects: {known}.")
        return self.projects[wanted]

    @property
    def default_project(self) -> str:
        """What is meant when no project is named."""
        configured = [name for name in self.projects if name != SAMPLE]
        return self.settings.default_project or (configured[0] if len(configured) == 1 else SAMPLE)

    def find_kind(self, name: str, project: Project) -> ResolvedKind:
        """A kind by name; for "" the project's own, else the first that is ready. Raises NotFound, BadInput."""
        wanted = name or project.kind or self._first_ready()
        if wanted not in self.kinds:
            raise NotFound(f"There is no agent kind {wanted!r}.", remedy=f"Kinds: {', '.join(self.kinds)}.")
        ready = self.check_kind(wanted)
        if ready.state != "ready":
            raise BadInput(f"Agent kind {wanted} is {ready.state}.", remedy=ready.remedy)
        return self.kinds[wanted]

    def guess_kind(self, project: Project) -> str:
        """The kind of an agent for which none is named; "" when none is ready."""
        return project.kind or next((name for name in self._list_ready()), "")

    def _list_ready(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if not kind.scripted and self._is_ready(name)]

    def _first_ready(self) -> str:
        ready = self._list_ready()
        if not ready:
            raise BadInput("No agent kind is ready for this project.", remedy="`doctor` says what each one needs.")
        return ready[0]

    def _is_ready(self, name: str) -> bool:
        return self.check_kind(name).state == "ready"

    def find_runtime(self, kind: str) -> AgentRuntime:
        """What speaks with agents of a kind."""
        return self.runtimes.get(kind, self.runtime)

    def check_kind(self, name: str) -> Readiness:
        """Whether the kind's command is there and somebody signed in."""
        environ = self.settings.environment
        return check_kind(self.kinds[name], environ, Path(environ.get("HOME") or Path.home()))

    def can_spawn(self) -> list[str]:
        """What keeps agents from being spawned; empty when nothing does."""
        missing = [] if shutil.which("git") else ["git is not on the PATH"]
        if not any(self._is_ready(name) for name in self.kinds):
            missing.append("no agent kind is ready")
        return missing

    async def run_checks(self) -> list[Check]:
        """What each integration says of itself, for `doctor`."""
        checks: list[Check] = []
        for look in self.checks:
            checks.extend(await look())
        return checks


@dataclass(frozen=True, slots=True)
class HouseCatalogue:
    """Projects and kinds as supervisors ask for them, as they are by then."""

    house: House

    def find_site(self, project: str) -> Site:
        """Where a project's agents begin. Raises ConfigurationError when it is gone."""
        if project not in self.house.projects:
            raise ConfigurationError(f"project {project} is no longer configured.", where=f"projects.{project}")
        found = self.house.projects[project]
        begin = found.begin
        limit = timedelta(minutes=begin.setup_minutes)
        return Site(
            str(found.path),
            found.base,
            found.host,
            found.walls,
            begin.copy,
            begin.setup,
            limit,
            begin.instructions,
            begin.warm,
        )

    def list_pools(self) -> Sequence[Warmth]:
        """Projects that want worktrees to be kept ready. Set-up commands see the variables of the kind that agents are
        of unless another is asked for."""
        house = self.house
        warm = [project for project in house.projects.values() if project.begin.warm]
        return [Warmth(project.name, self.find_site(project.name), house.guess_kind(project)) for project in warm]

    def find_command(self, kind: str) -> Command:
        """How a kind is started. Raises ConfigurationError when it is gone."""
        if kind not in self.house.kinds:
            raise ConfigurationError(f"agent kind {kind} is no longer configured.", where=f"kinds.{kind}")
        found = self.house.kinds[kind]
        given = agent_environment(found, self.house.settings.environment)
        env = {**{name: secrets.token_urlsafe(24) for name in found.fresh}, **given}
        needs = [mark for mark in found.sign_in if mark.startswith("~/")]
        return Command(found.command, env, found.model, found.mode, needs)
