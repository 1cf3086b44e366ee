"""Takes an agent's branch: merged into its base, or pushed to the remote.

A merge is tried without touching anything (git merge-tree) before it is made: in the folder where the base is checked
out, by git merge, which refuses when it would overwrite; elsewhere as a commit and a compared-and-swapped branch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import CallboardError, Conflict, PermanentFailure, TemporaryFailure
from core.interfaces import Taken, Workspace
from integrations.local.git import Ran, explain_failure, make_identity, run_git, try_git
from integrations.local.names import check_revision

MERGE_SECONDS = 600.0
PUSH_SECONDS = 300.0
_IDENTITY = make_identity()
_AWAY = ("Could not resolve", "timed out", "Connection re", "Failed to connect", "early EOF", "hung up", "HTTP 5")
_STRANGER = ("Authentication failed", "could not read Username", "could not read Password", "Permission denied", "403")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch as it is now. `folder` is where it is checked out, "" when it is nowhere."""

    name: str
    commit: str
    folder: str


async def merge_branch(workspace: Workspace) -> Taken:
    """As Repositories.accept says for merge."""
    base, branch = await find_both(workspace)
    if (await try_git(workspace.repository, "merge-base", "--is-ancestor", branch.commit, base.commit)).ok:
        return Taken(f"Nothing to merge: {base.name} has everything of {branch.name}.")
    await check_related(workspace, base, branch)
    tree = await try_merge(workspace, base.commit, branch.commit)
    if isinstance(tree, list):
        raise name_conflict(base, branch, tree)
    text = f"Merge {branch.name}\n\nWork of {workspace.agent}.\n"
    if base.folder:
        await _merge_there(base, branch, text)
    else:
        await _merge_nowhere(workspace, base, branch, tree, text)
    count = await run_git(workspace.repository, "rev-list", "--count", f"{base.commit}..{branch.commit}", "--")
    return Taken(f"Merged {branch.name} into {base.name} ({say_commits(count.output.strip())}).")


def say_commits(number: str) -> str:
    return f"{number} commit{'' if number == '1' else 's'}"


async def find_both(workspace: Workspace) -> tuple[Branch, Branch]:
    found = await _find_branches(workspace.repository, check_revision(workspace.base), workspace.branch)
    if workspace.branch not in found:
        raise Conflict(f"The branch {workspace.branch} is gone.", remedy=f"Look for it in {workspace.repository}.")
    if workspace.base not in found:
        raise Conflict(
            f"{workspace.agent} began at {workspace.base}, which is no branch to merge into.",
            remedy=f"Merge it yourself: git merge {workspace.branch}",
        )
    return found[workspace.base], found[workspace.branch]


async def check_related(workspace: Workspace, base: Branch, branch: Branch) -> None:
    """Raises Conflict where the base was begun anew, so that nothing says what the agent changed."""
    if (await try_git(workspace.repository, "merge-base", base.commit, branch.commit)).code == 1:
        raise Conflict(
            f"{base.name} was begun anew: it and {branch.name} have no commit in common.",
            remedy=f"`retry` does it again on {base.name} as it is, or pick the commits by hand.",
        )


