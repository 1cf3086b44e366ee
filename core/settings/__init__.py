"""Settings: callboard.yaml, .env and environment variables; every problem named with file, key and remedy."""

from __future__ import annotations

from importlib.resources import files

from core.settings.budget import read_plan
from core.settings.check import check_projects
from core.settings.http import HttpSettings
from core.settings.kind import (
    Readiness,
    ResolvedKind,
    agent_environment,
    check_kind,
    find_kind_secrets,
    resolve_kinds,
)
from core.settings.loader import Draft, Written, load_settings, read_written
from core.settings.model import (
    EventSettings,
    KeepSettings,
    KindSettings,
    LimitSettings,
    LogSettings,
    PersonSettings,
    ProjectSettings,
    Settings,
)
from core.settings.place import find_file
from core.settings.problem import BadSettings, Problem, fault
from core.settings.value import Section, Variable

__all__ = [
    "BadSettings",
    "Draft",
    "EventSettings",
    "HttpSettings",
    "KeepSettings",
    "KindSettings",
    "LimitSettings",
    "LogSettings",
    "PersonSettings",
    "Problem",
    "ProjectSettings",
    "Readiness",
    "ResolvedKind",
    "Section",
    "Settings",
    "Variable",
    "Written",
    "agent_environment",
    "check_kind",
    "check_projects",
    "example_text",
    "fault",
    "find_file",
    "find_kind_secrets",
    "load_settings",
    "read_plan",
    "read_written",
    "resolve_kinds",
]


def example_text() -> str:
    """The text of callboard.example.yaml."""
    return files("core.settings").joinpath("example.yaml").read_text("utf-8")
