"""What can be set. Each field's description is its line in docs/configuration.md."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from core.errors import NotFound
from core.home import find_home
from core.settings.approval import check_approvers, list_named
from core.settings.beginning import BeginningSettings
from core.settings.budget import BudgetSettings, ProjectBudgetSettings, check_zone
from core.settings.http import HttpSettings, split_url
from core.settings.problem import Origin, fault, suggest
from core.settings.value import (
    AgentValue,
    Amount,
    Approvers,
    Branch,
    Command,
    Count,
    FilePath,
    FilePaths,
    IdentityKeys,
    Label,
    Name,
    OptionalName,
    OptionalPath,
    RoleName,
    RuleList,
    Section,
    Text,
    VariableName,
    VariableNames,
    place_path,
    read_surroundings,
)

SAMPLE = "sample"
DATABASE_FILE = "callboard.sqlite3"


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings came from, and what must never be shown."""

    home: Path = field(default_factory=lambda: find_home(os.environ))
    file: Path | None = None
    origin: Origin = field(default_factory=Origin)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


class SandboxSettings(Section):
    """What agents of a project may reach when its `host` is a sandbox."""

    network: bool = Field(True, description="Whether they may use the network.")
    writable: FilePaths = Field((), description="Files and folders they may write beside their worktree.")
    readable: FilePaths = Field(
        (), description="Files and folders they may read in homes and other places that are hidden from them."
    )


class ProjectSettings(BeginningSettings):
    """A git repository in which agents work."""

    path: FilePath = Field(description="Folder of the git repository; ~ is your home.")
    base: Branch = Field("", description="Branch that work starts from; empty: the one checked out.")
    kind: OptionalName = Field("", description="Agent kind when none is asked for; empty: the first that is ready.")
    accept: Literal["merge", "rebase", "push"] = Field(
        "merge",
        description="What accepting does: `merge` into the base, `rebase` onto it, or `push` the branch to its remote.",
    )
    rules: RuleList = Field(
        (), description="Permission rules of this project, in order: what agents may do without asking, or never."
    )
    stock_rules: Literal["", "none", "cautious", "readonly-allowed", "tests-allowed"] = Field(
        "", description="Stock rules of this project; empty: those for all."
    )
    host: Name = Field("local", description="Where agents run: `local`, or the name of a sandbox: `bubblewrap`.")
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    approvers: Approvers = Field(
        (),
        description="Whose approval a permission takes, as `2 of [role:admin, kim]`, or a list of such parts with "
        "`count`, `of` and `self` (whether the owner counts); empty: any one approver.",
    )
    budget: ProjectBudgetSettings = Field(default_factory=ProjectBudgetSettings)


class KindSettings(Section):
    """An agent kind: a change to one that is offered, or one of your own (which needs `command`)."""

    command: Command = Field((), description="Command that speaks ACP, as text or list; relative to this file.")
    env: dict[VariableName, AgentValue] = Field(
        default_factory=dict, description="Variables for the agent; `$NAME` takes the value from the bot's or .env."
    )
    pass_env: VariableNames = Field((), description="Names of the bot's variables that the agent gets too, when set.")
    model: Text = Field("", description="Model when none is asked for; empty: the agent's own choice.")
    mode: Text = Field("", description="Mode when none is asked for; empty: the agent's own choice.")
    about: Text = Field("", description="A line about this kind, for lists.")


class LimitSettings(Section):
    """How much agents may use."""

    max_agents: Count = Field(8, ge=1, le=1000, description="Agents that work at once; more wait in order.")
    minutes: Amount = Field(
        60.0,
        gt=0,
        le=10080,
        allow_inf_nan=False,
        description="Minutes an agent may work, time spent waiting not counted; where `budgets` say nothing else.",
    )
    turns: Count = Field(50, ge=1, le=10000, description="Turns an agent may take, where `budgets` say nothing else.")
    output_mb: Amount = Field(50.0, gt=0, le=10000, allow_inf_nan=False, description="Megabytes an agent may say.")
    queue: Count = Field(500, ge=0, le=100000, description="Agents that may wait; then spawning is refused.")
    request_hours: Amount | None = Field(
        None,
        gt=0,
        le=8760,
        allow_inf_nan=False,
        description="Hours after which an open request ends unanswered; empty: never.",
    )
    restarts: Count = Field(3, ge=0, le=100, description="Times an agent that crashed is started again.")
    stuck_minutes: Amount = Field(
        10.0, gt=0, le=10080, allow_inf_nan=False, description="Minutes without a sign of life until an agent is stuck."
    )