async def _find_branches(repository: str, *names: str) -> Mapping[str, Branch]:
    patterns = [f"refs/heads/{name}" for name in names]
    ran = await run_git(repository, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(worktreepath)", *patterns)
    found = {}
    for line in ran.lines:
        ref, commit, folder = line.split("\0")
        name = ref.removeprefix("refs/heads/")
        found[name] = Branch(name, commit, folder if folder and Path(folder).is_dir() else "")
    return found


async def try_merge(workspace: Workspace, ours: str, theirs: str) -> str | list[str]:
    """The tree that a merge of two commits would make, or the files that both changed; "" when this git (before 2.38)
    cannot say."""
    ran = await try_git(
        workspace.repository, "merge-tree", "--write-tree", "--no-messages", "--name-only", "-z",
        ours, theirs, seconds=MERGE_SECONDS,
    )  # fmt: skip
    if ran.code == 1:
        return ran.names[1:]
    if ran.ok:
        return ran.names[0]
    if "usage:" in ran.words or "unknown option" in ran.words or "--write-tree" in ran.words:
        return ""
    raise explain_failure(ran, workspace.repository, "git merge-tree")


def name_conflict(base: Branch, branch: Branch, files: list[str], where: str = "") -> Conflict:
    return Conflict(
        f"{branch.name} and {base.name} both changed {', '.join(files) or 'the same lines'}{where}.",
        remedy=f"Ask the agent to merge {base.name} into its branch, or merge by hand.",
    )


async def _merge_there(base: Branch, branch: Branch, text: str) -> None:
    ran = await try_git(
        base.folder, "merge", "--no-ff", "--no-edit", "--quiet", "--no-gpg-sign", "--no-verify-signatures",
        "-m", text, "--end-of-options", f"refs/heads/{branch.name}", seconds=MERGE_SECONDS, env=_IDENTITY,
    )  # fmt: skip
    if ran.ok:
        return
    said = ran.words + ran.output
    if "Automatic merge failed" in said:
        files = await run_git(base.folder, "diff", "--name-only", "--diff-filter=U", "-z")
        await run_git(base.folder, "merge", "--abort")
        raise name_conflict(base, branch, files.names)
    raise explain_overwrite(ran, base) or explain_failure(ran, base.folder, "git merge")


def explain_overwrite(ran: Ran, base: Branch) -> Conflict | None:
    """What git says of a folder in which a person works; None when it says something else."""
    said = ran.words + ran.output
    if "would be overwritten" in said:
        touched = [line.strip() for line in said.splitlines() if line.startswith(("\t", "  "))]
        return Conflict(
            f"{base.folder} has changes in {', '.join(touched)} that are not committed.",
            remedy="Commit or stash them there, then `accept` again.",
        )
    if "MERGE_HEAD exists" in said or "index.lock" in said or "unmerged files" in said:
        return Conflict(f"{base.folder} is in the middle of something: {' '.join(said.split())}")
    if "Not possible to fast-forward" in said:
        return Conflict(f"{base.name} moved meanwhile.", remedy="Accept again.")
    return None


async def _merge_nowhere(workspace: Workspace, base: Branch, branch: Branch, tree: str, text: str) -> None:
    if not tree:
        raise Conflict(
            f"{base.name} is checked out nowhere, and this git cannot merge without a folder.",
            remedy=f"Check {base.name} out in {workspace.repository}, or install git 2.38 or later.",
        )
    made = await run_git(
        workspace.repository, "commit-tree", "-p", base.commit, "-p", branch.commit, "-F", "-", tree,
        text=text, env=_IDENTITY,
    )  # fmt: skip
    ran = await try_git(
        workspace.repository, "update-ref", "-m", f"merge {branch.name}", f"refs/heads/{base.name}",
        made.output.strip(), base.commit, env=_IDENTITY,
    )  # fmt: skip
    if not ran.ok:
        raise Conflict(f"{base.name} moved meanwhile.", remedy="Accept again.")


# -------------------------------------------------------------------------------------------------------------- push


async def push_branch(workspace: Workspace) -> Taken:
    """As Repositories.accept says for push. The repository's pre-push hook runs: git-lfs sends from there."""
    remote = await _find_remote(workspace)
    reference = f"refs/heads/{workspace.branch}"
    ran = await try_git(
        workspace.repository, "push", "--porcelain", "--", remote, f"{reference}:{reference}",
        hooks=True, seconds=PUSH_SECONDS,
    )  # fmt: skip
    if not ran.ok:
        raise _explain_push(ran, workspace, remote)
    if "[up to date]" in ran.output:
        return Taken(f"{workspace.branch} is on {remote} already.")
    link = re.search(r"^remote:\s+(https?://\S+)", ran.words, re.MULTILINE)
    return Taken(f"Pushed {workspace.branch} to {remote}." + (f" {link[1]}" if link else ""))


async def _find_remote(workspace: Workspace) -> str:
    remotes = (await run_git(workspace.repository, "remote")).lines
    if "origin" in remotes:
        return "origin"
    if len(remotes) == 1:
        return remotes[0]
    raise Conflict(
        f"{workspace.repository} has {'no remote' if not remotes else 'no remote named origin'}.",
        remedy="Add one with git remote add origin URL, or accept with merge.",
    )


def _explain_push(ran: Ran, workspace: Workspace, remote: str) -> CallboardError:
    words = " ".join(ran.words.split())
    if "[rejected]" in ran.output or "[remote rejected]" in ran.output:
        return Conflict(f"{remote} refused {workspace.branch}: {words}", remedy="Look at what is there already.")
    if any(word in words for word in _STRANGER):
        return PermanentFailure(
            f"{remote} does not know us: {words}", remedy="Sign git in for the user who runs the bot, then push again."
        )
    if any(word in words for word in _AWAY):
        return TemporaryFailure(f"{remote} cannot be reached: {words}", retry_after=30)
    return explain_failure(ran, workspace.repository, f"git push {remote}")
