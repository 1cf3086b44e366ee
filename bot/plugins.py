"""Integrations of other distributions, found by entry point. Whoever installed one that cannot be used is told which it
is, and the bot does not start without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from pydantic import BaseModel

from core.errors import ConfigurationError
from core.interfaces import Integration

GROUP = "callboard.integrations"
# The bot has these already, or asks nobody for them yet.
UNUSED = ("host", "repositories", "surveyor", "oncall")
T = TypeVar("T")


def find_plugins(taken: Iterable[str]) -> list[Integration]:
    """Every integration that another distribution brings, by name; `taken` are names that are not to be had. Raises
    ConfigurationError for one that cannot be used: which distribution it is of, and what to do."""
    owners = dict.fromkeys(taken, "Callboard itself")
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda item: (item.name, item.value)):
        if point.name in owners:
            raise refuse_plugin(point, f"the name {point.name} is taken by {owners[point.name]}.")
        owners[point.name] = name_owner(point)
        found.append(load_plugin(point))
    return found


def load_plugin(point: EntryPoint) -> Integration:
    """The record that an entry point names. Raises ConfigurationError."""
    record = try_out(point, point.load)
    if not isinstance(record, Integration):
        raise refuse_plugin(point, f"{point.value} is no core.interfaces.Integration.")
    if record.name != point.name or not re.fullmatch(r"[a-z][a-z0-9]*", record.name):
        advice = "both must be the same, in small letters and digits."
        raise refuse_plugin(point, f"its record is named {record.name!r}, its entry point {point.name!r}: {advice}")
    if unused := [part for part in UNUSED if getattr(record, part)]:
        raise refuse_plugin(point, f"it offers what nothing here would use: {', '.join(unused)}.")
    section = try_out(point, record.settings) if record.settings else BaseModel
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        raise refuse_plugin(point, "its settings are no class of pydantic's.")
    return record


def try_out(point: EntryPoint, work: Callable[[], T]) -> T:
    """What code of a plugin gives. It may raise whatever it likes, errors of its own too, and runs in a thread of its
    own, whose future says how it ended. Raises ConfigurationError."""
    with ThreadPoolExecutor(1, thread_name_prefix=f"plugin {point.name}") as threads:
        done = threads.submit(work)
    if error := done.exception():
        reason = f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")
        raise refuse_plugin(point, f"it cannot be imported ({reason}).") from error
    return done.result()


def refuse_plugin(point: EntryPoint, why: str) -> ConfigurationError:
    """The error for a plugin that cannot be used."""
    package = point.dist.name if point.dist else point.value
    remedy = f"Update {package}, or remove it: pip uninstall {package}"
    return ConfigurationError(why, where=f"plugin {point.name} of {name_owner(point)}", remedy=remedy)


def name_owner(point: EntryPoint) -> str:
    """The distribution that brings it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def check_kinds(enabled: Sequence[Integration]) -> None:
    """Raises ConfigurationError when two integrations that are on offer the same agent kind."""
    owners: dict[str, str] = {}
    for item in enabled:
        for kind in item.kinds:
            if owner := owners.get(kind.name):
                raise ConfigurationError(
                    f"it offers the agent kind {kind.name}, and so does {owner}.",
                    where=f"integrations.{item.name}",
                    remedy="Turn one of them off.",
                )
            owners[kind.name] = item.name
