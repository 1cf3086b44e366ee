"""What can be asked of the bot, as platforms with forms of their own for commands are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class WordKind(StrEnum):
    """What a value looks like."""

    TEXT = "text"
    FLAG = "flag"
    COUNT = "count"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Word:
    """A value that a verb takes. `source` is what `Street.suggest` completes it with, "" when nothing; `choices` are
    all that it can be, if that is known."""

    name: str
    about: str
    kind: WordKind = WordKind.TEXT
    required: bool = False
    source: str = ""
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: its `name` may have a group in front (`project use`). What must be said stands first in `words`."""

    name: str
    about: str
    words: Sequence[Word] = ()
