"""The verbs that need no running bot: up, config check, config example."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.program import ExitCode, print_json, show_error, write_line
from core.errors import CallboardError

if TYPE_CHECKING:
    from core.settings import Settings


def run_guarded(act: Callable[[], int], as_json: bool = False) -> int:
    """Its exit code, or that of the error, which is shown."""
    try:
        return act()
    except CallboardError as error:
        return show_error(error, as_json)


def run_bot(host: str | None, port: int | None, config: Path | None) -> int:
    """`callboard up`: this process becomes the bot."""
    from bot.app import run_up

    return run_guarded(lambda: run_up(host=host, port=port, config=config))


def check_config(config: Path | None, as_json: bool) -> int:
    """`callboard config check`: every problem with file, key and remedy."""
    return run_guarded(lambda: report_config(config, as_json), as_json)


def report_config(config: Path | None, as_json: bool) -> int:
    from core.settings import BadSettings, check_projects, find_file

    settings = read_settings(config)
    if problems := check_projects(settings):
        raise BadSettings(problems)
    file = find_file(config, os.environ, Path.cwd())
    if as_json:
        print_json({"file": str(file) if file else None, "problems": []})
    else:
        write_line(
            f"{file} is fine." if file else "There is no callboard.yaml: the defaults are used, and they are fine."
        )
    return ExitCode.DONE


def read_settings(config: Path | None) -> Settings:
    """The settings with the sections of every integration that is installed. Raises BadSettings."""
    from bot.parts import find_sections
    from core.settings import load_settings

    return load_settings(config, os.environ, Path.cwd(), find_sections())


def print_example() -> int:
    from core.settings import example_text

    sys.stdout.write(example_text())
    return ExitCode.DONE
