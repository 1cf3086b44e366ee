"""What interfaces say of a conversation with an agent: how it opens, what is asked and answered, how a turn ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.model import Option, RequestKind, Verdict


@dataclass(frozen=True, slots=True)
class ToolServer:
    """An MCP server over stdio that an agent is handed. `env` is given to that process only."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Opening:
    """How to open a session. `session` is the id to load, "" for a new one; `model` and `mode` are names that the
    agent offers, "" for its own choice."""

    folder: str
    session: str = ""
    model: str = ""
    mode: str = ""
    tools: Sequence[ToolServer] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What an agent asks of a person. `detail` is all that must be shown before an answer (plain JSON): `command`,
    `folder`, `paths`, `diff` of permissions; `fields` (a JSON-schema-like form) of questions with several choices."""

    kind: RequestKind
    title: str
    tool: str
    detail: Mapping[str, Any]
    options: Sequence[Option] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said: an Option's id, the reason of a denial or the words of an answer, a form's fields."""

    verdict: Verdict
    choice: str = ""
    text: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that a person gave. `kind` is its MIME type, `path` where the agent can read it."""

    name: str
    kind: str
    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """Why the agent gave the word back: ACP's end_turn, max_tokens, max_turn_requests, refusal, cancelled."""

    stop_reason: str
    cost: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """What an agent says of itself. `signed_in` is None when it does not tell; `modes` and `models` are what a session
    offers."""

    name: str
    version: str
    can: Sequence[str]
    signed_in: bool | None = None
    modes: Sequence[str] = ()
    models: Sequence[str] = ()
