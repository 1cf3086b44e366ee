"""What interfaces say of repositories: worktrees, the work in them, and what a repository is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Workspace:
    """An agent's worktree as recorded: enough to find everything again after a crash. `base_commit` is where the
    branch began."""

    agent: str
    repository: str
    folder: str
    branch: str
    base: str
    base_commit: str


@dataclass(frozen=True, slots=True)
class Stand:
    """With what a worktree begins: the base's name (a commit where the repository is on no branch), the commit, and a
    digest of the files that are copied."""

    base: str
    commit: str
    copies: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What is on the branch beyond the base: commits (`id`, `title`, oldest first) and `git diff --stat`. `missing`
    is how many older commits there are beside those listed."""

    commits: Sequence[Mapping[str, str]]
    diffstat: str
    uncommitted: Sequence[str] = ()
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What accepting did, in words. `base_commit` is where the branch begins since then, "" for where it did before."""

    words: str
    base_commit: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a repository is like. `folder` is its top, `base` its default branch ("": the one checked out), `remote`
    the address of its remote without whoever signs in there, `trouble` why that does not answer, `test` a guess at how
    its tests are run, `notes` what people should know; each "" or empty when there is nothing."""

    folder: str
    base: str = ""
    remote: str = ""
    trouble: str = ""
    test: str = ""
    notes: Sequence[str] = ()
