"""What integrations offer and are asked for, as values: agent kinds, doors, checks, walls, pace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """An agent kind as an integration offers it. `sign_in` are environment variables or files (`~/…`) of which one
    is there when somebody signed in; empty: none is needed. `install` is told when the command is missing.
    `defaults` are variables that the agent gets unless the settings or the bot's environment have others; `fresh`
    are those that get a random value of their own at each start. `mode` is chosen when nobody chose one."""

    name: str
    command: Sequence[str]
    about: str
    env: Sequence[str] = ()
    sign_in: Sequence[str] = ()
    install: str = ""
    scripted: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)
    fresh: Sequence[str] = ()
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Plain:
    """A request or response of a door, free of any web framework."""

    headers: Mapping[str, str]
    body: bytes
    status: int = 200


@dataclass(frozen=True, slots=True)
class Door:
    """A webhook. `verify` raises Refused for a forged or stale request; `handle` stores before it answers."""

    path: str
    verify: Callable[[Plain], None]
    handle: Callable[[Plain], Awaitable[Plain]]


@dataclass(frozen=True, slots=True)
class Check:
    """A line of `doctor`: what was looked at, whether it holds, and what to do. What nobody uses is no fault."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    used: bool = True


@dataclass(frozen=True, slots=True)
class Walls:
    """What a sandboxed agent is left with beside a read-only system, its worktree and folders of its own. `~/…` is the
    person's home. `hidden` are files and folders that it must not see, whatever else says; what does not exist is
    passed over."""

    network: bool = True
    writable: Sequence[str] = ()
    readable: Sequence[str] = ()
    hidden: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """Least seconds between two edits of one card, and posts a second in one place (0: no limit)."""

    edit_gap: float = 0.0
    posts_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """A place of an integration (`webhook` of `slack:webhook`) that hears of all agents. `concerns` are those of
    core.routing: needs, failed, finished."""

    address: str
    concerns: Sequence[str]
