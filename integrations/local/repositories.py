"""What is done with an agent's work: committed, shown, merged or pushed, removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import BadInput, Conflict, PermanentFailure
from core.interfaces import Taken, Work, Workspace
from integrations.local.git import explain_failure, lock_repository, make_identity, run_git, try_git
from integrations.local.host import is_guarded
from integrations.local.merges import merge_branch, push_branch
from integrations.local.names import PREFIX, check_branch, name_folder, resolve_inside
from integrations.local.rebases import rebase_branch
from integrations.local.trust import check_traps
from integrations.local.worktrees import find_admin

COMMITS_KEPT = 200
FILES_KEPT = 200
# Whatever status.showUntrackedFiles says: what is not seen would be lost.
UNTRACKED = "--untracked-files=normal"
_SHOWN = 20
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class State:
    """What `git status` says. `branch` is "(detached)" when it is on none."""

    branch: str
    dirty: Sequence[str]


class LocalRepositories:
    """A Repositories of core/interfaces for the worktrees of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.worktrees = self.home / "worktrees"

    async def collect(self, workspace: Workspace, message: str) -> Work:
        dirty: Sequence[str] = ()
        if Path(workspace.folder).is_dir():
            dirty = await self._commit_rest(workspace, message)
        reach = f"{workspace.base_commit}..refs/heads/{check_branch(workspace.branch)}"
        commits, missing = await _list_commits(workspace.repository, reach)
        diffstat = await run_git(
            workspace.repository, "diff", "--stat", f"--stat-count={FILES_KEPT}", "--no-ext-diff", "--no-textconv",
            "--no-color", reach, "--",
        )  # fmt: skip
        return Work(commits, diffstat.output.rstrip(), dirty, missing)

    async def diff(self, workspace: Workspace, limit: int) -> str:
        plain = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--end-of-options", workspace.base_commit)
        if not Path(workspace.folder).is_dir():
            ran = await try_git(workspace.repository, *plain, f"refs/heads/{workspace.branch}", "--", limit=limit)
        else:
            await check_place(workspace)
            with TemporaryDirectory(prefix="callboard-") as drawer:
                env = await _list_everything(workspace.folder, Path(drawer) / "index")
                ran = await try_git(workspace.folder, *plain, "--", limit=limit, env=env)
        if not ran.ok:
            raise explain_failure(ran, workspace.folder, "git diff")
        return _end_cut(ran.output, ran.missing)

    async def accept(self, workspace: Workspace, how: str) -> Taken:
        check_branch(workspace.branch)
        lock = lock_repository(workspace.repository)
        if how == "push":
            return await push_branch(workspace)
        take = {"merge": merge_branch, "rebase": rebase_branch}.get(how)
        if take is None:
            raise BadInput(f"{how[:40]!r} is no way to accept work.", remedy="Say merge, rebase or push.")
        async with lock:
            return await take(workspace)

    async def remove(self, workspace: Workspace, force: bool) -> Sequence[str]:
        folder = resolve_inside(self.worktrees, name_folder(workspace.agent, workspace.folder))
        check_branch(workspace.branch)
        if is_guarded(self.home, workspace.agent):
            raise Conflict(f"{workspace.agent} still runs.", remedy="Stop it first.")
        lock = lock_repository(workspace.repository)
        async with lock:
            await _check_elsewhere(workspace, folder)
            lost = await _list_losses(workspace, folder)
            if lost and not force:
                name = workspace.agent
                raise Conflict(
                    f"Removing {name} would lose {_name_some(lost)}.",
                    remedy=f"`accept {name}` takes its work, `remove {name} --force` throws it away.",
                )
            await remove_all(workspace, folder)
        return lost

    async def _commit_rest(self, workspace: Workspace, message: str) -> Sequence[str]:
        """Returns what is still uncommitted afterwards. Without a message nothing is touched."""
        await check_place(workspace)
        state = await _read_state(workspace.folder)
        if message and state.dirty:
            if not is_guarded(self.home, workspace.agent):
                await _drop_lock(workspace.folder)
            await _commit_all(workspace, message)
            state = await _read_state(workspace.folder)
        if message and state.branch != workspace.branch:
            await _take_back(workspace, state.branch)
        return state.dirty


