"""What a command is made of: words, and parts that are one argv each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HOLE = "\0"
_LEAD = frozenset(("if", "then", "else", "elif", "while", "until", "do", "!", "{", "}"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^]]*\])?\+?=", re.ASCII)


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes. `shape` is the same with a hole for each unquoted `*`, `?` and `[`."""

    text: str
    shape: str = ""

    @property
    def is_known(self) -> bool:
        return HOLE not in self.text


@dataclass(frozen=True, slots=True)
class Part:
    """One argv. `certain`: it is run if the command is; `open`: more words may follow that are not known; `piped`: it
    reads what the part before it writes; `fed`: texts that it reads; `assigned`: variables are set in front of it."""

    words: tuple[Word, ...]
    certain: bool = True
    open: bool = False
    piped: bool = False
    fed: tuple[str, ...] = ()
    assigned: bool = False

    def __str__(self) -> str:
        shown = " ".join(_quote(word.text) for word in self.words[:12])
        return f"{shown} …" if len(self.words) > 12 or self.open else shown


@dataclass(slots=True)
class Script:
    """What was read. `plain`: one argv and nothing else that a shell would act on; `broken`: not all could be read;
    `targets` are files of redirections."""

    parts: list[Part] = field(default_factory=list)
    targets: list[Word] = field(default_factory=list)
    plain: bool = True
    broken: bool = False


def trim_lead(part: Part) -> Part:
    """The part without reserved words and assignments before its program."""
    words, assigned = list(part.words), part.assigned
    while words:
        word = words[0].text
        if word == "function":
            del words[:2]
        elif word in _LEAD:
            del words[0]
        elif _ASSIGNMENT.match(word):
            assigned = True
            del words[0]
        else:
            break
    return Part(tuple(words), part.certain, part.open, part.piped, part.fed, assigned)


def gather_words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def _quote(word: str) -> str:
    shown = word.replace(HOLE, "…")
    return shown if re.fullmatch(r"[^\s'\"]+", shown) else "'" + shown.replace("'", "'\\''") + "'"
