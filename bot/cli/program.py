"""What the command line says of itself: its name as typed, its exit codes, its errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from core.errors import CallboardError, ConfigurationError, UserError
from core.text import address_hints, plain

LOCAL_VERBS = ("up", "open", "watch", "config")


class ExitCode(IntEnum):
    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    HUMAN_NEEDED = 3
    INTERRUPTED = 130


class NotRunning(ConfigurationError):
    """No bot answers."""

    code = "not_running"


class Problem(UserError):
    """The bot refused, in its own words. `code` is the problem's."""

    def __init__(self, message: str, *, remedy: str = "", code: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code or UserError.code


def find_program(environ: Mapping[str, str] = os.environ) -> str:
    """The program's name as the person typed it: `./callboard` or `callboard`."""
    if named := environ.get("CALLBOARD_PROG"):
        return named
    name = Path(sys.argv[0]).name
    return "python -m bot" if name == "__main__.py" else name or "callboard"


def say_commands(text: str) -> str:
    """A text with the commands in it as they are typed here."""
    from bot.cli.verbs import find_bringers
    from bot.commands import load_registry

    brought = [item.name for item in find_bringers()]
    return address_hints(text, find_program(), (*LOCAL_VERBS, *brought, *load_registry().verbs))


def choose_code(error: CallboardError) -> ExitCode:
    return ExitCode.UNUSABLE if isinstance(error, ConfigurationError) else ExitCode.FAILED


def describe_error(error: CallboardError) -> dict[str, Any]:
    """The error for programs."""
    message = str(error) if isinstance(error, ConfigurationError) and error.where else error.message
    code = getattr(error, "code", "") or "failed"
    return {"error": {"code": code, "message": message, "remedy": error.remedy}}


def show_error(error: CallboardError, as_json: bool) -> ExitCode:
    """Print it where it belongs; the exit code that fits."""
    if as_json:
        print_json(describe_error(error))
        return choose_code(error)
    for problem in getattr(error, "problems", ()) or (error,):
        where = getattr(problem, "where", "")
        write_line(f"callboard: {where and f'{where}: '}{problem.message}", to_errors=True)
        if problem.remedy:
            write_line(f"  {say_commands(problem.remedy)}", to_errors=True)
    return choose_code(error)


def write_line(text: str, *, to_errors: bool = False) -> None:
    """One plain line (or more) to a stream that may know fewer characters than the text has."""
    stream = sys.stderr if to_errors else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(plain(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def print_json(value: object) -> None:
    """ASCII JSON: nothing in it reaches a terminal as more than text."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    sys.stdout.flush()


def print_json_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