# ----------------------------------------------------------------------------------------------------------- collect


async def check_place(workspace: Workspace) -> None:
    """Whether the bot's git may work in the folder and look at its files. Raises Conflict."""
    record, refs = await check_lead(workspace)
    await check_traps(Path(workspace.folder), record, refs)


async def check_lead(workspace: Workspace) -> tuple[Path, Path]:
    """An agent may delete the .git of its folder or point it elsewhere, and git would then work in whatever repository
    it finds: around the folder, or another agent's. Returns the worktree's record and the folder of agents'
    branches. Raises Conflict."""
    there, home = await asyncio.gather(
        try_git(
            workspace.folder, "rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel", "--git-dir"
        ),
        run_git(workspace.repository, "rev-parse", "--path-format=absolute", "--git-common-dir"),
    )
    folder, common = os.path.realpath(workspace.folder), os.path.realpath(home.output.strip())
    found = [os.path.realpath(line) for line in there.lines] if there.ok else []
    record = find_admin(Path(common), Path(folder))
    if record is None or found != [common, folder, os.path.realpath(record)]:
        raise Conflict(
            f"{workspace.folder} is no longer the worktree of {workspace.agent}: its .git is gone or leads elsewhere.",
            remedy=f"Look into it; git -C {workspace.repository} worktree repair may mend it.",
        )
    return record, Path(common, "refs", "heads", *PREFIX.split("/"))


async def _list_commits(repository: str, reach: str) -> tuple[list[dict[str, str]], int]:
    """The newest commits, the oldest of them first, and how many older ones are left out."""
    log = await run_git(
        repository, "log", "-z", "--reverse", f"--max-count={COMMITS_KEPT}", "--format=%H %s", reach, "--"
    )
    commits = [dict(zip(("id", "title"), line.split(" ", 1), strict=True)) for line in log.names]
    if len(commits) < COMMITS_KEPT:
        return commits, 0
    counted = await run_git(repository, "rev-list", "--count", reach, "--")
    return commits, int(counted.output) - len(commits)


async def _read_state(folder: str) -> State:
    ran = await run_git(folder, "status", "--porcelain=v2", "--branch", "-z", "--no-renames", UNTRACKED)
    branch = "(detached)"
    dirty = []
    for line in ran.names:
        if line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            dirty.append(line.split(" ", {"1": 8, "u": 10}.get(line[0], 1))[-1])
    return State(branch, dirty)


async def _drop_lock(folder: str) -> None:
    """An agent that was killed within a git command leaves its lock; nothing of it runs any more."""
    ran = await run_git(folder, "rev-parse", "--path-format=absolute", "--git-path", "index.lock")
    Path(ran.output.strip()).unlink(missing_ok=True)


async def _commit_all(workspace: Workspace, message: str) -> None:
    await run_git(workspace.folder, "add", "--all")
    if (await try_git(workspace.folder, "diff", "--cached", "--quiet")).ok:
        return
    text = message.strip() or f"Work of {workspace.agent}"
    env = make_identity(workspace.agent)
    await run_git(workspace.folder, "commit", "--quiet", "--no-verify", "-F", "-", text=text, env=env)


async def _take_back(workspace: Workspace, branch: str) -> None:
    """An agent that left its branch: when it went straight on, the branch follows; else a person must look."""
    ahead = await try_git(workspace.folder, "merge-base", "--is-ancestor", f"refs/heads/{workspace.branch}", "HEAD")
    if not ahead.ok:
        raise Conflict(
            f"{workspace.agent} left its branch {workspace.branch}; its folder is on {branch}.",
            remedy=f"Look into {workspace.folder} and bring the commits together.",
        )
    await run_git(workspace.folder, "checkout", "--quiet", "-B", workspace.branch)


# -------------------------------------------------------------------------------------------------------------- diff


async def _list_everything(folder: str, index: Path) -> Mapping[str, str]:
    """An index of its own with the new files in it: the diff shows them, and the agent's own is untouched."""
    ran = await run_git(folder, "rev-parse", "--path-format=absolute", "--git-path", "index")
    with suppress(FileNotFoundError):
        await asyncio.to_thread(shutil.copyfile, ran.output.strip(), index)
    env = {"GIT_INDEX_FILE": str(index)}
    await run_git(folder, "add", "--intent-to-add", "--", ".", env=env)
    return env


