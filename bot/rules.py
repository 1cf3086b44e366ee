"""The rules of the settings, as the core asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.rulebook import Rulebook
from core.rules import Rule, list_stock
from core.settings import Settings


def make_rulebook(read_settings: Callable[[], Settings], resolve: Callable[[str], str]) -> Rulebook:
    """A rulebook over the settings as they are at each moment."""
    home = read_settings().environment.get("HOME") or str(Path.home())
    return Rulebook(
        written=lambda project: list_written(read_settings(), project),
        stock=lambda project: list_stock(choose_stock(read_settings(), project)),
        resolve=resolve,
        home=home,
    )


def list_written(settings: Settings, project: str) -> Sequence[Rule]:
    """A project's own rules, then those for all; each says where it stands."""
    own = settings.projects[project].rules if project in settings.projects else ()
    return [
        *(replace(rule, source=f"projects.{project}.rules") for rule in own),
        *(replace(rule, source="rules") for rule in settings.rules),
    ]


def choose_stock(settings: Settings, project: str) -> str:
    """The name of the stock rules that a project has."""
    own = settings.projects[project].stock_rules if project in settings.projects else ""
    return own or settings.stock_rules
