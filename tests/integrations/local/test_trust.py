"""An agent in a sandbox must not get out by what the bot's git does with its worktree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core.errors import Conflict
from core.interfaces import Workspace
from integrations.local.host import LocalHost
from integrations.local.repositories import LocalRepositories
from tests.integrations.local.conftest import IDENTITY

PLAIN = {**IDENTITY, "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nowhere"}


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=PLAIN, check=True, capture_output=True, timeout=20)


@pytest.fixture
async def workspace(home: Path, host: LocalHost, tmp_path: Path) -> Workspace:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "a").write_text("a\n")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Start.")
    return await host.prepare("web-1", str(repository), "", "work")


def plant_repository(folder: Path, *config: str) -> Path:
    """A repository inside the worktree, in its index as a submodule, changed since, with a filter of its own."""
    inner = folder / "inner"
    inner.mkdir()
    (inner / "b").write_text("b\n")
    git(inner, "init", "-q")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "Inner.")
    git(folder, "add", "inner")
    git(inner, "config", *config)
    (inner / ".gitattributes").write_text("* filter=evil\n")
    (inner / "b").write_text("c\n")
    return inner


async def test_no_filter_of_an_agent_is_run(home: Path, workspace: Workspace, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    inner = plant_repository(Path(workspace.folder), "filter.evil.clean", f"touch {trap}; cat")
    repositories = LocalRepositories(home)
    for act in (repositories.collect(workspace, "Work."), repositories.diff(workspace, 1000)):
        with pytest.raises(Conflict, match=r"inner sets up filter\.evil\.clean"):
            await act
    assert not trap.exists()
    git(inner, "config", "--unset", "filter.evil.clean")
    assert [commit["title"] for commit in (await repositories.collect(workspace, "Work.")).commits] == ["Work."]


async def test_a_submodule_with_large_files_is_no_trap(home: Path, workspace: Workspace) -> None:
    plant_repository(Path(workspace.folder), "filter.lfs.clean", "git-lfs clean -- %f")
    work = await LocalRepositories(home).collect(workspace, "Work.")
    assert [commit["title"] for commit in work.commits] == ["Work."]


@pytest.mark.parametrize("name", ["index", "logs/HEAD", "COMMIT_EDITMSG", "refs/bisect/x"])
async def test_no_link_leads_git_out(home: Path, workspace: Workspace, tmp_path: Path, name: str) -> None:
    target = tmp_path / "precious"
    target.write_text("precious\n")
    link = Path(workspace.repository, ".git/worktrees/web-1", name)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    Path(workspace.folder, "new").write_text("new\n")
    with pytest.raises(Conflict, match="is a link"):
        await LocalRepositories(home).collect(workspace, "Work.")
    assert target.read_text() == "precious\n"
