"""Agent kinds: what is offered, with what is configured; and whether one can be used."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.interfaces import Kind
from core.settings.environment import find_secrets
from core.settings.model import KindSettings, Settings
from core.settings.problem import BadSettings, Problem, suggest
from core.settings.value import is_bot_name

BASIC_NAMES = frozenset({"HOME", "PATH", "LANG", "TERM", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR"})
State = Literal["ready", "missing", "not signed in"]


@dataclass(frozen=True, slots=True)
class ResolvedKind:
    """An agent kind, ready to be started. `env` is set for the agent; `pass_env` are names of the bot's variables."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    pass_env: Sequence[str] = ()
    model: str = ""
    mode: str = ""
    about: str = ""
    scripted: bool = False
    sign_in: Sequence[str] = ()
    install: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict, repr=False)
    fresh: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a kind can be used, and what to do when not."""

    state: State
    remedy: str = ""


def resolve_kinds(settings: Settings, offered: Sequence[Kind]) -> Mapping[str, ResolvedKind]:
    """Every kind, in the order offered, then those of the configuration's own.

    Raises BadSettings for a kind with no command, and for a project whose kind does not exist.
    """
    known = {kind.name: kind for kind in offered}
    names = [*known, *(name for name in settings.kinds if name not in known)]
    problems = [problem for name in names for problem in _check_command(settings, name, known)]
    problems += [
        Problem(settings.locate("projects", name, "kind"), "there is no such agent kind.", suggest(project.kind, names))
        for name, project in settings.projects.items()
        if project.kind and project.kind not in names
    ]
    if problems:
        raise BadSettings(problems)
    return {name: _merge_kind(name, settings.kind(name), known.get(name)) for name in names}


def _check_command(settings: Settings, name: str, known: Mapping[str, Kind]) -> Iterable[Problem]:
    if name in known or settings.kind(name).command:
        return
    remedy = f"Add `command:` for a kind of your own. {suggest(name, known)}".strip()
    yield Problem(settings.locate("kinds", name), "there is no such agent kind, and no command for it.", remedy)


def _merge_kind(name: str, own: KindSettings, offered: Kind | None) -> ResolvedKind:
    base = offered or Kind(name, (), "")
    # Another command is another program: what is known of signing in and installing is not known of that one.
    replaced = bool(own.command)
    return ResolvedKind(
        name=name,
        command=own.command or tuple(base.command),
        env={key: value.get_secret_value() for key, value in own.env.items()},
        pass_env=tuple(dict.fromkeys([*base.env, *own.pass_env])),
        model=own.model,
        mode=own.mode or ("" if replaced else base.mode),
        about=own.about or base.about,
        scripted=base.scripted and not replaced,
        sign_in=() if replaced else tuple(base.sign_in),
        install="" if replaced else base.install,
        defaults=base.defaults,
        fresh=base.fresh,
    )


def agent_environment(kind: ResolvedKind, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of an agent, by allowlist: the basics, what the kind passes on, what it sets. Nothing of
    the bot's own gets through. Give it `settings.environment` for `environ`."""
    basic = {name: value for name, value in environ.items() if name in BASIC_NAMES or name.startswith("LC_")}
    passed = {name: environ[name] for name in kind.pass_env if name in environ}
    merged = {**basic, **kind.defaults, **passed, **kind.env}
    return {name: value for name, value in merged.items() if not is_bot_name(name)}


def find_kind_secrets(kinds: Iterable[ResolvedKind], environ: Mapping[str, str]) -> frozenset[str]:
    """The secrets that agents are given, for the redactor."""
    return frozenset().union(*(find_secrets(agent_environment(kind, environ)) for kind in kinds))


def check_kind(kind: ResolvedKind, environ: Mapping[str, str], home: Path) -> Readiness:
    """Whether the command is there and somebody signed in. `home` is the user's own folder (not CALLBOARD_HOME).
    Looks at files; starts nothing."""
    given = agent_environment(kind, environ)
    program = kind.command[0]
    if shutil.which(program, path=given.get("PATH", "")) is None:
        return Readiness("missing", kind.install or f"Install {program}, or set kinds.{kind.name}.command.")
    if kind.sign_in and not any(_is_signed_in(mark, given, home) for mark in kind.sign_in):
        return Readiness("not signed in", _advise_sign_in(kind))
    return Readiness("ready")


def _is_signed_in(mark: str, given: Mapping[str, str], home: Path) -> bool:
    if mark.startswith("~/"):
        return (home / mark[2:]).exists()
    return bool(given.get(mark))


def _advise_sign_in(kind: ResolvedKind) -> str:
    variables = [mark for mark in kind.sign_in if not mark.startswith("~/")]
    run = f"Run {kind.command[0]} once and sign in" if len(variables) < len(kind.sign_in) else ""
    give = f"set {' or '.join(variables)} in .env" if variables else ""
    advice = ", or ".join(part for part in (run, give) if part)
    return f"{advice[0].upper()}{advice[1:]}."
