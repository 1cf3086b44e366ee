"""What `pip wheel .` would pack: every file of the rooms, data too, and nothing else."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from tests.architecture.source import ROOT

ROOMS = ["bot", "core", "integrations", "scheduler"]
# Read at run time from where the package is.
DATA = (
    "core/settings/example.yaml",
    "core/store/migrations/script.py.mako",
    "core/store/migrations/versions/0001_first.py",
    "integrations/demo/agent.py",
    "integrations/local/guard.py",
    "integrations/mcp/server.py",
    "integrations/mcp/words.json",
)


def read_project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_rooms_are_packed_whole() -> None:
    """hatchling takes every file of a package that nothing excludes."""
    build = read_project()["tool"]["hatch"]["build"]  # type: ignore[index]
    assert build == {"targets": {"wheel": {"packages": ROOMS}}}


def test_every_data_file_is_in_a_room() -> None:
    assert [path for path in DATA if not (ROOT / path).is_file()] == []
    assert [path for path in DATA if path.partition("/")[0] not in ROOMS] == []


def test_no_file_of_a_room_is_left_out_by_gitignore() -> None:
    """hatchling leaves out what .gitignore names, tracked or not."""
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    tracked = run_git("ls-files", "--", *ROOMS)
    assert set(DATA) <= set(tracked.splitlines())
    assert run_git("check-ignore", "--no-index", "--stdin", given=tracked) == ""
    assert run_git("check-ignore", "--no-index", "--stdin", given="core/x.pyc\n") == "core/x.pyc\n"


def run_git(*words: str, given: str = "") -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, input=given, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_command_is_there() -> None:
    assert read_project()["project"]["scripts"] == {"callboard": "bot.cli:main"}  # type: ignore[index]
