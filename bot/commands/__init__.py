"""What people can say. One file a theme; a command is one function (see `registry`)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.commands.registry import Registry

THEMES = ("agents", "requests", "rules", "work", "budget", "projects", "events", "people", "admin", "system")


def load_registry() -> Registry:
    """Every command of every theme, in the order in which the modules declare them."""
    from bot.commands.registry import Command, Registry

    modules = [import_module(f"{__name__}.{theme}") for theme in THEMES]
    found = [item for module in modules for item in vars(module).values() if isinstance(item, Command)]
    return Registry(dict.fromkeys(found))
