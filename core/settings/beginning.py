"""What can be set of how a project's agents begin."""

from __future__ import annotations

import json
import shlex
import warnings
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_settings import NoDecode

from core.settings.problem import fault
from core.settings.value import Amount, Count, Section

MOST_WARM = 8
_MOST = 50
_LONGEST = 100_000


def _read_commands(value: object) -> object:
    """Commands as they stand: nothing is made of a program's name, since it may be in the worktree."""
    if isinstance(value, str):
        value = _read_json(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list | tuple):
        raise fault("must be a list of commands.", "Write one below another, each after a dash: - npm ci")
    return [_read_command(item) for item in value]


def _read_json(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise fault("this value is not JSON.", 'Write a list as ["npm ci", "npm run build"].') from None


def _read_command(value: object) -> list[str]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError:
        raise fault("a quote is opened and not closed.", "Close it, or write the command as a list.") from None
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise fault("must be a command.", "Write text, or a list of texts: [npm, ci].")
    if not words or not words[0].strip():
        raise fault("a command is empty.", "Name a program first, as in npm ci.")
    return list(words)


def _read_names(value: object) -> object:
    if isinstance(value, str):
        value = _read_json(value) if value.lstrip().startswith("[") else value.split(",")
        return [item.strip() for item in value if isinstance(item, str) and item.strip()]  # type: ignore[attr-defined]
    return value


def _check_name(value: str) -> str:
    parts = value.split("/")
    if not value.isprintable() or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise fault(
            "must be a file below the repository's folder.", "Write a path such as .env.test, without .. in it."
        )
    return value


def _check_words(value: str) -> str:
    if "\0" in value:
        raise fault("holds a zero byte.", "Remove it.")
    return value


Commands = Annotated[tuple[tuple[str, ...], ...], NoDecode, BeforeValidator(_read_commands), Field(max_length=_MOST)]
FileName = Annotated[str, StringConstraints(max_length=500), AfterValidator(_check_name)]
FileNames = Annotated[tuple[FileName, ...], NoDecode, BeforeValidator(_read_names), Field(max_length=_MOST)]
Words = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_check_words)]

with warnings.catch_warnings():
    # `copy` is what people look for; the method of that name is pydantic's old one and not used here.
    warnings.filterwarnings("ignore", "Field name", UserWarning)

    class BeginningSettings(Section):
        """How a project's agents begin."""

        setup: Commands = Field(
            (),
            description="Commands that run in each new worktree before its agent starts, in order, without a shell: "
            "`[npm ci]`.",
        )
        setup_minutes: Amount = Field(
            10.0, gt=0, le=1440, allow_inf_nan=False, description="Minutes that all of `setup` may take."
        )
        copy: FileNames = Field(  # type: ignore[assignment]
            (),
            description="Files that git does not keep, copied from the repository's folder into each new worktree: "
            "`[.env.test]`.",
        )
        warm: Count = Field(
            0,
            ge=0,
            le=MOST_WARM,
            description="How many worktrees are kept ready, with `copy` and `setup` done, for the next agents.",
        )
        instructions: Words = Field(
            "",
            description="What agents are told before their first task: words, or the name of a file in the repository.",
        )
