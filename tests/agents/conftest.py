from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents.client import Starter, start_agent
from tests.agents.model import Model, serve_model
from tests.agents.real import MAKERS, RealAgent, explain_absence

__all__ = ["RealAgent"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    for reason in {report.longrepr[2] for report in skipped if "tests/agents" in report.nodeid}:
        terminalreporter.write_line(reason)


@pytest.fixture(scope="session")
def installed() -> None:
    """The agents are there; else the test is skipped with the reason, and fails where CI runs."""
    reason = explain_absence()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    """The scripted model; in the end nothing must have been meant for another host."""
    async with serve_model() as model:
        yield model
    assert model.strays == []


@pytest.fixture(params=list(MAKERS))
def real_agent(request: pytest.FixtureRequest, installed: None, model: Model, tmp_path: Path) -> RealAgent:
    """Each real agent in turn, with a private home, talking to the scripted model."""
    return MAKERS[request.param](tmp_path / "home", model.url)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "README.md").write_text("Start here.\n")
    for words in ("init -q -b main", "add .", "commit -q -m Start."):
        run_git(folder, *words.split())
    return folder


def run_git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{field}": "test@example.com" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    env = {"PATH": os.defpath, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **who}
    done = subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def start(real_agent: RealAgent, repository: Path, tmp_path: Path) -> Starter:
    """Starts the agent in the repository, as often as one likes; what it says on stderr is in agent.log."""
    return lambda: start_agent(real_agent, repository, tmp_path / "agent.log")
