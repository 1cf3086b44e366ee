"""Verbs of the command line that an integration brings, and what they are given. They need no running bot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.messages import Tone


@dataclass(frozen=True, slots=True)
class Flag:
    """An option of a verb, `--token-file FILE`; without a `metavar` it takes no value."""

    name: str
    about: str
    metavar: str = ""


class Terminal(Protocol):
    """Where somebody runs a verb. What stands in backticks in a text is a command, and shown as it is typed there."""

    @property
    def is_live(self) -> bool:
        """Whether there is somebody who can be asked."""
        ...

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None: ...

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """What was typed, without spaces around it; `hidden` is not shown while it is typed. Raises BadInput when
        nobody can be asked."""
        ...


class Office(Protocol):
    """Where the bot's secrets and people are written, for verbs. Raises UserError when a file cannot be used."""

    def read_secret(self, name: str) -> str:
        """The variable's value as the bot would read it, "" when there is none."""
        ...

    def keep_secrets(self, values: Mapping[str, str]) -> str:
        """Write them where the bot reads them, all or none, for its own user alone; the file's name for people."""
        ...

    def add_person(self, name: str, role: str, identity: str) -> str:
        """Name somebody in the settings; the file's name for people. Conflict says what to write by hand."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """What a verb is given. `options` by the names of its flags; `written` is the integration's section as it stands,
    whether it would hold or not; `people` are who is named in the settings, with their identities."""

    options: Mapping[str, Any]
    terminal: Terminal
    office: Office
    written: Mapping[str, Any]
    people: Mapping[str, Sequence[str]]
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class LocalVerb:
    """A verb of the command line, `callboard slack setup`. It needs no running bot; `run` imports what it needs and
    returns the exit code (0 done, 1 failed). It may raise any CallboardError."""

    name: str
    about: str
    run: Callable[[Errand], int]
    flags: Sequence[Flag] = ()
