"""Where the configuration and the data are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.home import find_home
from core.settings.problem import refuse
from core.settings.value import place_path

FILE = "callboard.yaml"


def find_person_home(environ: Mapping[str, str]) -> Path:
    """The home folder of the person who runs the bot. Raises BadSettings when nothing tells it."""
    if home := environ.get("HOME"):
        return Path(home)
    try:
        return Path.home()
    except RuntimeError:
        refuse("environment: HOME", "your home folder is not known.", "Set HOME or CALLBOARD_HOME.")


def find_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The file to read: the one named, else ./callboard.yaml, else the one in CALLBOARD_HOME, else none. A named
    one is returned whether it exists or not."""
    named = str(config) if config is not None else environ.get("CALLBOARD_CONFIG", "")
    if named:
        return place_path(named, cwd, find_person_home(environ))
    usual = (cwd / FILE, find_home(environ) / FILE)
    return next((file for file in usual if file.exists() or file.is_symlink()), None)


def show_file(file: Path, cwd: Path) -> str:
    """The file as people know it: relative when it is below the current folder."""
    return str(file.relative_to(cwd)) if file.is_relative_to(cwd) else str(file)
