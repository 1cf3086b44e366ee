from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadInput, Conflict, PermanentFailure
from core.interfaces import Workspace
from integrations.local.host import LocalHost
from integrations.local.repositories import LocalRepositories

Git = Callable[..., str]


@pytest.fixture
def repositories(home: Path) -> LocalRepositories:
    return LocalRepositories(home)


@pytest.fixture
async def workspace(host: LocalHost, repository: Path) -> Workspace:
    return await host.prepare("web-1", str(repository), "", "Fix it")


def write(workspace: Workspace, name: str, text: str) -> None:
    path = Path(workspace.folder, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


# ------------------------------------------------------------------------------------------------------------ collect


async def test_nothing_was_done(repositories: LocalRepositories, workspace: Workspace) -> None:
    work = await repositories.collect(workspace, "Work")
    assert (work.commits, work.diffstat, work.uncommitted) == ([], "", [])


async def test_the_rest_is_committed_for_the_agent(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    write(workspace, "first.txt", "1\n")
    git(workspace.folder, "add", "-A")
    git(workspace.folder, "commit", "-q", "-m", "Agent's own: with  spaces")
    write(workspace, "new/ü file.txt", "2\n")
    Path(workspace.folder, "b.txt").unlink()
    work = await repositories.collect(workspace, "# Fix it\n\nbecause\n")
    assert [commit["title"] for commit in work.commits] == ["Agent's own: with  spaces", "# Fix it"]
    assert [commit["id"] for commit in work.commits] == git(
        workspace.repository, "rev-list", "--reverse", f"main..{workspace.branch}"
    ).splitlines()
    assert "3 files changed" in work.diffstat
    assert "ü file.txt" in work.diffstat
    assert work.uncommitted == []
    author = git(workspace.folder, "log", "-1", "--format=%an <%ae> %cn <%ce>")
    assert author == " ".join(["web-1 (Callboard) <web-1@callboard.invalid>"] * 2)


async def test_without_a_message_nothing_is_committed(repositories: LocalRepositories, workspace: Workspace) -> None:
    write(workspace, "new file.txt", "x")
    write(workspace, "a.txt", "changed")
    work = await repositories.collect(workspace, "")
    assert (list(work.commits), sorted(work.uncommitted)) == ([], ["a.txt", "new file.txt"])


async def test_a_message_of_nothing_still_commits(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    write(workspace, "a.txt", "changed")
    assert (await repositories.collect(workspace, " \n")).commits[0]["title"] == "Work of web-1"


async def test_hooks_signing_and_locks_do_not_hold_a_commit(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    for name in ("pre-commit", "commit-msg", "post-commit", "prepare-commit-msg"):
        hook = Path(workspace.repository, ".git/hooks", name)
        hook.write_text("#!/bin/sh\nsleep 60\nexit 1\n")
        hook.chmod(0o755)
    git(workspace.repository, "config", "commit.gpgSign", "true")
    git(workspace.repository, "config", "user.useConfigOnly", "true")
    Path(workspace.repository, ".git/worktrees/web-1/index.lock").touch()
    write(workspace, "a.txt", "changed")
    work = await asyncio.wait_for(repositories.collect(workspace, "Work"), 20)
    assert len(work.commits) == 1


async def test_an_agent_that_left_its_branch_straight_on(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    git(workspace.folder, "checkout", "-q", "-b", "own-idea")
    write(workspace, "a.txt", "changed")
    work = await repositories.collect(workspace, "Work")
    assert [commit["title"] for commit in work.commits] == ["Work"]
    assert git(workspace.folder, "branch", "--show-current") == workspace.branch


async def test_an_agent_that_left_its_branch_for_another(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    git(workspace.folder, "commit", "-q", "--allow-empty", "-m", "on the branch")
    git(workspace.folder, "checkout", "-q", "--detach", "main")
    with pytest.raises(Conflict, match="left its branch"):
        await repositories.collect(workspace, "Work")


async def test_a_lost_folder_still_has_its_commits(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    write(workspace, "a.txt", "changed\n")
    await repositories.collect(workspace, "Work")
    shutil.rmtree(workspace.folder)
    assert [commit["title"] for commit in (await repositories.collect(workspace, "x")).commits] == ["Work"]
    assert "+changed" in await repositories.diff(workspace, 10_000)


# --------------------------------------------------------------------------------------------------------------- diff


async def test_a_diff_shows_everything(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    write(workspace, "a.txt", "one\ntwo\nthree\ncommitted\n")
    await repositories.collect(workspace, "Work")
    write(workspace, "b.txt", "changed\n")
    write(workspace, "new.txt", "new\n")
    patch = await repositories.diff(workspace, 100_000)
    assert all(line in patch for line in ("+committed", "-b", "+changed", "+++ b/new.txt", "+new"))
    assert git(workspace.folder, "status", "--porcelain").split() == ["M", "b.txt", "??", "new.txt"]


async def test_a_cut_diff_says_how_much_is_missing(repositories: LocalRepositories, workspace: Workspace) -> None:
    write(workspace, "new.txt", "".join(f"line {number} ü\n" for number in range(20_000)))
    whole = (await repositories.diff(workspace, 10_000_000)).encode()
    cut = (await repositories.diff(workspace, 5_000)).encode()
    kept, _, note = cut.rpartition(b"\n[callboard: ")
    assert whole.startswith(kept)
    assert len(kept) <= 5_000
    assert int(note.split()[0]) == len(whole) - len(kept) - 1
    assert len(cut) < 5_100


# ------------------------------------------------------------------------------------------------------------- accept


async def commit(repositories: LocalRepositories, workspace: Workspace, name: str, text: str) -> None:
    write(workspace, name, text)
    await repositories.collect(workspace, f"Change {name}")


async def test_merge_where_the_base_is_checked_out(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    (repository / "b.txt").write_text("a person works on this\n")
    said = await repositories.accept(workspace, "merge")
    assert said.words == f"Merged {workspace.branch} into main (1 commit)."
    assert (repository / "a.txt").read_text() == "agent\n"
    assert (repository / "b.txt").read_text() == "a person works on this\n"
    assert git(repository, "log", "-1", "--format=%s|%an|%P").startswith(f"Merge {workspace.branch}|Callboard|")
    assert (await repositories.accept(workspace, "merge")).words == (
        f"Nothing to merge: main has everything of {workspace.branch}."
    )


async def test_merge_where_the_base_is_checked_out_nowhere(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    git(repository, "commit", "-q", "--allow-empty", "-m", "main goes on")
    git(repository, "checkout", "-q", "-b", "elsewhere")
    before = git(repository, "rev-parse", "main")
    await repositories.accept(workspace, "merge")
    assert git(repository, "show", "main:a.txt") == "agent"
    assert git(repository, "log", "-1", "--format=%P", "main").split() == [
        before, git(repository, "rev-parse", workspace.branch)
    ]  # fmt: skip
    assert (repository / "a.txt").read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("checked_out", [True, False])
async def test_a_conflict_changes_nothing(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, checked_out: bool
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    (repository / "a.txt").write_text("person\n")
    git(repository, "commit", "-q", "-am", "Person")
    if not checked_out:
        git(repository, "checkout", "-q", "-b", "elsewhere")
    before = git(repository, "rev-parse", "main")
    with pytest.raises(Conflict, match=r"both changed a\.txt"):
        await repositories.accept(workspace, "merge")
    assert git(repository, "rev-parse", "main") == before
    assert git(repository, "status", "--porcelain") == ""


async def test_an_older_git_merges_and_takes_a_conflict_back(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot_try(*_: object) -> str:
        return ""

    monkeypatch.setattr("integrations.local.merges.try_merge", cannot_try)
    await commit(repositories, workspace, "a.txt", "agent\n")
    (repository / "a.txt").write_text("person\n")
    git(repository, "commit", "-q", "-am", "Person")
    with pytest.raises(Conflict, match=r"both changed a\.txt"):
        await repositories.accept(workspace, "merge")
    assert git(repository, "status", "--porcelain") == ""
    git(repository, "checkout", "-q", "-b", "elsewhere")
    with pytest.raises(Conflict, match=r"git 2\.38"):
        await repositories.accept(workspace, "merge")


@pytest.mark.parametrize("staged", [True, False])
async def test_uncommitted_changes_in_the_way(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, staged: bool
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    (repository / "a.txt").write_text("a person works on this\n")
    if staged:
        git(repository, "add", "-A")
    before = git(repository, "rev-parse", "main")
    with pytest.raises(Conflict, match=r"has changes in a\.txt that are not committed"):
        await repositories.accept(workspace, "merge")
    assert git(repository, "rev-parse", "main") == before
    assert (repository / "a.txt").read_text() == "a person works on this\n"


async def test_an_untracked_file_in_the_way(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "new.txt", "agent\n")
    (repository / "new.txt").write_text("a person's\n")
    with pytest.raises(Conflict, match=r"has changes in new\.txt"):
        await repositories.accept(workspace, "merge")
    assert (repository / "new.txt").read_text() == "a person's\n"


async def test_a_person_in_the_middle_of_a_merge_is_left_alone(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "b.txt", "agent\n")
    git(repository, "checkout", "-q", "-b", "topic")
    git(repository, "commit", "-q", "--allow-empty", "-m", "topic")
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "--no-commit", "topic")
    with pytest.raises(Conflict, match="in the middle of something"):
        await repositories.accept(workspace, "merge")
    assert (repository / ".git/MERGE_HEAD").exists()


async def test_bases_that_cannot_be_merged_into(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    with pytest.raises(Conflict, match="no branch to merge into"):
        await repositories.accept(replace(workspace, base=workspace.base_commit), "merge")
    with pytest.raises(Conflict, match="is gone"):
        await repositories.accept(replace(workspace, branch="callboard/web-1-other"), "merge")
    with pytest.raises(PermanentFailure):
        await repositories.accept(replace(workspace, branch="--help"), "merge")
    with pytest.raises(BadInput, match="no way to accept"):
        await repositories.accept(workspace, "squash")


# ------------------------------------------------------------------------------------------------------------- rebase


async def move_base(repository: Path, git: Git, name: str, text: str) -> str:
    (repository / name).write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "main goes on")
    return git(repository, "rev-parse", "main")


@pytest.mark.parametrize("checked_out", [True, False])
async def test_rebase_puts_the_work_on_top_of_the_base(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, checked_out: bool
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    await commit(repositories, workspace, "c.txt", "Ärger\n")
    before = await move_base(repository, git, "b.txt", "person\n")
    if not checked_out:
        git(repository, "checkout", "-q", "-b", "elsewhere")
    taken = await repositories.accept(workspace, "rebase")
    assert taken.words == f"Rebased {workspace.branch} onto main, which has it now (2 commits)."
    assert taken.base_commit == before
    assert git(repository, "log", "--format=%s|%an", f"{before}..main").splitlines() == [
        "Change c.txt|web-1 (Callboard)", "Change a.txt|web-1 (Callboard)"
    ]  # fmt: skip
    assert git(repository, "rev-parse", "main") == git(workspace.folder, "rev-parse", "HEAD")
    assert git(workspace.folder, "status", "--porcelain") == ""
    assert Path(workspace.folder, "b.txt").read_text() == "person\n"
    if checked_out:
        assert (repository / "c.txt").read_text() == "Ärger\n"
        assert git(repository, "status", "--porcelain") == ""
    assert "Nothing to rebase" in (await repositories.accept(workspace, "rebase")).words
    work = await repositories.collect(replace(workspace, base_commit=taken.base_commit), "")
    assert [commit["title"] for commit in work.commits] == ["Change a.txt", "Change c.txt"]
    assert await repositories.remove(workspace, force=False) == []


async def test_rebase_keeps_a_branch_that_goes_straight_on(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    work = git(workspace.folder, "rev-parse", "HEAD")
    await repositories.accept(workspace, "rebase")
    assert git(repository, "rev-parse", "main") == work


async def test_rebase_leaves_out_what_the_base_has(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    await commit(repositories, workspace, "c.txt", "c\n")
    before = await move_base(repository, git, "a.txt", "agent\n")
    await repositories.accept(workspace, "rebase")
    assert git(repository, "log", "--format=%s", f"{before}..main") == "Change c.txt"


async def test_a_rebase_that_was_cut_short_is_finished_by_the_next(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise ConnectionError

    await commit(repositories, workspace, "a.txt", "agent\n")
    await move_base(repository, git, "b.txt", "person\n")
    with monkeypatch.context() as patched:
        patched.setattr("integrations.local.rebases._follow", die)
        with pytest.raises(ConnectionError):
            await repositories.accept(workspace, "rebase")
    there = git(repository, "rev-parse", "main")
    await repositories.accept(workspace, "rebase")
    assert git(repository, "rev-parse", "main") == there == git(repository, "rev-parse", workspace.branch)


@pytest.mark.parametrize("checked_out", [True, False])
async def test_a_rebase_in_conflict_changes_nothing(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, checked_out: bool
) -> None:
    await commit(repositories, workspace, "c.txt", "fits\n")
    await commit(repositories, workspace, "a.txt", "agent\n")
    await move_base(repository, git, "a.txt", "person\n")
    if not checked_out:
        git(repository, "checkout", "-q", "-b", "elsewhere")
    refs = git(repository, "for-each-ref")
    with pytest.raises(Conflict, match=r"both changed a\.txt \(in “Change a\.txt”\)"):
        await repositories.accept(workspace, "rebase")
    assert git(repository, "for-each-ref") == refs
    assert git(repository, "status", "--porcelain") == git(workspace.folder, "status", "--porcelain") == ""


@pytest.mark.parametrize("where", ["base", "agent"])
async def test_a_rebase_over_uncommitted_work_changes_nothing(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, where: str
) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    await move_base(repository, git, "b.txt", "person\n")
    folder = repository if where == "base" else Path(workspace.folder)
    (folder / "a.txt").write_text("somebody works on this\n")
    refs = git(repository, "for-each-ref")
    with pytest.raises(Conflict, match=r"has changes in a\.txt that are not committed"):
        await repositories.accept(workspace, "rebase")
    assert git(repository, "for-each-ref") == refs
    assert (folder / "a.txt").read_text() == "somebody works on this\n"


async def test_an_older_git_cannot_rebase(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot_try(*_: object) -> str:
        return ""

    monkeypatch.setattr("integrations.local.rebases.try_merge", cannot_try)
    await commit(repositories, workspace, "a.txt", "agent\n")
    await move_base(repository, git, "b.txt", "person\n")
    with pytest.raises(Conflict, match="cannot rebase"):
        await repositories.accept(workspace, "rebase")


async def test_merge_hooks_do_not_run(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    for name in ("pre-merge-commit", "post-merge", "commit-msg", "reference-transaction"):
        hook = repository / ".git/hooks" / name
        hook.write_text("#!/bin/sh\nsleep 60\nexit 1\n")
        hook.chmod(0o755)
    write(workspace, "a.txt", "agent\n")
    await repositories.collect(workspace, "Work")
    await asyncio.wait_for(repositories.accept(workspace, "merge"), 20)


async def test_push(repositories: LocalRepositories, workspace: Workspace, tmp_path: Path, git: Git) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    with pytest.raises(Conflict, match="has no remote") as caught:
        await repositories.accept(workspace, "push")
    assert "git remote add origin" in caught.value.remedy
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(workspace.repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    assert (await repositories.accept(workspace, "push")).words == f"Pushed {workspace.branch} to origin."
    assert (await repositories.accept(workspace, "push")).words == f"{workspace.branch} is on origin already."
    assert git(tmp_path / "remote.git", "rev-parse", workspace.branch) == git(workspace.folder, "rev-parse", "HEAD")


async def test_push_refused_and_out_of_reach(
    repositories: LocalRepositories, workspace: Workspace, tmp_path: Path, git: Git
) -> None:
    git(tmp_path, "clone", "-q", "--bare", workspace.repository, "remote.git")
    other = git(tmp_path / "remote.git", "commit-tree", "-m", "other", "main^{tree}")
    git(tmp_path / "remote.git", "update-ref", f"refs/heads/{workspace.branch}", other)
    git(workspace.repository, "remote", "add", "upstream", str(tmp_path / "remote.git"))
    await commit(repositories, workspace, "a.txt", "agent\n")
    with pytest.raises(Conflict, match="upstream refused"):
        await repositories.accept(workspace, "push")
    git(workspace.repository, "remote", "set-url", "upstream", str(tmp_path / "gone.git"))
    with pytest.raises(PermanentFailure, match="git push upstream failed"):
        await repositories.accept(workspace, "push")


# ------------------------------------------------------------------------------------------------------------- remove


def is_left(workspace: Workspace, git: Git) -> bool:
    there = Path(workspace.folder).exists() or Path(workspace.repository, ".git/worktrees/web-1").exists()
    return there or bool(git(workspace.repository, "branch", "--list", workspace.branch))


async def test_remove_what_has_nothing_to_lose(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    assert await repositories.remove(workspace, force=False) == []
    assert not is_left(workspace, git)
    assert await repositories.remove(workspace, force=False) == []


async def test_remove_after_a_merge(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    await repositories.accept(workspace, "merge")
    assert await repositories.remove(workspace, force=False) == []
    assert not is_left(workspace, git)


async def test_remove_names_what_would_be_lost(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    await commit(repositories, workspace, "a.txt", "agent\n")
    write(workspace, "new.txt", "new")
    identity = git(workspace.folder, "rev-parse", "--short", "HEAD")
    with pytest.raises(Conflict, match=rf"uncommitted new\.txt, commit {identity} Change a\.txt"):
        await repositories.remove(workspace, force=False)
    assert is_left(workspace, git)
    assert await repositories.remove(workspace, force=True) == [
        "uncommitted new.txt", f"commit {identity} Change a.txt"
    ]  # fmt: skip
    assert not is_left(workspace, git)


async def test_commits_beside_the_branch_are_named_too(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    git(workspace.folder, "checkout", "-q", "--detach")
    git(workspace.folder, "commit", "-q", "--allow-empty", "-m", "beside")
    with pytest.raises(Conflict, match="beside"):
        await repositories.remove(workspace, force=False)


async def test_remove_while_the_agent_runs(
    repositories: LocalRepositories, workspace: Workspace, start: Callable[..., object], git: Git
) -> None:
    process = await start("import time; time.sleep(300)")  # type: ignore[misc]
    with pytest.raises(Conflict, match="still runs"):
        await repositories.remove(workspace, force=True)
    await process.kill()
    assert await repositories.remove(workspace, force=True) == []


async def test_remove_half_gone(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    shutil.rmtree(workspace.folder)
    assert await repositories.remove(workspace, force=False) == []
    assert not is_left(workspace, git)


async def test_remove_when_the_repository_is_gone(
    repositories: LocalRepositories, workspace: Workspace, repository: Path
) -> None:
    shutil.rmtree(repository)
    with pytest.raises(Conflict, match="which git cannot read"):
        await repositories.remove(workspace, force=False)
    assert await repositories.remove(workspace, force=True)
    assert not Path(workspace.folder).exists()


async def test_remove_what_a_person_has_checked_out(
    repositories: LocalRepositories, workspace: Workspace, repository: Path, git: Git
) -> None:
    git(workspace.folder, "checkout", "-q", "--detach")
    git(repository, "checkout", "-q", workspace.branch)
    with pytest.raises(Conflict, match="is checked out in"):
        await repositories.remove(workspace, force=True)


async def test_read_only_folders_are_removed(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    write(workspace, ".gitignore", "cache\n")
    await repositories.collect(workspace, "Ignore")
    write(workspace, "cache/module.txt", "x")
    Path(workspace.folder, "cache").chmod(stat.S_IRUSR | stat.S_IXUSR)
    await repositories.remove(workspace, force=True)
    assert not is_left(workspace, git)


async def test_only_our_folder_is_removed(
    repositories: LocalRepositories, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    shutil.rmtree(workspace.folder)
    Path(workspace.folder).symlink_to(tmp_path / "precious")
    with pytest.raises(PermanentFailure, match="leads out of"):
        await repositories.remove(workspace, force=True)
    other = replace(workspace, agent="web-2", branch="callboard/web-2-x", folder=str(tmp_path / "precious"))
    await repositories.remove(other, force=True)
    assert (tmp_path / "precious").is_dir()


# ------------------------------------------------------------------------------------------------------ hostile agents


@pytest.mark.parametrize("act", ["delete", "point", "worktree"])
async def test_a_folder_that_is_no_longer_ours_is_not_touched(
    repositories: LocalRepositories, workspace: Workspace, home: Path, git: Git, act: str
) -> None:
    """git would commit everything around the folder, the bot's own data too, into the repository that it finds."""
    git(home, "init", "-q", "-b", "main")
    (home / "run.json").write_text("a token")
    dot = Path(workspace.folder, ".git")
    if act == "worktree":
        git(workspace.repository, "config", "extensions.worktreeConfig", "true")
        git(workspace.folder, "config", "--worktree", "core.worktree", str(home))
    else:
        dot.unlink()
    if act == "point":
        dot.write_text(f"gitdir: {home}/.git\n")
    for call in (
        repositories.collect(workspace, "Work"),
        repositories.collect(workspace, ""),
        repositories.diff(workspace, 1000),
    ):
        with pytest.raises(Conflict, match="no longer the worktree of web-1"):
            await call
    assert git(home, "for-each-ref") == ""
    assert list(Path(workspace.repository, ".git/refs/heads").rglob("*")) != []


async def test_what_the_remedy_says_mends_it(repositories: LocalRepositories, workspace: Workspace, git: Git) -> None:
    Path(workspace.folder, ".git").unlink()
    write(workspace, "a.txt", "changed")
    git(workspace.repository, "worktree", "repair")
    assert len((await repositories.collect(workspace, "Work")).commits) == 1


async def test_looking_moves_no_branch_under_a_working_agent(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    git(workspace.folder, "checkout", "-q", "-b", "own-idea")
    git(workspace.folder, "commit", "-q", "--allow-empty", "-m", "on its own")
    await repositories.collect(workspace, "")
    assert git(workspace.folder, "branch", "--show-current") == "own-idea"
    git(workspace.folder, "checkout", "-q", "--orphan", "far-away")
    assert (await repositories.collect(workspace, "")).commits == []


async def test_new_files_count_whatever_git_is_told_to_show(
    repositories: LocalRepositories, workspace: Workspace, git: Git
) -> None:
    git(workspace.repository, "config", "status.showUntrackedFiles", "no")
    write(workspace, "new.txt", "x")
    with pytest.raises(Conflict, match=r"uncommitted new\.txt"):
        await repositories.remove(workspace, False)
    assert len((await repositories.collect(workspace, "Work")).commits) == 1


async def test_a_signature_is_not_shown_to_a_program_of_the_repository(
    repositories: LocalRepositories, workspace: Workspace, git: Git, tmp_path: Path
) -> None:
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    signed = "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nsigned\n"
    head = git(workspace.folder, "cat-file", "commit", "HEAD").partition("\n\n")[0]
    raw = tmp_path / "commit"
    raw.write_text(head + signed)
    made = git(workspace.folder, "hash-object", "-t", "commit", "-w", str(raw))
    child = git(workspace.folder, "commit-tree", "-p", "HEAD", "-m", "child", "HEAD^{tree}")
    git(workspace.folder, "update-ref", f"refs/heads/{workspace.branch}", made)
    git(workspace.repository, "config", "log.showSignature", "true")
    git(workspace.repository, "config", "gpg.program", str(program))
    assert child
    assert [commit["title"] for commit in (await repositories.collect(workspace, "")).commits] == ["signed"]
    assert not (tmp_path / "ran").exists()


async def test_many_commits_are_counted_and_the_newest_listed(
    repositories: LocalRepositories, workspace: Workspace, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.local.repositories.COMMITS_KEPT", 3)
    for number in range(5):
        git(workspace.folder, "commit", "-q", "--allow-empty", "-m", str(number))
    work = await repositories.collect(workspace, "")
    assert ([commit["title"] for commit in work.commits], work.missing) == (["2", "3", "4"], 2)
