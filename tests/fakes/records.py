"""Records of the model with as little as a test has to say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.interfaces import Ask
from core.model import Agent, Option, Request, RequestKind
from core.requests import fingerprint_ask
from tests.fakes.clock import START


def make_agent(id: str = "web-1", **values: Any) -> Agent:
    """An agent that was ordered at START and has done nothing."""
    project, _, number = id.rpartition("-")
    first: dict[str, Any] = {
        "id": id,
        "number": int(number),
        "project": project,
        "kind": "demo",
        "task": "Fix the failing test",
        "owner": "p-ann",
        "place": "terminal:here",
        "created_at": START,
        "queued_at": START,
    }
    return Agent(**{**first, **values})


def make_ask(command: str = "make test", **values: Any) -> Ask:
    """An ask for permission to run a command."""
    detail = {"command": command, "folder": "/work"}
    first: dict[str, Any] = {
        "kind": RequestKind.PERMISSION,
        "title": f"Run {command}",
        "tool": "execute",
        "detail": detail,
        "options": (Option("yes", "Yes", "allow_once"), Option("no", "No", "reject_once")),
    }
    return Ask(**{**first, **values})


def make_question(*names: str, title: str = "Which one?") -> Ask:
    """A question with these options."""
    options = tuple(Option(str(number), name) for number, name in enumerate(names, 1))
    return Ask(RequestKind.QUESTION, title, "ask_human", {}, options)


def make_request(ask: Ask, id: str = "r-abcdef", opened_at: datetime = START, **values: Any) -> Request:
    """The open request that an ask becomes."""
    first: dict[str, Any] = {
        "id": id,
        "agent": "web-1",
        "kind": ask.kind,
        "title": ask.title,
        "tool": ask.tool,
        "detail": ask.detail,
        "options": ask.options,
        "fingerprint": fingerprint_ask(ask),
        "opened_at": opened_at,
        "attempt": 1,
    }
    return Request(**{**first, **values})
