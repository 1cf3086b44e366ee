"""What keeps the bot from starting is one clear line and exit code 2."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_up(home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home.parent), "CALLBOARD_HOME": str(home), **environ}
    return subprocess.run(
        [sys.executable, "-m", "bot", "up", "--port", "0", *words],
        cwd=ROOT,
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3, said
    for word in words:
        assert word in said


def test_port_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(run_up(tmp_path / "home", "--port", str(port)), str(port), "taken")


def test_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert_refused(run_up(tmp_path / "home"), "data folder", "CALLBOARD_HOME")


def test_git_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    assert_refused(run_up(tmp_path / "home", PATH=str(tmp_path / "bin")), "git")


def test_named_configuration_is_missing(tmp_path: Path) -> None:
    assert_refused(run_up(tmp_path / "home", "--config", str(tmp_path / "none.yaml")), "none.yaml")


def test_unknown_key_names_file_line_and_remedy(tmp_path: Path) -> None:
    config = tmp_path / "callboard.yaml"
    config.write_text("limits:\n  max_agent: 3\n")
    assert_refused(run_up(tmp_path / "home", "--config", str(config)), "callboard.yaml:2", "max_agents")


def test_integration_that_is_not_there(tmp_path: Path) -> None:
    config = tmp_path / "callboard.yaml"
    config.write_text("integrations:\n  telegraph: {}\n")
    assert_refused(run_up(tmp_path / "home", "--config", str(config)), "telegraph")


def test_database_of_something_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "callboard.sqlite3").write_bytes(b"this is no database" * 100)
    assert_refused(run_up(home), "database")


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "mysql://x/y"])
def test_database_that_cannot_be_used(tmp_path: Path, url: str) -> None:
    assert_refused(run_up(tmp_path / "home", CALLBOARD_DATABASE=url), "database")


def test_remote_address_needs_a_word(tmp_path: Path) -> None:
    assert_refused(run_up(tmp_path / "home", "--host", "0.0.0.0"), "allow_remote")


def test_no_bot_is_running(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLBOARD_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "list", "--json"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "up" in json.loads(done.stdout)["error"]["remedy"] + json.loads(done.stdout)["error"]["message"]
