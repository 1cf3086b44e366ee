"""Worktrees that wait for an agent: looked at, sealed, handed over, dropped.

A spare stands on no branch in `worktrees/<spare>`; what its set-up leaves beside that is in `agents/<spare>`.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import Conflict, PermanentFailure, TemporaryFailure
from core.interfaces import Stand, Workspace
from integrations.local.furnish import find_source
from integrations.local.git import explain_failure, lock_repository, run_git, try_git
from integrations.local.host import is_guarded
from integrations.local.names import PREFIX, check_agent, make_branch, resolve_inside
from integrations.local.repositories import check_lead, check_place, remove_all, remove_tree
from integrations.local.trust import check_links
from integrations.local.worktrees import (
    BRANCH_ATTEMPTS,
    find_admin,
    has_branch,
    is_empty,
    look_at_base,
    read_text,
)

_HEADS = "ref: refs/heads/"
_GUARDED = ("guard.lock", "exit.json")


class LocalSpares:
    """A Spares of core/interfaces for the worktrees of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.agents = self.home / "agents"
        self.worktrees = self.home / "worktrees"

    async def look(self, repository: str, base: str, names: Sequence[str]) -> Stand:
        start = await look_at_base(repository, base)
        return Stand(start.name, start.commit, await asyncio.to_thread(stamp_files, Path(repository), names))

    async def seal(self, spare: Workspace) -> str:
        folder = self._find_folder(spare)
        await self._read_branch(spare, folder)
        await check_place(replace(spare, folder=str(folder)))
        at = await try_git(folder, "rev-parse", "HEAD")
        if at.output.strip() != spare.base_commit:
            raise Conflict(f"{folder} is no longer on the commit with which it was prepared.")
        ran = await run_git(
            folder, "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=none", "--untracked-files=all"
        )
        return await asyncio.to_thread(digest_files, folder, ran.names)

    async def hand_over(self, spare: Workspace, agent: str, title: str) -> Workspace:
        folder = self._find_folder(spare)
        check_agent(agent)
        lock = lock_repository(spare.repository)
        async with lock:
            branch = await self._read_branch(spare, folder)
            if branch and not branch.startswith(f"{PREFIX}{agent}-"):
                raise Conflict(f"{folder} is on {branch} by now.")
            await check_links(*await check_lead(replace(spare, folder=str(folder))))
            branch = branch or await _switch_branch(spare, folder, agent, title)
        await asyncio.to_thread(move_rest, self.agents / spare.agent, self.agents / agent)
        return replace(spare, agent=agent, folder=str(folder), branch=branch)

    async def drop(self, spare: Workspace) -> None:
        folder = self._find_folder(spare)
        if is_guarded(self.home, spare.agent):
            raise TemporaryFailure(f"Something of {spare.agent} still runs.", retry_after=30)
        lock = lock_repository(spare.repository)
        async with lock:
            branch = await self._find_empty(spare, folder)
            await remove_all(replace(spare, branch=branch), folder)
        await asyncio.to_thread(remove_tree, resolve_inside(self.agents, spare.agent))

    def _find_folder(self, spare: Workspace) -> Path:
        """By its name: what a row says of a folder may be of another home."""
        return resolve_inside(self.worktrees, check_agent(spare.agent))

    async def _read_branch(self, spare: Workspace, folder: Path) -> str:
        """The branch that it is on, "" for none. Raises Conflict when it is gone, or was moved to another commit."""
        head = await _read_head(spare, folder)
        if not head or not folder.is_dir():
            raise Conflict(f"{folder} is gone, or no worktree of {spare.repository} any more.")
        if not head.startswith(_HEADS) and head != spare.base_commit:
            raise Conflict(f"{folder} is no longer on the commit with which it was prepared.")
        return head.removeprefix(_HEADS) if head.startswith(_HEADS) else ""

    async def _find_empty(self, spare: Workspace, folder: Path) -> str:
        """The branch that an agent got with it and never worked on; "" when there is none."""
        branch = (await _read_head(spare, folder)).removeprefix(_HEADS)
        known = branch.startswith(PREFIX) and await has_branch(spare.repository, branch)
        return branch if known and await is_empty(spare.repository, spare.base_commit, branch) else ""


async def _read_head(spare: Workspace, folder: Path) -> str:
    """The worktree's HEAD as its repository has it; "" when it has none."""
    admin = Path(spare.repository) / ".git"
    if not admin.is_dir():
        ran = await try_git(spare.repository, "rev-parse", "--path-format=absolute", "--git-common-dir")
        admin = Path(ran.output.strip())
    record = find_admin(admin, folder)
    return read_text(record / "HEAD") if record else ""


async def _switch_branch(spare: Workspace, folder: Path, agent: str, title: str) -> str:
    """A branch where the worktree stands; no file is touched. One with nothing on it is ours, from an interrupted call,
    unless git says that somebody works there."""
    for attempt in range(1, BRANCH_ATTEMPTS + 1):
        name = make_branch(agent, title, attempt)
        ran = await try_git(folder, "switch", "--quiet", "--no-track", "-c", name)
        if ran.ok:
            return name
        if not await has_branch(spare.repository, name) and "cannot lock ref" not in ran.words:
            raise explain_failure(ran, folder, "git switch")
        empty = await is_empty(spare.repository, spare.base_commit, name)
        if empty and (await try_git(folder, "switch", "--quiet", "--no-track", "-C", name)).ok:
            return name
    raise explain_failure(ran, folder, "git switch")


# ------------------------------------------------------------------------------------------------------------- files


def stamp_files(repository: Path, names: Sequence[str]) -> str:
    """A digest of the files as they are now, by size and time; "" for no names. `furnish` says what is missing."""
    lines = [f"{name}\0{_stamp_source(repository, name)}" for name in names]
    return hashlib.sha256("\0".join(lines).encode()).hexdigest() if lines else ""


def _stamp_source(repository: Path, name: str) -> str:
    try:
        return _stamp_file(find_source(repository, name))
    except PermanentFailure:
        return "missing"


def digest_files(folder: Path, names: Sequence[str]) -> str:
    """A digest of `git status` lines and of the files in them."""
    lines = [f"{name}\0{_stamp_file(folder / name[3:])}" for name in sorted(names)]
    return hashlib.sha256("\0".join(lines).encode(errors="surrogateescape")).hexdigest()


def _stamp_file(path: Path) -> str:
    try:
        seen = path.lstat()
    except OSError:
        return "missing"
    return f"{seen.st_mode} {seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"


def move_rest(source: Path, target: Path) -> None:
    """What a set-up left beside the worktree, such as a home of its own within a sandbox, goes with it. Raises
    TemporaryFailure when the disk does not do it."""
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for item in sorted(source.iterdir()) if source.is_dir() else ():
            if item.name not in _GUARDED and not (target / item.name).exists():
                item.rename(target / item.name)
        shutil.rmtree(source, ignore_errors=True)
    except OSError as error:
        raise TemporaryFailure(f"{source} cannot be moved: {error.strerror}.", retry_after=30) from error
