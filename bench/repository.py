"""A repository with very many files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

FILES = 100_000
_FOLDER = 1_000  # files in each folder
_MEMORY = "/dev/shm"
_ROOM = 4_000_000_000  # bytes


def write_history(files: int) -> Iterator[bytes]:
    """One commit with that many files, as `git fast-import` reads it."""
    yield b"commit refs/heads/main\ncommitter Bench <bench@example.com> 0 +0000\ndata 5\nBegin\n"
    for number in range(files):
        yield b"M 100644 inline d%d/f%d.txt\ndata %d\n%d\n" % (number // _FOLDER, number, len(str(number)), number)


def make_repository(folder: Path, files: int = FILES) -> None:
    """A repository with a commit, and nothing checked out."""
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", "--", str(folder)], check=True, timeout=60)
    history = b"".join(write_history(files))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=history, check=True, timeout=600)


def find_memory() -> str | None:
    """A folder in memory; None for wherever temporary files go."""
    return _MEMORY if Path(_MEMORY).is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None
