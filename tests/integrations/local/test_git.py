from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import PermanentFailure, TemporaryFailure
from integrations.local.checks import judge_git, run_checks
from integrations.local.git import Ran, explain_failure, lock_repository, make_environment, run_git, try_git

Git = Callable[..., str]


async def test_output_beyond_the_limit_is_counted(repository: Path) -> None:
    (repository / "big.txt").write_text("x" * 300_000)
    ran = await try_git(repository, "hash-object", "--stdin", text="y" * 1_000_000)
    assert ran.ok
    shown = await try_git(repository, "diff", "--no-index", "--", "/dev/null", "big.txt", limit=1000)
    assert len(shown.output) == 1000
    assert shown.missing > 299_000


async def test_what_takes_too_long_is_ended(repository: Path, git: Git) -> None:
    git(repository, "config", "alias.wait", "!sleep 30")
    began = time.monotonic()
    with pytest.raises(TemporaryFailure, match="took longer than"):
        await try_git(repository, "wait", seconds=0.2)
    assert time.monotonic() - began < 20


async def test_a_cancelled_git_is_ended(repository: Path, git: Git, tmp_path: Path) -> None:
    git(repository, "config", "alias.wait", f"!echo $$ > {tmp_path}/pid; sleep 30")
    task = asyncio.create_task(try_git(repository, "wait"))
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(asyncio.to_thread(_wait_gone, int((tmp_path / "pid").read_text())), 5)


def _wait_gone(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)


async def test_failures_are_in_gits_words(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(PermanentFailure, match="is not a git repository"):
        await run_git(tmp_path, "status")
    with pytest.raises(PermanentFailure, match="cannot be opened"):
        await run_git(tmp_path / "gone", "status")
    with pytest.raises(PermanentFailure, match="pathspec 'nope' did not match"):
        await run_git(repository, "checkout", "nope")


async def test_git_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentFailure, match="git is not on the PATH"):
        await run_git(tmp_path, "status")


def test_dubious_ownership_has_a_remedy() -> None:
    error = explain_failure(Ran(128, "", "fatal: detected dubious ownership in repository at '/r'\n..."), "/r", "x")
    assert error.message == "/r belongs to another user, and git refuses to work in it."
    assert "safe.directory /r" in error.remedy


def test_no_secret_reaches_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALLBOARD_TOKEN", "SLACK_BOT_TOKEN", "GIT_DIR", "GIT_ASKPASS", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    environment = make_environment()
    assert "secret" not in environment.values()
    assert environment["SSH_AUTH_SOCK"] == "/run/agent"


async def test_one_lock_for_one_repository(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    lock = lock_repository(str(tmp_path))
    assert lock_repository(str(tmp_path / "link")) is lock
    assert lock_repository(str(tmp_path / "other")) is not lock


async def test_doctor(home: Path) -> None:
    checks = await run_checks(home)
    assert [(check.name, check.ok) for check in checks] == [("git", True), ("guard", True)]


@pytest.mark.parametrize(
    ("said", "ok", "word"),
    [
        ("git version 2.47.1", True, ""),
        ("git version 2.34.1.windows.1", True, "2.38"),
        ("git version 2.25.0", False, "2.31"),
        ("hello", False, "2.31"),
    ],
)
def test_git_versions(said: str, ok: bool, word: str) -> None:
    check = judge_git(said)
    assert (check.ok, word in check.remedy) == (ok, True)
