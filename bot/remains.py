"""Files that are not needed any more: folders and logs of agents that rest, and old backups. Blocks; raises nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bot.backup import FOLDER

LOGS = ("stderr.log*", "setup.log*")
BACKUPS = "callboard-*.tar.gz"


def list_folders(home: Path) -> Sequence[Path]:
    """The folders of agents, by their names."""
    try:
        return sorted(path for path in (home / "agents").iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def delete_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def delete_logs(folders: Iterable[Path]) -> None:
    """What agents and set-ups said on their error output."""
    for path in (path for folder in folders for pattern in LOGS for path in folder.glob(pattern)):
        with suppress(OSError):
            path.unlink()


def delete_backups(home: Path, database: Path, kept: int) -> None:
    """Of our own making and by our own names only: others' files in that folder are nobody's business here."""
    for found in ((home / FOLDER).glob(BACKUPS), database.parent.glob(f"{database.name}.before-*")):
        for path in sorted(found, key=lambda path: path.stat().st_mtime)[:-kept]:
            with suppress(OSError):
                path.unlink()
