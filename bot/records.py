"""Which integrations are installed. Cheap: their records import nothing of their platforms."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import integrations
from core.interfaces import Integration


def find_own() -> list[Integration]:
    """Those of the house: one for each folder, by name."""
    return [import_module(f"integrations.{name}").integration for name in list_names()]


def find_integrations() -> list[Integration]:
    """Every integration that is installed, whether it is on or not: those of the house, and then those of other
    distributions. Raises ConfigurationError for one of these that cannot be used."""
    # Late: the command line asks for those of the house at every `--help`.
    from bot.plugins import find_plugins

    return [*find_own(), *find_plugins(list_names())]


def list_names() -> list[str]:
    """The names of those of the house."""
    return sorted(item.name for item in iter_modules(integrations.__path__) if item.ispkg)
