"""Completion in the shell: asks the running bot, quickly, and is silent when it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.errors import CallboardError

WAIT_SECONDS = 0.3
ASKING = "needs you"


def make_completer(source: str) -> Callable[[str], list[tuple[str, str]]] | None:
    """A function from what was typed so far to names and what they are; None for a source without names."""
    if source not in SOURCES:
        return None

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return [(name, about) for name, about in list_names(source) if name.startswith(incomplete)]

    return complete


def list_names(source: str) -> list[tuple[str, str]]:
    """Names of agents, askers, projects, kinds or people; none when the bot is away or slow."""
    from bot.cli.client import LOST, Client

    path, key, read = SOURCES[source]
    try:
        found = Client().call_once("GET", path, timeout=WAIT_SECONDS)
        return [read(item) for item in found.get(key) or () if read(item)[0]]
    except (*LOST, CallboardError, TypeError, AttributeError):
        return []


def read_agent(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item["id"]), " ".join(str(item.get("task", "")).split())[:60]


def read_asker(item: Mapping[str, Any]) -> tuple[str, str]:
    return (str(item["id"]), read_agent(item)[1]) if item.get("status") == ASKING else ("", "")


def read_named(item: Any) -> tuple[str, str]:
    if isinstance(item, str):
        return item, ""
    return str(item.get("name") or item.get("id") or ""), " ".join(str(item.get("about") or "").split())[:60]


SOURCES: Mapping[str, tuple[str, str, Callable[[Any], tuple[str, str]]]] = {
    "agents": ("/api/v1/agents", "agents", read_agent),
    "askers": ("/api/v1/agents", "agents", read_asker),
    "projects": ("/api/v1/projects", "projects", read_named),
    "kinds": ("/api/v1/kinds", "kinds", read_named),
    "people": ("/api/v1/people", "people", read_named),
}
