from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import PermanentFailure
from core.interfaces import Workspace
from integrations.local.host import LocalHost

Git = Callable[..., str]
BRANCH = "callboard/web-1-fix-it"

HOSTILE = [
    "$(touch canary)", "`touch canary`", "; touch canary", "| touch canary", "&& touch canary #", "\n touch canary",
    "--upload-pack=touch canary", "-b main", "--detach", "-", "--", "../../../escape", "/etc/passwd", "..", ".", "~",
    "C:\\Windows", "a\\..\\b", "HEAD", "HEAD@{0}", "@", "@{u}", "refs/heads/main", "main", "x.lock", "x.lock/y", ".git",
    "a//b", "a..b", "a:b", "a^b~c?d*[e]", "\u202egnp.exe", "\u200b\u2066", "é" * 80, "🚀 ship 🚀", "\x00\x01\x7f",
    "a" * 5000, "'\"'\"'", "%00%2e%2e%2f", "${IFS}touch${IFS}canary", "<!-- x -->", "   ", "", "ＨＥＡＤ", "﷽",
]  # fmt: skip


async def prepare(host: LocalHost, repository: Path, base: str = "", title: str = "Fix it") -> Workspace:
    return await host.prepare("web-1", str(repository), base, title)


async def test_a_worktree_on_its_own_branch(host: LocalHost, home: Path, repository: Path, git: Git) -> None:
    workspace = await prepare(host, repository)
    folder = home / "worktrees/web-1"
    head = git(repository, "rev-parse", "main")
    assert workspace == Workspace("web-1", str(repository), str(folder), BRANCH, "main", head)
    assert git(folder, "branch", "--show-current") == BRANCH
    assert git(folder, "status", "--porcelain") == ""


async def test_again_finds_the_same(host: LocalHost, repository: Path, git: Git) -> None:
    first = await prepare(host, repository)
    Path(first.folder, "work.txt").write_text("work")
    git(repository, "commit", "-q", "--allow-empty", "-m", "main goes on")
    assert await prepare(host, repository) == first
    assert Path(first.folder, "work.txt").read_text() == "work"


@pytest.mark.parametrize("base", ["topic", "v1", "origin/other", "Feature/X-1"])
async def test_bases(host: LocalHost, repository: Path, git: Git, base: str) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "branch", "topic")
    git(repository, "branch", "Feature/X-1")
    git(repository, "tag", "v1")
    git(repository, "update-ref", "refs/remotes/origin/other", commit)
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    workspace = await prepare(host, repository, base)
    assert (workspace.base, workspace.base_commit) == (base, commit)
    assert git(workspace.folder, "rev-parse", "HEAD") == commit


async def test_a_branch_is_preferred_to_a_tag(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "tag", "dev")
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(repository, "branch", "dev")
    assert (await prepare(host, repository, "dev")).base_commit == git(repository, "rev-parse", "refs/heads/dev")


async def test_detached_head(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "checkout", "-q", "--detach")
    workspace = await prepare(host, repository)
    assert workspace.base == workspace.base_commit == git(repository, "rev-parse", "HEAD")


async def test_a_bare_repository(host: LocalHost, repository: Path, git: Git, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert (await prepare(host, tmp_path / "bare.git")).base == "main"


async def test_repositories_that_will_not_do(host: LocalHost, tmp_path: Path, git: Git, repository: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PermanentFailure, match="is not a git repository"):
        await prepare(host, empty)
    with pytest.raises(PermanentFailure, match="does not exist"):
        await prepare(host, tmp_path / "gone")
    git(empty, "init", "-q")
    with pytest.raises(PermanentFailure, match="has no commit yet"):
        await prepare(host, empty)
    with pytest.raises(PermanentFailure, match="no branch or commit 'nope'"):
        await prepare(host, repository, "nope")


@pytest.mark.parametrize("base", ["-f", "--help", "a b", "main..x", "HEAD@{1}", "$(touch canary)", "x\ny"])
async def test_hostile_bases_are_refused(host: LocalHost, repository: Path, base: str) -> None:
    with pytest.raises(PermanentFailure, match="cannot be the name of a branch"):
        await prepare(host, repository, base)


# ----------------------------------------------------------------------------------------------------- half-made states


async def test_branch_without_worktree(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "branch", BRANCH)
    assert (await prepare(host, repository)).branch == BRANCH


async def test_branch_left_behind_an_older_base(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "branch", BRANCH)
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    workspace = await prepare(host, repository)
    assert workspace.branch == BRANCH
    assert git(workspace.folder, "rev-parse", "HEAD") == git(repository, "rev-parse", "main")


async def test_branch_with_somebodys_work(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "checkout", "-q", "-b", BRANCH)
    git(repository, "commit", "-q", "--allow-empty", "-m", "work of another home")
    work = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "main")
    assert (await prepare(host, repository)).branch == f"{BRANCH}-2"
    assert git(repository, "rev-parse", BRANCH) == work


async def test_branch_checked_out_by_a_person(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "checkout", "-q", "-b", BRANCH)
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    there = git(repository, "rev-parse", "HEAD")
    git(repository, "branch", "-f", "main")
    assert (await prepare(host, repository, "main")).branch == f"{BRANCH}-2"
    assert git(repository, "rev-parse", BRANCH) == there


async def test_folder_without_registration(host: LocalHost, repository: Path, home: Path) -> None:
    folder = home / "worktrees/web-1"
    folder.mkdir(parents=True)
    (folder / "precious.txt").write_text("precious")
    await prepare(host, repository)
    assert (home / "worktrees/.lost/web-1-1/precious.txt").read_text() == "precious"
    assert (folder / "a.txt").exists()


