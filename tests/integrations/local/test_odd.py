"""Repositories as they are found: each works, or is a clear error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Conflict, PermanentFailure
from core.interfaces import Workspace
from integrations.local.host import LocalHost
from integrations.local.repositories import LocalRepositories
from integrations.local.spares import LocalSpares
from integrations.local.surveys import LocalSurveyor

Git = Callable[..., str]


@pytest.fixture
def repositories(home: Path) -> LocalRepositories:
    return LocalRepositories(home)


@pytest.fixture
def surveyor(home: Path) -> LocalSurveyor:
    return LocalSurveyor(home)


async def prepare(host: LocalHost, repository: Path, base: str = "") -> Workspace:
    return await host.prepare("web-1", str(repository), base, "Fix it")


async def work(repositories: LocalRepositories, workspace: Workspace, name: str = "a.txt") -> None:
    Path(workspace.folder, name).write_text("agent\n")
    await repositories.collect(workspace, f"Change {name}")


# ------------------------------------------------------------------------------------------------------ the full disk


FULL = """#!/bin/sh
for word in "$@"; do
  if [ "$word" = "{command}" ]; then
    for place in "$@"; do case "$place" in */worktrees/*) mkdir -p "$place"; : > "$place/half";; esac; done
    echo "fatal: cannot create directory at 'x': No space left on device" >&2
    exit 128
  fi
done
exec {real} "$@"
"""


@pytest.fixture
def full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on the git command that is named finds no room; what it wrote until then is there."""
    real = shutil.which("git")

    def fill(command: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "git"
        script.write_text(FULL.format(command=command, real=real))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return fill


async def test_no_room_for_a_worktree(
    host: LocalHost, repository: Path, full_disk: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, git: Git
) -> None:
    with monkeypatch.context() as patched:
        full_disk("worktree")
        with pytest.raises(PermanentFailure, match="disk is full") as caught:
            await prepare(host, repository)
        assert "Make room" in caught.value.remedy
        patched.undo()
    monkeypatch.undo()
    workspace = await prepare(host, repository)
    assert git(workspace.folder, "status", "--porcelain") == ""


async def test_no_room_for_a_spare(
    host: LocalHost, repository: Path, home: Path, full_disk: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        full_disk("worktree")
        with pytest.raises(PermanentFailure, match="disk is full"):
            await host.prepare("web.a", str(repository), "", None)
        patched.undo()
    monkeypatch.undo()
    await LocalSpares(home).drop(Workspace("web.a", str(repository), "", "", "", ""))
    assert not (home / "worktrees" / "web.a").exists()
    spare = await host.prepare("web.a", str(repository), "", None)
    assert Path(spare.folder, "a.txt").exists()
    assert not Path(spare.folder, "half").exists()


@pytest.mark.parametrize("command", ["commit", "add"])
async def test_no_room_for_a_commit(
    host: LocalHost,
    repositories: LocalRepositories,
    repository: Path,
    full_disk: Callable[[str], None],
    command: str,
) -> None:
    workspace = await prepare(host, repository)
    Path(workspace.folder, "a.txt").write_text("agent\n")
    full_disk(command)
    with pytest.raises(PermanentFailure, match="disk is full"):
        await repositories.collect(workspace, "Work")
    assert Path(workspace.folder, "a.txt").read_text() == "agent\n"


@pytest.mark.parametrize(("how", "command"), [("merge", "merge"), ("rebase", "commit-tree"), ("rebase", "merge")])
async def test_no_room_to_accept(
    host: LocalHost,
    repositories: LocalRepositories,
    repository: Path,
    full_disk: Callable[[str], None],
    git: Git,
    how: str,
    command: str,
) -> None:
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    git(repository, "commit", "-q", "--allow-empty", "-m", "main goes on")
    refs = git(repository, "for-each-ref")
    full_disk(command)
    with pytest.raises(PermanentFailure, match="disk is full"):
        await repositories.accept(workspace, how)
    assert git(repository, "for-each-ref") == refs
    assert git(repository, "status", "--porcelain") == ""


# --------------------------------------------------------------------------------------------- a repository that moves


async def test_a_repository_that_is_gone(
    host: LocalHost, repositories: LocalRepositories, surveyor: LocalSurveyor, repository: Path
) -> None:
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    shutil.rmtree(repository)
    with pytest.raises(PermanentFailure, match="does not exist"):
        await prepare(host, repository)
    with pytest.raises(PermanentFailure, match="There is no folder"):
        await surveyor.survey(str(repository), reach=False)
    for call in (
        repositories.collect(workspace, "Work"),
        repositories.diff(workspace, 1000),
        repositories.accept(workspace, "merge"),
        repositories.accept(workspace, "rebase"),
    ):
        with pytest.raises(PermanentFailure, match=r"cannot be opened|not a git repository"):
            await call
    assert Path(workspace.folder, "a.txt").read_text() == "agent\n"


@pytest.mark.parametrize("how", ["merge", "rebase"])
@pytest.mark.parametrize("fits", [True, False])
async def test_a_base_that_was_forced_elsewhere(
    host: LocalHost, repositories: LocalRepositories, repository: Path, git: Git, how: str, fits: bool
) -> None:
    """Its history is another one; the work is put on it where it fits."""
    git(repository, "commit", "-q", "--allow-empty", "-m", "will be gone")
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    (repository / ("other.txt" if fits else "a.txt")).write_text("person\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "forced")
    before = git(repository, "rev-parse", "main")
    if fits:
        await repositories.accept(workspace, how)
        assert git(repository, "show", "main:a.txt") == "agent"
        assert git(repository, "show", "main:other.txt") == "person"
    else:
        with pytest.raises(Conflict, match=r"both changed a\.txt"):
            await repositories.accept(workspace, how)
        assert git(repository, "rev-parse", "main") == before


@pytest.mark.parametrize("how", ["merge", "rebase"])
async def test_a_base_that_was_begun_anew(
    host: LocalHost, repositories: LocalRepositories, repository: Path, git: Git, how: str
) -> None:
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    tree = git(repository, "rev-parse", "main^{tree}")
    anew = git(repository, "commit-tree", "-m", "anew", tree)
    git(repository, "reset", "-q", "--hard", anew)
    with pytest.raises(Conflict, match="no commit in common") as error:
        await repositories.accept(workspace, how)
    assert "retry" in error.value.remedy
    assert git(repository, "rev-parse", "main") == anew


@pytest.mark.parametrize("how", ["merge", "rebase"])
async def test_a_base_that_was_deleted(
    host: LocalHost, repositories: LocalRepositories, repository: Path, git: Git, how: str
) -> None:
    git(repository, "branch", "topic")
    workspace = await prepare(host, repository, "topic")
    await work(repositories, workspace)
    git(repository, "branch", "-q", "-D", "topic")
    with pytest.raises(Conflict, match="no branch to merge into"):
        await repositories.accept(workspace, how)


async def test_a_detached_head_merges_nowhere_and_pushes(
    host: LocalHost,
    repositories: LocalRepositories,
    surveyor: LocalSurveyor,
    repository: Path,
    git: Git,
    tmp_path: Path,
) -> None:
    git(repository, "checkout", "-q", "--detach")
    survey = await surveyor.survey(str(repository), reach=False)
    assert survey.base == "main"
    assert "detached" in survey.notes[0]
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    with pytest.raises(Conflict, match="no branch to merge into"):
        await repositories.accept(workspace, "rebase")
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    assert (await repositories.accept(workspace, "push")).words.startswith("Pushed")


async def test_a_branch_name_that_is_taken(host: LocalHost, repository: Path, git: Git) -> None:
    branch = "callboard/web-1-fix-it"
    git(repository, "checkout", "-q", "-b", branch)
    git(repository, "commit", "-q", "--allow-empty", "-m", "somebody's")
    git(repository, "checkout", "-q", "main")
    workspace = await prepare(host, repository)
    assert workspace.branch == f"{branch}-2"
    git(repository, "branch", "callboard/web-2-fix-it/deeper")
    assert (await host.prepare("web-2", str(repository), "", "Fix it")).branch == "callboard/web-2-fix-it-2"


async def test_a_branch_that_is_in_the_way_of_all(host: LocalHost, repository: Path, git: Git) -> None:
    git(repository, "branch", "callboard")
    with pytest.raises(PermanentFailure, match="branch callboard") as error:
        await prepare(host, repository)
    assert "git branch -m callboard" in error.value.remedy


# --------------------------------------------------------------------------------------------- submodules, large files


@pytest.fixture
def nested(repository: Path, tmp_path: Path, git: Git) -> Path:
    """The repository with a submodule in `lib`."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q", "-b", "main")
    (library / "lib.txt").write_text("lib\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "Library")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    git(repository, "commit", "-q", "-m", "Use it")
    return repository


def fill_module(workspace: Workspace, git: Git) -> Path:
    git(workspace.folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    return Path(workspace.folder, "lib")


async def test_a_worktree_of_a_repository_with_submodules(
    host: LocalHost, repositories: LocalRepositories, surveyor: LocalSurveyor, nested: Path, git: Git
) -> None:
    assert any("submodules" in note for note in (await surveyor.survey(str(nested), reach=False)).notes)
    workspace = await prepare(host, nested)
    assert list(Path(workspace.folder, "lib").iterdir()) == []
    await work(repositories, workspace)
    await repositories.accept(workspace, "merge")
    assert (nested / "lib" / "lib.txt").exists()
    assert await repositories.remove(workspace, force=False) == []


async def test_work_in_a_submodule_is_not_lost(
    host: LocalHost, repositories: LocalRepositories, nested: Path, git: Git
) -> None:
    workspace = await prepare(host, nested)
    module = fill_module(workspace, git)
    (module / "lib.txt").write_text("changed\n")
    git(workspace.repository, "config", "submodule.lib.ignore", "all")
    with pytest.raises(Conflict, match="uncommitted lib"):
        await repositories.remove(workspace, force=False)
    git(module, "commit", "-q", "-am", "Deep work")
    await repositories.collect(workspace, "Point to it")
    await repositories.accept(workspace, "merge")
    with pytest.raises(Conflict, match=r"commit \w+ Deep work in lib"):
        await repositories.remove(workspace, force=False)
    assert any("Deep work in lib" in item for item in await repositories.remove(workspace, force=True))
    assert not Path(workspace.folder).exists()


async def test_a_submodule_with_nothing_of_its_own_is_removed(
    host: LocalHost, repositories: LocalRepositories, nested: Path, git: Git
) -> None:
    workspace = await prepare(host, nested)
    fill_module(workspace, git)
    assert await repositories.remove(workspace, force=False) == []
    assert not Path(workspace.folder).exists()


async def test_a_repository_inside_the_worktree_is_named(
    host: LocalHost, repositories: LocalRepositories, repository: Path, git: Git
) -> None:
    workspace = await prepare(host, repository)
    inner = Path(workspace.folder, "cloned")
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "inner")
    with pytest.raises(Conflict, match="uncommitted cloned/"):
        await repositories.remove(workspace, force=False)
    await repositories.collect(workspace, "Everything")
    await repositories.accept(workspace, "merge")
    with pytest.raises(Conflict, match=r"commit \w+ inner in cloned"):
        await repositories.remove(workspace, force=False)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"


@pytest.fixture
def large(repository: Path, git: Git) -> Path:
    """The repository with a pointer to a large file; no git-lfs on this machine."""
    (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repository / "big.bin").write_text(POINTER)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Large")
    return repository


async def test_pointers_stay_pointers_without_their_program(
    host: LocalHost, repositories: LocalRepositories, surveyor: LocalSurveyor, large: Path
) -> None:
    assert any("git-lfs" in note for note in (await surveyor.survey(str(large), reach=False)).notes)
    workspace = await prepare(host, large)
    assert Path(workspace.folder, "big.bin").read_text() == POINTER
    await work(repositories, workspace)
    await repositories.accept(workspace, "merge")
    assert (large / "big.bin").read_text() == POINTER


async def test_a_required_filter_that_is_missing_is_named(host: LocalHost, large: Path, git: Git) -> None:
    git(large, "config", "filter.lfs.smudge", "git-lfs-that-is-not-there smudge -- %f")
    git(large, "config", "filter.lfs.required", "true")
    with pytest.raises(PermanentFailure, match="lfs"):
        await prepare(host, large)
    git(large, "config", "--unset", "filter.lfs.required")
    git(large, "config", "--unset", "filter.lfs.smudge")
    assert Path((await prepare(host, large)).folder, "big.bin").read_text() == POINTER


async def test_many_files(host: LocalHost, repositories: LocalRepositories, repository: Path, git: Git) -> None:
    for number in range(3_000):
        folder = repository / f"d{number % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_text(f"{number}\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Many")
    workspace = await prepare(host, repository)
    await work(repositories, workspace)
    await repositories.accept(workspace, "rebase")
    assert await repositories.remove(workspace, force=False) == []


# ------------------------------------------------------------------------------------------------------------- survey


async def test_a_survey(surveyor: LocalSurveyor, repository: Path, git: Git, tmp_path: Path) -> None:
    (repository / "package.json").write_text('{"scripts": {"test": "vitest"}}')
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Scripts")
    git(repository, "clone", "-q", "--bare", str(repository), str(tmp_path / "remote.git"))
    git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    (repository / "deep").mkdir()
    found = await surveyor.survey(str(repository / "deep"), reach=True)
    assert found.folder == os.path.realpath(repository)
    assert (found.base, found.test, found.trouble, list(found.notes)) == ("main", "npm test", "", [])
    git(repository, "checkout", "-q", "-b", "feature")
    git(repository, "fetch", "-q")
    git(repository, "remote", "set-head", "origin", "main")
    assert (await surveyor.survey(str(repository), reach=False)).base == "main"
    git(repository, "remote", "set-url", "origin", "https://me:s3cret@127.0.0.1:1/web.git")
    found = await surveyor.survey(str(repository), reach=True)
    assert found.remote == "https://127.0.0.1:1/web.git"
    assert found.trouble
    assert "s3cret" not in str(found)


async def test_a_bare_and_a_shallow_repository(
    surveyor: LocalSurveyor, repository: Path, git: Git, tmp_path: Path
) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--bare", "--depth", "1", repository.as_uri(), "bare.git")
    found = await surveyor.survey(str(tmp_path / "bare.git"), reach=False)
    assert found.base == "main"
    assert len(found.notes) == 2


async def test_what_is_no_project(surveyor: LocalSurveyor, host: LocalHost, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(PermanentFailure, match="not a git repository"):
        await surveyor.survey(str(tmp_path / "plain"), reach=False)
    workspace = await prepare(host, repository)
    with pytest.raises(Conflict, match="worktree of an agent"):
        await surveyor.survey(workspace.folder, reach=False)


async def test_a_branch_with_an_odd_name_is_not_written(surveyor: LocalSurveyor, repository: Path, git: Git) -> None:
    git(repository, "branch", "-q", "-m", "main", "haupt-ü")
    found = await surveyor.survey(str(repository), reach=False)
    assert found.base == ""
    assert "checked out" in found.notes[0]


@pytest.mark.parametrize(
    ("files", "test"),
    [
        ({"Makefile": "all:\n"}, ""),
        ({"Makefile": "all:\ntest: all\n"}, "make test"),
        ({"package.json": "{"}, ""),
        ({"package.json": '{"scripts": []}'}, ""),
        ({"Cargo.toml": ""}, "cargo test"),
        ({"pyproject.toml": ""}, "python -m pytest"),
    ],
)
async def test_guesses(surveyor: LocalSurveyor, repository: Path, git: Git, files: dict[str, str], test: str) -> None:
    for name, text in files.items():
        (repository / name).write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Files")
    assert (await surveyor.survey(str(repository), reach=False)).test == test


async def test_a_clone_is_made_once_and_whole(
    surveyor: LocalSurveyor, repository: Path, tmp_path: Path, git: Git
) -> None:
    folder = tmp_path / "fetched" / "web"
    (tmp_path / "fetched" / ".web.part").mkdir(parents=True)
    await surveyor.clone(repository.as_uri(), folder)
    (folder / "mine.txt").write_text("mine")
    await surveyor.clone(repository.as_uri(), folder)
    assert (folder / "mine.txt").exists()
    with pytest.raises(Conflict, match="something else"):
        await surveyor.clone("https://example.com/other.git", folder)
    with pytest.raises(PermanentFailure, match="cannot be fetched"):
        await surveyor.clone("ext::sh -c true", tmp_path / "fetched" / "other")
    assert sorted(item.name for item in folder.parent.iterdir()) == ["web"]


async def test_a_worktree_recorded_for_somebody_else_is_not_removed(
    host: LocalHost, repositories: LocalRepositories, repository: Path, tmp_path: Path
) -> None:
    """Only worktrees/AGENT goes, whatever folder the record names."""
    workspace = await prepare(host, repository)
    (tmp_path / "precious").mkdir()
    await repositories.remove(replace(workspace, folder=str(tmp_path / "precious")), force=True)
    assert (tmp_path / "precious").is_dir()
