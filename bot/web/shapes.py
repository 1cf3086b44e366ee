"""Bodies and answers of the API, for OpenAPI. What a command takes is checked by the registry, not here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.model import Status

DEEPEST = 30
MOST_VALUES = 2_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_storable(value: object) -> None:
    """Raises ValueError for JSON with a text or number that no database keeps, nested so deeply that reading it
    exhausts the stack, or with so many values that naming what is wrong with each holds up everybody."""
    level, left = [value], MOST_VALUES
    for _ in range(DEEPEST):
        if not level:
            return
        left -= len(level)
        if left < 0:
            raise ValueError(f"holds more than {MOST_VALUES:,} values")
        for item in level:
            _check_item(item)
        level = [part for item in level for part in _list_parts(item)]
    if level:
        raise ValueError(f"is nested more than {DEEPEST} deep")


def _check_item(item: object) -> None:
    if isinstance(item, str) and _UNSTORABLE.search(item):
        raise ValueError("holds characters that cannot be stored (NUL, or half a surrogate pair)")
    if isinstance(item, float) and not math.isfinite(item):
        raise ValueError("holds a number that is none")


def _list_parts(item: object) -> list[object]:
    if isinstance(item, Mapping):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else []


class Body(BaseModel):
    """What callers send: known fields of the right type only."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check(cls, value: object) -> object:
        check_storable(value)
        return value


class CommandBody(Body):
    """Arguments by name, as `GET /api/v1/commands` lists them."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    place: str = Field("", max_length=300, description="Where answers and cards go; empty: the bot's own terminal.")


class FileBody(Body):
    """A file for the agent: its name, without a folder, and its `text` or `base64`; 5 MB each, 10 MB in all."""

    name: str = Field(min_length=1)
    text: str | None = None
    base64: str | None = None


def write_files(files: list[FileBody]) -> dict[str, Any]:
    """As commands take them; nothing when there are none."""
    return {"file": [file.model_dump(exclude_none=True) for file in files]} if files else {}


class SpawnBody(Body):
    """A new agent."""

    task: str = Field(min_length=1, description="What it is to do.")
    project: str = ""
    kind: str = ""
    model: str = ""
    mode: str = ""
    base: str = ""
    files: list[FileBody] = Field(default_factory=list)


class MessageBody(Body):
    """Words for an agent."""

    text: str = Field(min_length=1)
    now: bool = Field(False, description="Interrupt its turn.")
    files: list[FileBody] = Field(default_factory=list)


class ReasonBody(Body):
    """Why."""

    reason: str = ""


class AnswerBody(Body):
    """An answer to a request: `once` and `for this agent` allow, `always in this project` adds the rule whose `shown`
    the request named, `denied` refuses (with a reason in `text`), `answered` answers a question by `choice` (an
    option's id), `fields` of a form, or `text`."""

    verdict: Literal["once", "for this agent", "always in this project", "denied", "answered"]
    shown: str = Field("", max_length=100, description="Of the rule that was shown: `always.shown` of the request.")
    choice: str = ""
    text: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)


class Answered(BaseModel):
    """A command's answer. `reply.data` is for programs, the rest for people."""

    id: str
    reply: dict[str, Any]


class AgentRecord(BaseModel):
    """An agent; more is written than is promised here."""

    model_config = ConfigDict(extra="allow")

    id: str
    project: str
    kind: str
    scripted: bool
    task: str
    owner: str
    status: Status
    reason: str
    branch: str
    base: str
    commits: list[dict[str, Any]]
    accepted: str
    cost: float | None
    tokens: int | None
    seconds: float
    turns: int
    attempts: int
    parent: str
    created_at: str
    ended_at: str | None
    requests: list[dict[str, Any]]
    queue_position: int
    queued_messages: int


class AgentList(BaseModel):
    agents: list[AgentRecord]


class RequestList(BaseModel):
    requests: list[dict[str, Any]]


class ProjectList(BaseModel):
    projects: list[dict[str, Any]]


class KindRecord(BaseModel):
    """An agent kind: `ready`, `missing` or `not signed in`, and what to do about it."""

    name: str
    about: str
    state: str
    remedy: str
    scripted: bool = Field(description="It follows a script; there is no model behind it.")


class KindList(BaseModel):
    kinds: list[KindRecord]


class PersonRecord(BaseModel):
    """Somebody who can own agents."""

    id: str
    name: str
    role: str


class PersonList(BaseModel):
    people: list[PersonRecord]


class EventRecord(BaseModel):
    """A fact; what `data` holds depends on the kind (docs/reference/events.md)."""

    seq: int
    kind: str
    at: str
    agent: str
    project: str
    actor: str
    data: dict[str, Any]


class EventList(BaseModel):
    events: list[EventRecord]


class UpdateList(BaseModel):
    updates: list[dict[str, Any]]
    next: int = Field(description="Hand it back as `after`.")


class CommandList(BaseModel):
    commands: list[dict[str, Any]]


class Health(BaseModel):
    status: str
    reasons: list[str] = Field(default_factory=list)
