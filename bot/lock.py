"""One bot for one data folder, and the note by which the command line finds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from core.home import RUN_FILE


def make_home(home: Path) -> None:
    """Make the data folder. Raises ConfigurationError when it cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {home} cannot be written: {error.strerror or error}.",
            where="CALLBOARD_HOME",
            remedy="Make it writable, or set CALLBOARD_HOME to another folder.",
        ) from error


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock file, with our process id in it. Raises ConfigurationError when another process holds it."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or "unknown"
            raise ConfigurationError(
                f"another Callboard (process {other}) uses this data folder.",
                where=str(path.parent),
                remedy="Stop it, or set CALLBOARD_HOME to another folder.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def write_run(home: Path, note: Mapping[str, Any]) -> None:
    """Write run.json, readable for this user only, in one step."""
    made = home / f"{RUN_FILE}.new"
    made.unlink(missing_ok=True)
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(note, file)
    made.replace(home / RUN_FILE)


def remove_run(home: Path) -> None:
    """The bot is gone."""
    (home / RUN_FILE).unlink(missing_ok=True)
