"""Files copied into new worktrees: never from outside of the repository, never out of the worktree, never committed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PermanentFailure
from core.interfaces import Workspace
from integrations.local.furnish import check_name, furnish_worktree, write_pattern
from integrations.local.worktrees import prepare_workspace


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    run = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return run.stdout


@pytest.fixture
async def place(tmp_path: Path) -> Workspace:
    """A new worktree of a repository which tracks a file, a folder and links that lead out."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    git(repository, "init", "-q", "-b", "main")
    (repository / "app.py").write_text("app")
    (repository / "src").mkdir()
    (repository / "src" / "x.py").write_text("x")
    (repository / "away").symlink_to(tmp_path / "outside")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Begin")
    (tmp_path / "worktrees").mkdir()
    return await prepare_workspace(tmp_path / "worktrees", "web-1", str(repository), "", "Task")


async def test_files_are_copied_with_their_mode_and_again(place: Workspace) -> None:
    repository, folder = Path(place.repository), Path(place.folder)
    (repository / "src" / "run.sh").write_text("#!/bin/sh\n")
    (repository / "src" / "run.sh").chmod(0o750)
    (repository / ".env test").write_text("A=1")
    (repository / "linked").symlink_to(repository / ".env test")
    for text in ("A=1", "A=2"):
        (repository / ".env test").write_text(text)
        await furnish_worktree(place, ["src/run.sh", ".env test", "linked"])
        assert (folder / ".env test").read_text() == text
        assert (folder / "linked").read_text() == text
    assert not (folder / "linked").is_symlink()
    assert (folder / "src" / "run.sh").stat().st_mode & 0o777 == 0o750
    assert git(folder, "status", "--porcelain") == ""
    assert git(repository, "status", "--porcelain") == ""
    assert len((repository / ".git" / "info" / "exclude").read_text().splitlines()) == len(
        set((repository / ".git" / "info" / "exclude").read_text().splitlines())
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "There is no file"),
        ("app.py", "is tracked"),
        ("src", "is not a file"),
        ("pipe", "is not a file"),
        ("away/secret", "leads out of"),
        ("out", "leads out of"),
        ("up/outside/secret", "leads out of"),
        ("loop", "There is no file"),
        ("kept", "leads out of"),
    ],
)
async def test_what_is_no_such_file_is_refused(place: Workspace, tmp_path: Path, name: str, said: str) -> None:
    repository = Path(place.repository)
    os.mkfifo(repository / "pipe")
    (repository / "out").symlink_to(tmp_path / "outside" / "secret")
    (repository / "up").symlink_to(tmp_path)
    (repository / "loop").symlink_to(repository / "loop")
    (repository / "kept").symlink_to(repository / ".git" / "config")
    before = sorted(Path(place.folder).rglob("*"))
    with pytest.raises(PermanentFailure, match=said):
        await furnish_worktree(place, [name])
    assert sorted(Path(place.folder).rglob("*")) == before


async def test_a_link_in_the_worktree_leads_nothing_out(place: Workspace, tmp_path: Path) -> None:
    """In the repository a folder, on the branch a link out of it."""
    repository = Path(place.repository)
    (repository / "away").unlink()
    (repository / "away" / "deep").mkdir(parents=True)
    (repository / "away" / "deep" / "new").write_text("n")
    with pytest.raises(PermanentFailure, match="through the link away"):
        await furnish_worktree(place, ["away/deep/new"])
    assert sorted(item.name for item in (tmp_path / "outside").iterdir()) == ["secret"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc/passwd", "a//b", "a/", ".git/config", "a/.GIT/x", "a\nb", "a\0b", "\u202ea"]
)
def test_a_name_is_a_path_below_the_folder(name: str) -> None:
    with pytest.raises(PermanentFailure, match="no path of a file"):
        check_name(name)


async def test_what_a_rule_takes_in_again_is_refused(place: Workspace) -> None:
    (Path(place.repository) / "important").write_text("x")
    (Path(place.folder) / ".gitignore").write_text("!/important\n")
    with pytest.raises(PermanentFailure, match="would be committed"):
        await furnish_worktree(place, ["important"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20))
def test_the_rule_fits_that_name_alone(tmp_path: Path, name: str) -> None:
    try:
        check_name(name)
    except PermanentFailure:
        return
    if not (tmp_path / ".git").exists():
        git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "info" / "exclude").write_text(write_pattern(name) + "\n")
    other = f"{name}x"
    run = ["git", "check-ignore", "-z", "--stdin"]
    asked = f"{name}\0{other}\0x{name}\0sub/{name}\0".encode()
    told = subprocess.run(run, cwd=tmp_path, input=asked, capture_output=True, check=False, timeout=20).stdout
    assert told == f"{name}\0".encode()
