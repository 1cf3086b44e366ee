"""What is read from the repository's files is what git says, or nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from integrations.local.heads import read_base


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    git(folder, "branch", "feature/x")
    git(folder, "commit", "-q", "--allow-empty", "-m", "two")
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("base", ["", "main", "feature/x"])
def test_loose_and_packed(repository: Path, base: str, packed: bool) -> None:
    if packed:
        git(repository, "pack-refs", "--all")
    found = read_base(str(repository), base)
    assert found is not None
    assert found.commit == git(repository, "rev-parse", base or "HEAD")
    assert found.name == (base or "main")
    assert found.admin == repository / ".git"


def test_a_loose_ref_is_newer_than_a_packed_one(repository: Path) -> None:
    git(repository, "pack-refs", "--all")
    git(repository, "commit", "-q", "--allow-empty", "-m", "three")
    found = read_base(str(repository), "")
    assert found is not None
    assert found.commit == git(repository, "rev-parse", "HEAD")


def test_git_is_asked_where_files_do_not_say(repository: Path, tmp_path: Path) -> None:
    assert read_base(str(tmp_path / "none"), "") is None
    assert read_base(str(repository), "no-such-branch") is None
    assert read_base(str(repository), git(repository, "rev-parse", "HEAD")) is None
    git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert read_base(str(tmp_path / "linked"), "") is None
    git(repository, "checkout", "-q", "--detach")
    assert read_base(str(repository), "") is None
    git(repository, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    assert read_base(str(repository), "alias") is None
    (repository / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert read_base(str(repository), "") is None