class PersonSettings(Section):
    """Somebody who may use the bot. Who is not listed may do nothing, but for the person at the machine."""

    role: RoleName = Field(description="What they may do: viewer, operator, approver or admin.")
    identities: IdentityKeys = Field(
        (), description="How the doors know them: local:alice, slack:T1/U2, email:alice@example.com."
    )


class KeepSettings(Section):
    """How long things are kept."""

    events_days: Amount = Field(90.0, gt=0, le=36500, allow_inf_nan=False, description="Days that events are kept.")
    updates_days: Amount = Field(
        14.0, gt=0, le=36500, allow_inf_nan=False, description="Days that agents' transcripts are kept."
    )
    log_mb: Amount = Field(
        50.0, gt=0, le=10000, allow_inf_nan=False, description="Megabytes of each agent's error output that are kept."
    )
    logs_days: Amount = Field(
        30.0, gt=0, le=36500, allow_inf_nan=False, description="Days that the error output of agents at rest is kept."
    )
    backups: Count = Field(
        10, ge=1, le=10000, description="Backups that are kept in CALLBOARD_HOME, and copies made before upgrades."
    )


class EventSettings(Section):
    """The file that events are exported to."""

    file: OptionalPath = Field(None, description="File to write; empty: events.jsonl in CALLBOARD_HOME.")
    rotate_mb: Amount = Field(
        50.0, gt=0, le=10000, allow_inf_nan=False, description="Megabytes until a new file begins."
    )
    files: Count = Field(5, ge=1, le=1000, description="Files that are kept, the current one included.")


