"""What is wrong with the configuration, said so that somebody can put it right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NoReturn

from pydantic_core import PydanticCustomError

from core.errors import ConfigurationError

KeyPath = tuple[str, ...]
FAULT = "callboard"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: `where` names file (with line) and key, or the environment variable."""

    where: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message} {self.remedy}".strip()


class BadSettings(ConfigurationError):
    """Everything that is wrong at once; `where`, `message` and `remedy` are those of the first problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.message, where=first.where, remedy=first.remedy)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where each value came from. `label` is the configuration file as shown to people, "" when there is none."""

    label: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    variables: Mapping[KeyPath, str] = field(default_factory=dict)

    def find_variable(self, path: KeyPath) -> str:
        """The environment variable that set `path` or something above it, "" when none did."""
        return next((self.variables[part] for part in shorten_path(path) if part in self.variables), "")

    def locate(self, path: KeyPath) -> str:
        """File, line and key of a setting, or the variable that set it."""
        if variable := self.find_variable(path):
            return variable
        line = next((self.lines[part] for part in shorten_path(path) if part in self.lines), 0)
        spot = f"{self.label or 'settings'}:{line}" if line else self.label or "settings"
        key = ".".join(show_key(part) for part in path)
        return f"{spot}: {key}" if key else spot


@dataclass(frozen=True, slots=True)
class Report:
    """Problems as they are found."""

    origin: Origin
    problems: list[Problem]

    def tell(self, path: KeyPath, message: str, remedy: str) -> None:
        """One more problem, of the setting at `path`."""
        self.problems.append(Problem(self.origin.locate(path), message, remedy))


def shorten_path(path: KeyPath) -> Iterable[KeyPath]:
    """The path itself, then everything above it."""
    return (path[:size] for size in range(len(path), 0, -1))


def show_key(key: str) -> str:
    """A key as it may be printed: one short line."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in key)
    return plain if len(plain) <= 40 else f"{plain[:20]}…"


def find_close(word: str, known: Iterable[str]) -> str:
    """The one of `known` that was probably meant, "" when none is close."""
    return next(iter(get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)), "")


def suggest(word: str, known: Iterable[str]) -> str:
    """What was probably meant, else what there is."""
    choices = sorted(known)
    if close := find_close(word, choices):
        return f"Did you mean {close}?"
    return f"Known here: {', '.join(choices)}." if choices else ""


def fault(message: str, remedy: str = "", *keys: str) -> PydanticCustomError:
    """An error for validators; `keys` lead from the section to the key that is to blame."""
    return PydanticCustomError(FAULT, "{message}", {"message": message, "remedy": remedy, "keys": keys})


def refuse(where: str, message: str, remedy: str = "") -> NoReturn:
    """Raise one problem. What led to it is hidden, since errors of parsers repeat the text they failed on."""
    raise BadSettings([Problem(where, message, remedy)]) from None


def mask_problems(problems: Iterable[Problem], secrets: Iterable[str]) -> tuple[Problem, ...]:
    """The problems with every secret taken out; the file's name is left alone."""
    longest = sorted(secrets, key=len, reverse=True)
    return tuple(_mask_problem(problem, longest) for problem in problems)


def _mask_problem(problem: Problem, secrets: Sequence[str]) -> Problem:
    spot, sign, key = problem.where.partition(": ")
    return Problem(
        spot + sign + mask_text(key, secrets), mask_text(problem.message, secrets), mask_text(problem.remedy, secrets)
    )


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret replaced."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return text
