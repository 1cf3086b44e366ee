"""Modules that are read when they are first used: a list of commands must not cost the database."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def import_later(name: str) -> ModuleType:
    """The module, loaded by its first use."""
    return Later(name)
