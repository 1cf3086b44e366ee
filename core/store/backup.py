"""Copies of an SQLite database, made while it is used: SQLite's own backup, of one moment, checked before it counts."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from core.errors import PermanentFailure

_PATIENCE = 20.0


def copy_database(source: Path, target: Path) -> None:
    """Copy all that is committed by now; nobody who reads or writes has to wait. The copy is one file that only its
    owner may read, there whole or not at all. Raises PermanentFailure with SQLite's words, or the system's."""
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy_pages(source, draft)
        check_database(draft)
        draft.replace(target)
    except sqlite3.Error as error:
        raise PermanentFailure(
            f"{source} could not be copied: {error}.", remedy="Is it whole, and is there room?"
        ) from error
    except OSError as error:
        raise PermanentFailure(f"{target} cannot be written: {error.strerror}.", remedy="Is there room?") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy_pages(source: Path, draft: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as origin,
        contextlib.closing(sqlite3.connect(draft, timeout=_PATIENCE)) as copy,
    ):
        # In one step: a copy in several would begin anew at each write.
        origin.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")


def check_database(file: Path) -> None:
    """Read all of it. Raises PermanentFailure when a page, a row or an index is damaged."""
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as opened:
        said = [str(row[0]) for row in opened.execute("PRAGMA integrity_check(3)")]
    if said != ["ok"]:
        raise PermanentFailure(f"The copy {file} is damaged: {'; '.join(said)[:300]}.")


def name_copy(file: Path, version: str) -> Path:
    """Where the state before an upgrade to a version is kept; never a name that is taken."""
    wanted = file.with_name(f"{file.name}.before-{version}")
    names = [wanted, *(wanted.with_name(f"{wanted.name}-{number}") for number in range(2, 1000))]
    return next(name for name in names if not name.exists())
