"""Makes an agent's worktree and branch, and repairs what an interrupted attempt left half made.

The common way is one git command, which adds the worktree. Everything else happens only when that fails or something
stands in the way. git itself says whether a worktree is complete: it is locked as "initializing" until then.
Nothing that may hold work is deleted: unknown folders are moved to `.lost`, branches with commits are left alone.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import PermanentFailure
from core.interfaces import Workspace
from integrations.local.files import read_file
from integrations.local.git import Ran, explain_failure, lock_repository, run_git, try_git
from integrations.local.heads import Base, read_base
from integrations.local.names import PREFIX, check_agent, check_revision, make_branch, resolve_inside

BRANCH_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A worktree as its repository knows it. `branch` is "" when it is on none; `half` when it was never finished."""

    folder: Path
    branch: str
    half: bool


async def prepare_workspace(root: Path, agent: str, repository: str, base: str, title: str) -> Workspace:
    """As Host.prepare says; the folder is `root/agent`. Raises PermanentFailure and TemporaryFailure."""
    folder = resolve_inside(root, check_agent(agent))
    lock = lock_repository(repository)
    async with lock:
        start = await look_at_base(repository, base)
        branch = await _place_worktree(repository, folder, start, agent, title)
        commit = start.commit
        if not branch.fresh:
            commit = await _find_beginning(repository, start, branch.name)
    return Workspace(agent, repository, str(folder), branch.name, start.name, commit)


async def prepare_detached(root: Path, spare: str, repository: str, base: str) -> Workspace:
    """A worktree on no branch in `root/spare`, where nothing must be yet: what is left of an interrupted call is not
    repaired but removed, by whoever asked for it. Raises PermanentFailure and TemporaryFailure."""
    folder = resolve_inside(root, check_agent(spare))
    start = await look_at_base(repository, base)
    lock = lock_repository(repository)
    async with lock:
        await run_git(repository, "worktree", "add", "--quiet", "--detach", "--", str(folder), start.commit)
    return Workspace(spare, repository, str(folder), "", start.name, start.commit)


async def look_at_base(repository: str, base: str) -> Base:
    """Where a worktree would begin now. Raises PermanentFailure."""
    if base:
        check_revision(base)
    return read_base(repository, base) or await find_base(repository, base)


async def find_base(repository: str, base: str) -> Base:
    """The commit of `base`, of the current branch when it is empty. Raises PermanentFailure."""
    if not Path(repository).is_dir():
        raise PermanentFailure(f"{repository} does not exist.", remedy="Correct the project's path.")
    branch = f"refs/heads/{base}" if base else "HEAD"
    ran = await _read_base(repository, branch)
    if not ran.ok and base:
        ran = await _read_base(repository, base)
    if not ran.ok:
        raise _explain_base(ran, repository, base)
    admin, commit, *full = ran.lines
    if base:
        return Base(Path(admin), commit, base)
    name = full[0] if full else "HEAD"
    return Base(Path(admin), commit, name.removeprefix("refs/heads/") if name != "HEAD" else commit)


async def _read_base(repository: str, name: str) -> Ran:
    return await try_git(
        repository, "rev-parse", "--path-format=absolute", "--git-common-dir", f"{name}^{{commit}}",
        "--symbolic-full-name", name,
    )  # fmt: skip


def _explain_base(ran: Ran, repository: str, base: str) -> PermanentFailure:
    if "ambiguous argument" not in ran.words and "unknown revision" not in ran.words:
        return explain_failure(ran, repository, "git rev-parse")
    if base:
        return PermanentFailure(
            f"There is no branch or commit {base!r} in {repository}.", remedy="Name one that git branch lists."
        )
    return PermanentFailure(f"{repository} has no commit yet.", remedy="Make a first commit there.")


# -------------------------------------------------------------------------------------------------------- placement


@dataclass(frozen=True, slots=True)
class Placed:
    """The branch of a worktree; `fresh` when it begins at the base."""

    name: str
    fresh: bool


async def _place_worktree(repository: str, folder: Path, base: Base, agent: str, title: str) -> Placed:
    if not os.path.lexists(folder) and not os.path.lexists(base.admin / "worktrees" / folder.name):
        name = make_branch(agent, title)
        if (await _add_worktree(repository, folder, "-b", name, base.commit)).ok:
            return Placed(name, fresh=True)
    entry = find_entry(base.admin, folder)
    if entry and not entry.half and folder.is_dir():
        return Placed(await _adopt_worktree(folder, entry, agent), fresh=False)
    _clear_place(base.admin, folder)
    if entry and entry.branch.startswith(f"{PREFIX}{agent}-") and await has_branch(repository, entry.branch):
        await run_git(repository, "worktree", "add", "--quiet", "--", str(folder), entry.branch)
        return Placed(entry.branch, fresh=False)
    return await _try_names(repository, folder, base, agent, title)