def _end_cut(patch: str, missing: int) -> str:
    if not missing:
        return patch
    whole, _, rest = patch.rpartition("\n")
    missing += len(rest.encode(errors="replace"))
    return f"{whole}\n[callboard: {missing} more bytes of this diff are not shown]\n"


# ------------------------------------------------------------------------------------------------------------ remove


async def _check_elsewhere(workspace: Workspace, folder: Path) -> None:
    """A person may have the agent's branch checked out: it is theirs as long."""
    ran = await try_git(
        workspace.repository, "for-each-ref", "--format=%(worktreepath)", f"refs/heads/{workspace.branch}"
    )
    where = ran.output.strip() if ran.ok else ""
    if where and Path(where).is_dir() and os.path.realpath(where) != str(folder):
        raise Conflict(f"{workspace.branch} is checked out in {where}.", remedy="Switch to another branch there.")


async def _list_losses(workspace: Workspace, folder: Path) -> list[str]:
    """Uncommitted files, and commits that no other branch, tag or remote has."""
    lost = []
    heads = []
    if folder.is_dir() and any(folder.iterdir()):
        ran = await try_git(
            folder, "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=none", UNTRACKED
        )
        if not ran.ok:
            return [f"everything in {folder}, which git cannot read"]
        lost = [f"uncommitted {name[3:]}" for name in ran.names]
        lost += await _list_inner_losses(folder, folder)
        heads = ["HEAD"]
    branch = f"refs/heads/{workspace.branch}"
    if (await try_git(workspace.repository, "show-ref", "--verify", "--quiet", branch)).ok:
        heads.append(branch)
    if heads:
        others = ("--not", f"--exclude={workspace.branch}", "--branches", "--remotes", "--tags", "--")
        place = folder if "HEAD" in heads else workspace.repository
        ran = await run_git(place, "log", "-z", "--format=%h %s", *heads, *others)
        lost += [f"commit {line}" for line in ran.names]
    return lost


async def _list_inner_losses(top: Path, folder: Path, deep: int = 0) -> list[str]:
    """Commits of submodules, and of repositories that were cloned into the folder: they go with it, whatever the
    commits around them say."""
    lost: list[str] = []
    ran = await run_git(folder, "ls-files", "--stage", "-z")
    for place in (folder / line.partition("\t")[2] for line in ran.names if line.startswith("160000 ")):
        if deep < _DEEPEST and os.path.lexists(place / ".git"):
            log = await try_git(place, "log", "-z", "--format=%h %s", "HEAD", "--branches", "--not", "--remotes", "--")
            name = place.relative_to(top)
            lost += [f"commit {line} in {name}" for line in log.names] if log.ok else [f"what is in {name}"]
            lost += await _list_inner_losses(top, place, deep + 1) if log.ok else []
    return lost


def _name_some(lost: Sequence[str]) -> str:
    more = len(lost) - _SHOWN
    return ", ".join(lost[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


async def remove_all(workspace: Workspace, folder: Path) -> None:
    """Folder, git's record of it, branch; each may be gone already."""
    admin = await try_git(workspace.repository, "rev-parse", "--path-format=absolute", "--git-common-dir")
    record = find_admin(Path(admin.output.strip()), folder) if admin.ok else None
    for place in filter(None, (folder, record)):
        await asyncio.to_thread(remove_tree, place)
    if not admin.ok or not workspace.branch:
        return
    ran = await try_git(workspace.repository, "branch", "--quiet", "-D", "--", workspace.branch)
    if not ran.ok and "not found" not in ran.words:
        raise explain_failure(ran, workspace.repository, "git branch -D")


def remove_tree(folder: Path) -> None:
    """Raises PermanentFailure naming the file that cannot be removed."""
    try:
        shutil.rmtree(folder, onerror=_unlock_parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PermanentFailure(f"{error.filename or folder} cannot be removed: {error.strerror}.") from error


def _unlock_parent(remove: Callable[[str], object], path: str, _: object) -> None:
    """Package caches are read-only folders: made writable, then tried once more."""
    for folder in (Path(path).parent, Path(path)):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    if remove in (os.scandir, os.open, os.lstat):
        shutil.rmtree(path)
    else:
        remove(path)