async def test_empty_folder(host: LocalHost, repository: Path, home: Path) -> None:
    (home / "worktrees/web-1").mkdir(parents=True)
    await prepare(host, repository)
    assert not (home / "worktrees/.lost").exists()


async def test_a_file_in_the_way(host: LocalHost, repository: Path, home: Path) -> None:
    (home / "worktrees").mkdir()
    (home / "worktrees/web-1").write_text("")
    await prepare(host, repository)


async def test_registration_without_folder(host: LocalHost, repository: Path, git: Git) -> None:
    first = await prepare(host, repository)
    shutil.rmtree(first.folder)
    assert await prepare(host, repository) == first
    assert len(git(repository, "worktree", "list").splitlines()) == 2


async def test_registration_without_folder_but_with_work(host: LocalHost, repository: Path, git: Git) -> None:
    first = await prepare(host, repository)
    git(first.folder, "commit", "-q", "--allow-empty", "-m", "work")
    shutil.rmtree(first.folder)
    assert await prepare(host, repository) == first
    assert git(first.folder, "log", "-1", "--format=%s") == "work"


async def test_half_checked_out(host: LocalHost, repository: Path, git: Git) -> None:
    """What git leaves when it is killed in the middle of `worktree add`."""
    first = await prepare(host, repository)
    admin = repository / ".git/worktrees/web-1"
    (admin / "locked").write_text("initializing\n")
    (admin / "index").unlink()
    (admin / "index.lock").touch()
    Path(first.folder, "b.txt").unlink()
    assert await prepare(host, repository) == first
    assert git(first.folder, "status", "--porcelain") == ""
    assert not (admin / "locked").exists()


async def test_killed_at_every_step(host: LocalHost, repository: Path, home: Path, git: Git) -> None:
    """SIGKILL of a real `git worktree add` at a random moment; the next call always finds or repairs."""
    for number in range(200):
        (repository / f"{number}.txt").write_text("x" * 1000)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "many files")
    (home / "worktrees").mkdir()
    for number in range(12):
        name, folder = f"web-{number}", home / f"worktrees/web-{number}"
        branch = f"callboard/{name}-fix-it"
        command = ["git", "-C", str(repository), "worktree", "add", "-q", "-b", branch, str(folder), "main"]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL, start_new_session=True)
        await asyncio.wait({asyncio.create_task(process.wait())}, timeout=number * 0.0015)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
        await process.wait()
        workspace = await host.prepare(name, str(repository), "", "Fix it")
        assert git(folder, "status", "--porcelain") == ""
        assert git(folder, "branch", "--show-current") == workspace.branch
        assert not (repository / f".git/worktrees/{name}/locked").exists()


async def test_index_lock_left_by_a_killed_agent(host: LocalHost, repository: Path, git: Git) -> None:
    first = await prepare(host, repository)
    (repository / ".git/worktrees/web-1/index.lock").touch()
    assert await prepare(host, repository) == first
    git(first.folder, "add", "-A")


async def test_stale_lock_of_the_branch(host: LocalHost, repository: Path) -> None:
    lock = repository / f".git/refs/heads/{BRANCH}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert (await prepare(host, repository)).branch == f"{BRANCH}-2"


async def test_a_branch_named_like_our_folder(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "branch", "callboard")
    with pytest.raises(PermanentFailure, match="callboard"):
        await prepare(host, repository)


async def test_worktree_of_another_branch(host: LocalHost, repository: Path, git: Git) -> None:
    first = await prepare(host, repository)
    git(first.folder, "checkout", "-q", "-b", "elsewhere")
    with pytest.raises(PermanentFailure, match="is a worktree on elsewhere"):
        await prepare(host, repository)


async def test_folder_that_leads_out(host: LocalHost, repository: Path, home: Path, tmp_path: Path) -> None:
    (home / "worktrees").mkdir()
    (home / "worktrees/web-1").symlink_to(tmp_path / "out")
    with pytest.raises(PermanentFailure, match="leads out of"):
        await prepare(host, repository)


async def test_hooks_and_signing_do_not_hold_us(host: LocalHost, repository: Path, git: Git) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\nsleep 60\n")
    hook.chmod(0o755)
    git(repository, "config", "commit.gpgSign", "true")
    await asyncio.wait_for(prepare(host, repository), 10)


async def test_many_at_once(host: LocalHost, repository: Path, git: Git) -> None:
    made = await asyncio.gather(*(host.prepare(f"web-{n}", str(repository), "", "Fix it") for n in range(1, 13)))
    assert len({workspace.branch for workspace in made}) == 12
    assert len(git(repository, "worktree", "list").splitlines()) == 13


async def test_hostile_titles(host: LocalHost, repository: Path, home: Path, tmp_path: Path, git: Git) -> None:
    before = {path for path in tmp_path.rglob("*") if ".git" not in path.parts and "worktrees" not in path.parts}
    for number, title in enumerate(HOSTILE, 1):
        workspace = await host.prepare(f"web-{number}", str(repository), "", title)
        assert workspace.branch.startswith(f"callboard/web-{number}-")
        assert Path(workspace.folder).parent == home / "worktrees"
    after = {path for path in tmp_path.rglob("*") if ".git" not in path.parts and "worktrees" not in path.parts}
    assert {path.name for path in after - before} <= {"agents", "guards.log"}
    assert not list(tmp_path.rglob("canary"))
    assert len(git(repository, "branch").splitlines()) == len(HOSTILE) + 1
