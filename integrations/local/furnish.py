"""Copies files that git does not keep from a repository's folder into a worktree, and sees that they stay out of git.

A name reaches nothing but a regular file inside the repository, wherever links lead, and nothing outside the worktree
is ever written. What git does not ignore anyway is added to the repository's `info/exclude`, which no commit has.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Workspace
from integrations.local.git import lock_repository, run_git, try_git

_SPECIAL = frozenset("\\*?[]!# ")
_REMEDY = "Correct `copy` of the project."
_FULL = (errno.ENOSPC, errno.EDQUOT)


async def furnish_worktree(workspace: Workspace, names: Sequence[str]) -> None:
    """As Host.furnish says."""
    for name in names:
        check_name(name)
        source = find_source(Path(workspace.repository), name)
        check_place(Path(workspace.folder), name)
        await _check_untracked(workspace.folder, name)
        await _exclude_name(workspace, name)
        await asyncio.to_thread(copy_file, source, Path(workspace.folder), name)


def check_name(name: str) -> None:
    """Raises PermanentFailure for a name that is no path below a folder."""
    parts = name.split("/")
    if not name.isprintable() or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise PermanentFailure(f"{name[:80]!r} is no path of a file in a repository.", remedy=_REMEDY)


def find_source(repository: Path, name: str) -> Path:
    """The real file behind a name. Raises PermanentFailure when that is none, or not in the repository."""
    root = repository.resolve()
    try:
        real = (root / name).resolve(strict=True)
        mode = real.lstat().st_mode
    except (OSError, RuntimeError):
        raise PermanentFailure(f"There is no file {name} in {repository}.", remedy=_REMEDY) from None
    if root not in real.parents or root / ".git" in real.parents:
        raise PermanentFailure(f"{name} leads out of {repository}.", remedy=_REMEDY)
    if not stat.S_ISREG(mode):
        raise PermanentFailure(f"{name} in {repository} is not a file.", remedy=_REMEDY)
    return real


def check_place(folder: Path, name: str) -> None:
    """Raises PermanentFailure when a link on the way would lead out of the worktree."""
    for parent in (folder / name).relative_to(folder).parents:
        if (folder / parent).is_symlink() and parent.parts:
            raise PermanentFailure(f"{name} leads through the link {parent} in the worktree.", remedy=_REMEDY)


async def _check_untracked(folder: str, name: str) -> None:
    ran = await try_git(folder, "--literal-pathspecs", "ls-files", "--error-unmatch", "--", name)
    if ran.ok:
        raise PermanentFailure(f"{name} is tracked: every worktree has it already.", remedy=f"Take it out. {_REMEDY}")


async def _exclude_name(workspace: Workspace, name: str) -> None:
    if (await try_git(workspace.folder, "check-ignore", "--quiet", "--", name)).ok:
        return
    ran = await run_git(workspace.folder, "rev-parse", "--path-format=absolute", "--git-path", "info/exclude")
    lock = lock_repository(workspace.repository)
    async with lock:
        try:
            add_line(Path(ran.output.rstrip("\n")), write_pattern(name))
        except OSError as error:
            raise PermanentFailure(f"{name} cannot be kept out of git: {error.strerror}.") from error
    if not (await try_git(workspace.folder, "check-ignore", "--quiet", "--", name)).ok:
        raise PermanentFailure(
            f"{name} would be committed: a rule of the repository takes it in.", remedy=f"Ignore it there. {_REMEDY}"
        )


def write_pattern(name: str) -> str:
    """The ignore rule that fits this path and no other."""
    return "/" + "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in name)


def add_line(file: Path, line: str) -> None:
    """Append a line to a file unless it is there. Raises OSError."""
    text = file.read_text(errors="surrogateescape") if file.exists() else ""
    if line in text.splitlines():
        return
    file.parent.mkdir(exist_ok=True)
    with file.open("a", errors="surrogateescape") as end:
        end.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")


def copy_file(source: Path, folder: Path, name: str) -> None:
    """Write it anew, whatever file or link stands there. Raises PermanentFailure, TemporaryFailure on a full disk."""
    place = folder / name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        _write_copy(source, place)
    except OSError as error:
        if error.errno in _FULL:
            raise TemporaryFailure(f"{name} cannot be copied: {error.strerror}.", retry_after=30) from error
        raise PermanentFailure(f"{name} cannot be copied: {error.strerror}.", remedy=_REMEDY) from error


def _write_copy(source: Path, place: Path) -> None:
    # Not blocking: what was a file a moment ago may be a pipe now.
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(reading, "rb") as old:
        mode = os.fstat(old.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a file")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(place, flags, stat.S_IMODE(mode) & 0o777), "wb") as new:
            shutil.copyfileobj(old, new)