async def _add_worktree(repository: str, folder: Path, option: str, branch: str, commit: str) -> Ran:
    return await try_git(
        repository, "worktree", "add", "--quiet", "--no-track", option, branch, "--", str(folder), commit
    )


async def _try_names(repository: str, folder: Path, base: Base, agent: str, title: str) -> Placed:
    """A branch with nothing on it is ours, from an interrupted call, unless git says that somebody works there."""
    for attempt in range(1, BRANCH_ATTEMPTS + 1):
        name = make_branch(agent, title, attempt)
        taken = await has_branch(repository, name)
        if taken and not await is_empty(repository, base.commit, name):
            continue
        ran = await _add_worktree(repository, folder, "-B" if taken else "-b", name, base.commit)
        if ran.ok:
            return Placed(name, fresh=True)
        if not taken and "cannot lock ref" not in ran.words:
            raise explain_failure(ran, repository, "git worktree add")
    if await has_branch(repository, PREFIX.rstrip("/")):
        raise PermanentFailure(
            f"The branch {PREFIX.rstrip('/')} of {repository} stands where branches {PREFIX}… belong.",
            remedy=f"Rename it: git branch -m {PREFIX.rstrip('/')} NAME",
        )
    raise explain_failure(ran, repository, "git worktree add")


async def has_branch(repository: str, branch: str) -> bool:
    return (await try_git(repository, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}")).ok


async def is_empty(repository: str, commit: str, branch: str) -> bool:
    """Whether the commit has all that is on the branch."""
    return (await try_git(repository, "merge-base", "--is-ancestor", f"refs/heads/{branch}", commit)).ok


async def _find_beginning(repository: str, base: Base, branch: str) -> str:
    ran = await try_git(repository, "merge-base", base.commit, f"refs/heads/{branch}")
    return ran.output.strip() if ran.ok else base.commit


# ----------------------------------------------------------------------------------------------------------- repair


async def _adopt_worktree(folder: Path, entry: Entry, agent: str) -> str:
    """A complete worktree that an earlier call made: used as it is. Raises PermanentFailure when it is another's."""
    if not entry.branch.startswith(f"{PREFIX}{agent}-"):
        raise PermanentFailure(f"{folder} is a worktree on {entry.branch or 'no branch'}, not on one of {agent}.")
    ran = await try_git(folder, "rev-parse", "--path-format=absolute", "--git-path", "index.lock")
    if not ran.ok:
        raise explain_failure(ran, folder, "git rev-parse")
    Path(ran.output.strip()).unlink(missing_ok=True)
    return entry.branch


def find_entry(admin: Path, folder: Path) -> Entry | None:
    """The record of a worktree in its repository's .git, whether or not the folder is still there."""
    place = find_admin(admin, folder)
    if place is None:
        return None
    head = read_text(place / "HEAD")
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
    return Entry(folder, branch, _is_half(place) or not (place / "index").exists())


def _is_half(place: Path) -> bool:
    return _is_unfinished(place) or not read_text(place / "gitdir")


def _is_unfinished(place: Path) -> bool:
    return read_text(place / "locked") == "initializing"


def find_admin(admin: Path, folder: Path) -> Path | None:
    wanted = {str(folder / ".git"), os.path.realpath(folder / ".git")}
    try:
        places = sorted(admin.joinpath("worktrees").iterdir())
    except OSError:
        return None
    return next((place for place in places if _leads_to(place, folder.name, wanted)), None)


def _leads_to(place: Path, name: str, wanted: set[str]) -> bool:
    """By the path in it; by its name when git was killed before it wrote that."""
    path = read_text(place / "gitdir")
    return path in wanted or (not path and place.name == name)


def _clear_place(admin: Path, folder: Path) -> None:
    """Makes room: what git never finished goes, what nobody knows is moved aside."""
    place = find_admin(admin, folder)
    half = place is not None and _is_unfinished(place)
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.is_dir() and (half or _is_bare(folder)):
        shutil.rmtree(folder)
    elif folder.is_dir():
        _move_aside(folder)
    if place is not None:
        shutil.rmtree(place)


def _is_bare(folder: Path) -> bool:
    return not any(item.name != ".git" for item in folder.iterdir())


def _move_aside(folder: Path) -> None:
    lost = folder.parent / ".lost"
    lost.mkdir(exist_ok=True)
    number = 1
    while os.path.lexists(lost / f"{folder.name}-{number}"):
        number += 1
    folder.rename(lost / f"{folder.name}-{number}")


def read_text(path: Path) -> str:
    """A small file without the space around it; "" when it cannot be read."""
    with suppress(OSError):
        return read_file(path).strip()
    return ""
