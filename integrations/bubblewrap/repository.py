"""What git needs of a repository to work in a linked worktree, and what must stay out of reach.

Writable: the objects, the branches of agents with their logs, and the worktree's own record. Never writable: the
configuration and the hooks (the bot and people run git there, outside the walls), packed objects, other branches, and
the files that say where a worktree belongs. Found by the repository's side alone: the worktree is the agent's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import PermanentFailure

BRANCHES = "refs/heads/callboard"
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A file or folder of the repository, and whether the agent may write it."""

    path: Path
    writable: bool = False


def list_parts(repository: Path, folder: Path) -> list[Part]:
    """The parts for the worktree in `folder`. Makes the folders that git would make. Raises PermanentFailure."""
    common = find_common(repository)
    record = find_record(common, folder)
    if record is None:
        raise PermanentFailure(f"{folder} is not a worktree of {repository}.", remedy="Look at git worktree list.")
    return [
        Part(common),
        Part(common / "objects", writable=True),
        *(Part(path) for name in ("pack", "info") if (path := common / "objects" / name).is_dir()),
        *(Part(path) for path in find_alternates(common / "objects")),
        *(Part(path, writable=True) for path in make_branches(common)),
        Part(record, writable=True),
        *(Part(path) for path in fix_record(record)),
        Part(folder / ".git"),
    ]


def find_common(repository: Path) -> Path:
    """The repository's .git, for bare ones and for worktrees and submodules too. Raises PermanentFailure."""
    admin = repository / ".git"
    if admin.is_file():
        admin = repository / _read_line(admin).removeprefix("gitdir: ")
    elif not admin.is_dir():
        admin = repository
    if inner := _read_line(admin / "commondir"):
        admin = admin / inner
    if not (admin / "objects").is_dir():
        raise PermanentFailure(f"{repository} is not a git repository.", remedy="Correct the project's path.")
    return admin.resolve()


def find_record(common: Path, folder: Path) -> Path | None:
    """The worktree's own folder in the repository's .git."""
    wanted = os.path.realpath(folder)
    try:
        records = sorted(common.joinpath("worktrees").iterdir())
    except OSError:
        return None
    return next((record for record in records if _is_record_of(record, wanted)), None)


def _is_record_of(record: Path, folder: str) -> bool:
    written = _read_line(record / "gitdir")
    return bool(written) and os.path.realpath((record / written).parent) == folder and not record.is_symlink()


def make_branches(common: Path) -> Iterator[Path]:
    """Where agents' branches and their logs are. A hidden file keeps the folder when git packs all that is in it."""
    branches = common / BRANCHES
    branches.mkdir(parents=True, exist_ok=True)
    _make_empty(branches / ".keep")
    yield branches
    if common.joinpath("logs").is_dir():
        logs = common / "logs" / BRANCHES
        logs.mkdir(parents=True, exist_ok=True)
        yield logs


def fix_record(record: Path) -> Iterator[Path]:
    """The files by which git outside the walls finds repository and settings; one that is missing is made empty, so
    that the agent cannot make it."""
    _make_empty(record / "config.worktree")
    for name in ("commondir", "gitdir", "config.worktree"):
        yield record / name


def find_alternates(objects: Path) -> Iterator[Path]:
    """Stores of objects that this one borrows from."""
    try:
        lines = objects.joinpath("info", "alternates").read_text(errors="replace")[:_LARGEST].splitlines()
    except OSError:
        return
    for line in lines:
        store = (objects / line).resolve() if line and not line.startswith("#") else objects
        if store != objects and store.is_dir():
            yield store


def _make_empty(path: Path) -> None:
    """Follows no link: agents write beside it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644))


def _read_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[:_LARGEST].strip()
    except OSError:
        return ""
