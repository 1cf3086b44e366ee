"""Takes an agent's branch by rebasing it onto its base and moving the base forward.

Every commit is picked in the object store alone (git merge-tree): until the last one fits, no folder and no branch is
touched. Then the base moves, in the folder where it is checked out by a fast-forward that refuses to overwrite; the
agent's branch follows. Cut short in between, accepting again finds the work on the base and lets the branch follow.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import Conflict
from core.interfaces import Taken, Workspace
from integrations.local.git import explain_failure, make_identity, run_git, try_git
from integrations.local.merges import (
    MERGE_SECONDS,
    Branch,
    check_related,
    explain_overwrite,
    find_both,
    name_conflict,
    say_commits,
    try_merge,
)

_IDENTITY = make_identity()


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit to be picked."""

    id: str
    parent: str
    title: str


async def rebase_branch(workspace: Workspace) -> Taken:
    """As Repositories.accept says for rebase. Raises Conflict, with nothing changed."""
    base, branch = await find_both(workspace)
    if (await try_git(workspace.repository, "merge-base", "--is-ancestor", branch.commit, base.commit)).ok:
        return Taken(f"Nothing to rebase: {base.name} has everything of {branch.name}.")
    await check_related(workspace, base, branch)
    await _check_folder(branch)
    tip = await _pick_all(workspace, base, branch)
    count = (await run_git(workspace.repository, "rev-list", "--count", f"{base.commit}..{tip}", "--")).output.strip()
    await _advance_base(workspace, base, tip)
    await _follow(workspace, branch, tip)
    return Taken(f"Rebased {branch.name} onto {base.name}, which has it now ({say_commits(count)}).", base.commit)


async def _check_folder(branch: Branch) -> None:
    """What is not committed would be in the way of the branch later, when the base has moved."""
    if not branch.folder:
        return
    ran = await run_git(branch.folder, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no")
    if ran.names:
        names = ", ".join(name[3:] for name in ran.names[:20])
        raise Conflict(
            f"{branch.folder} has changes in {names} that are not committed.", remedy="Commit them there, or merge."
        )


async def _pick_all(workspace: Workspace, base: Branch, branch: Branch) -> str:
    """The last of the picked commits; that of the base when it has all of them already."""
    if (await try_git(workspace.repository, "merge-base", "--is-ancestor", base.commit, branch.commit)).ok:
        return branch.commit
    ran = await run_git(
        workspace.repository, "log", "-z", "--reverse", "--topo-order", "--no-merges", "--format=%H %P %s",
        f"{base.commit}..{branch.commit}", "--",
    )  # fmt: skip
    onto = base.commit
    for line in ran.names:
        onto = await _pick(workspace, Commit(*line.split(" ", 2)), onto, base, branch)
    return onto


async def _pick(workspace: Workspace, commit: Commit, onto: str, base: Branch, branch: Branch) -> str:
    """One commit on another. A commit with that one's tree beside the picked one lets git compare all three."""
    repository = workspace.repository
    there = (await run_git(repository, "rev-parse", f"{onto}^{{tree}}")).output.strip()
    beside = await run_git(repository, "commit-tree", "-p", commit.parent, "-m", "beside", there, env=_IDENTITY)
    tree = await try_merge(workspace, beside.output.strip(), commit.id)
    if isinstance(tree, list):
        raise name_conflict(base, branch, tree, f" (in “{commit.title[:80]}”)")
    if not tree:
        raise Conflict("This git cannot rebase without a folder.", remedy="Install git 2.38 or later, or merge.")
    if tree == there:
        return onto
    return await _write_commit(repository, commit, tree, onto)


async def _write_commit(repository: str, commit: Commit, tree: str, onto: str) -> str:
    told = await run_git(repository, "show", "-s", "--format=%an%x00%ae%x00%aI%x00%B", commit.id, "--")
    name, address, date, text = told.output.split("\0", 3)
    env = {**_IDENTITY, "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address, "GIT_AUTHOR_DATE": date}
    made = await run_git(repository, "commit-tree", "-p", onto, "-F", "-", tree, text=text.rstrip("\n") + "\n", env=env)
    return made.output.strip()


async def _advance_base(workspace: Workspace, base: Branch, tip: str) -> None:
    if tip == base.commit:
        return
    if not base.folder:
        ran = await try_git(
            workspace.repository, "update-ref", "-m", f"rebase {workspace.branch}", f"refs/heads/{base.name}",
            tip, base.commit, env=_IDENTITY,
        )  # fmt: skip
        if not ran.ok:
            raise Conflict(f"{base.name} moved meanwhile.", remedy="Accept again.")
        return
    ran = await try_git(
        base.folder, "merge", "--ff-only", "--quiet", "--no-verify-signatures", "--end-of-options", tip,
        seconds=MERGE_SECONDS, env=_IDENTITY,
    )  # fmt: skip
    if not ran.ok:
        raise explain_overwrite(ran, base) or explain_failure(ran, base.folder, "git merge --ff-only")


async def _follow(workspace: Workspace, branch: Branch, tip: str) -> None:
    if branch.folder and os.path.realpath(branch.folder) == os.path.realpath(workspace.folder):
        ran = await try_git(Path(branch.folder), "reset", "--keep", "--quiet", tip, env=_IDENTITY)
    else:
        ran = await try_git(
            workspace.repository, "update-ref", "-m", "rebase", f"refs/heads/{branch.name}", tip, branch.commit,
            env=_IDENTITY,
        )  # fmt: skip
    if not ran.ok:
        raise explain_failure(ran, workspace.folder, f"{workspace.base} has the work, but git reset of the branch")