class LogSettings(Section):
    """What the bot says of itself on its error output."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto` is console on a terminal, else json."
    )


class Settings(Section):
    """The whole configuration. Made by `load_settings`; `Settings()` is all defaults."""

    database: SecretStr = Field(
        SecretStr(""),
        description="Empty: an SQLite file in CALLBOARD_HOME; else sqlite:///FILE or postgresql://USER@HOST/NAME. "
        "A password belongs into the environment or .env.",
    )
    http: HttpSettings = Field(default_factory=HttpSettings)
    default_project: OptionalName = Field(
        "", description="Project when none is named; empty: the only one there is, else `sample`."
    )
    projects: dict[Name, ProjectSettings] = Field(default_factory=dict)
    rules: RuleList = Field((), description="Permission rules for all projects, asked after a project's own.")
    stock_rules: Literal["none", "cautious", "readonly-allowed", "tests-allowed"] = Field(
        "cautious",
        description="Rules that come with the house, asked last: `cautious` only denies, `readonly-allowed` also "
        "allows reading, `tests-allowed` common test commands as well.",
    )
    kinds: dict[Name, KindSettings] = Field(default_factory=dict)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    budgets: BudgetSettings = Field(default_factory=BudgetSettings)
    time_zone: Label = Field("UTC", description="Time zone in which a day begins and ends: Europe/Berlin.")
    people: dict[Label, PersonSettings] = Field(default_factory=dict)
    keep: KeepSettings = Field(default_factory=KeepSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    integrations: dict[Name, Any] = Field(
        default_factory=dict, description="Sections of the integrations that are on, each with its own keys."
    )
    _source: Source = PrivateAttr(default_factory=Source)

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("database", mode="after")
    @classmethod
    def _check_database(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        return SecretStr(write_database_url(value.get_secret_value(), info))

    @model_validator(mode="after")
    def _check_default(self) -> Self:
        known = [*self.projects, SAMPLE]
        if self.default_project and self.default_project not in known:
            raise fault("there is no such project.", suggest(self.default_project, known), "default_project")
        return self

    @model_validator(mode="after")
    def _check_approvers(self) -> Self:
        for name, project in self.projects.items():
            check_approvers(list_named(("projects", name), project.approvers, project.rules), self.people)
        check_approvers(list_named((), (), self.rules), self.people)
        return self

    @model_validator(mode="after")
    def _check_identities(self) -> Self:
        owners: dict[str, str] = {}
        for name, person in self.people.items():
            for identity in person.identities:
                if owners.setdefault(identity, name) != name:
                    message = f"{identity} belongs to {owners[identity]} already."
                    raise fault(message, "An identity is one person's.", "people", name, "identities")
        return self

    def attach_source(self, source: Source) -> None:
        """Called once, by the loader."""
        self._source = source

    @property
    def home(self) -> Path:
        """CALLBOARD_HOME, absolute: where the bot keeps what it stores."""
        return self._source.home

    @property
    def file(self) -> Path | None:
        """The configuration file that was read."""
        return self._source.file

    @property
    def environment(self) -> Mapping[str, str]:
        """The bot's environment with .env below it: what agents' variables are taken from. Full of secrets."""
        return self._source.environment

    @property
    def database_url(self) -> SecretStr:
        """As SQLAlchemy takes it: sqlite+aiosqlite:///… or postgresql+psycopg://…"""
        url = self.database.get_secret_value()
        return SecretStr(url or f"sqlite+aiosqlite:///{self.home / DATABASE_FILE}")

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin and end."""
        return ZoneInfo(self.time_zone)

    @property
    def events_file(self) -> Path:
        """The file that events are exported to."""
        return self.events.file or self.home / "events.jsonl"

    @property
    def first_project(self) -> str:
        """The project that is meant when none is named; `sample` need not be among `projects`."""
        if self.default_project:
            return self.default_project
        return next(iter(self.projects)) if len(self.projects) == 1 else SAMPLE

    def project(self, name: str) -> ProjectSettings:
        """Raises NotFound, with what was probably meant."""
        if name in self.projects:
            return self.projects[name]
        raise NotFound(f"There is no project {name!r}.", remedy=suggest(name, self.projects))

    def kind(self, name: str) -> KindSettings:
        """What is set for an agent kind; all defaults when nothing is."""
        return self.kinds.get(name, KindSettings())

    def locate(self, *path: str) -> str:
        """File, line and key of a setting (`callboard.yaml:7: projects.web.kind`), or the variable that set it."""
        return self._source.origin.locate(path)

    def secrets(self) -> frozenset[str]:
        """Every secret value that is configured or in the environment, for the redactor."""
        return self._source.secrets


def list_sections() -> frozenset[str]:
    """The top-level keys that hold keys of their own."""
    return frozenset(
        name for name, item in Settings.model_fields.items() if find_section(item.annotation)[1] is not None
    )


def walk_sections(
    section: type[Section], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """Every section with its path, in the order of the file; `NAME` stands for a name of one's own."""
    yield path, section
    for name, item in section.model_fields.items():
        inner, step = find_section(item.annotation)
        if inner is not None and step is not None:
            yield from walk_sections(inner, (*path, name, *step))


def find_section(annotation: Any) -> tuple[type[Section] | None, tuple[str, ...] | None]:
    """The section that a field holds and the step to it: () for itself, ("NAME",) for one of each name; None for a
    plain value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, ()
    if get_origin(annotation) is dict:
        return find_section(get_args(annotation)[-1])[0], ("NAME",)
    return None, None


def write_database_url(value: str, info: ValidationInfo) -> str:
    """The address with its driver, a file's path made absolute. Raises for other databases."""
    scheme, sign, rest = value.partition("://")
    if not value:
        return ""
    if sign and scheme in ("sqlite", "sqlite+aiosqlite") and rest.startswith("/") and len(rest) > 1:
        around = read_surroundings(info)
        return f"sqlite+aiosqlite:///{place_path(rest[1:], around.folder, around.user_home)}"
    parts = split_url(value)
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and parts and parts.path.strip("/"):
        return f"postgresql+psycopg://{rest}"
    raise fault(
        "this is not an address of a database that is supported.",
        "Write sqlite:///callboard.sqlite3 or postgresql://user@host/callboard; or leave it empty.",
    )
