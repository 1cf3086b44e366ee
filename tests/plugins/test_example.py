"""docs/plugins: the wheel of the example, installed beside the bot, passes the exam and does its work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.delivery import queue_reply
from core.messages import Card, Reply
from core.model import Lane
from core.settings.model import DATABASE_FILE
from core.store import Database
from tests.plugins.wheel import build_wheel, install_wheel

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs/plugins.md"
EXAMPLE = ROOT / "docs/plugins/callboard-example"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    return install_wheel(build_wheel(EXAMPLE, folder), folder / "site")


def make_environ(home: Path, site: Path | None) -> dict[str, str]:
    path = os.pathsep.join(str(item) for item in (ROOT, site) if item)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "CALLBOARD_HOME": str(home), "PYTHONPATH": path}


class House:
    """A bot as a process of its own, with the example beside it."""

    def __init__(self, home: Path, site: Path | None, integrations: dict[str, Any]) -> None:
        self.home = home
        self.environ = make_environ(home, site)
        self.said = home / "said.txt"
        (home / "callboard.yaml").write_text(yaml.safe_dump({"integrations": integrations}))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> House:
        command = [sys.executable, "-m", "bot", "up", "--port", "0"]
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=self.home, env=self.environ, stdout=out, stderr=out)
        self.until((self.home / "run.json").exists)
        return self

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for what a process does."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process is not None
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < end, self.said.read_text()
            time.sleep(0.05)

    def run(self, *words: str) -> dict[str, Any]:
        """A command's answer."""
        command = [sys.executable, "-m", "bot", *words, "--json"]
        done = subprocess.run(
            command, cwd=self.home, env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.said.read_text()}"
        return dict(json.loads(done.stdout))

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(20) == 0, self.said.read_text()


async def queue_notice(home: Path, place: str, reply: Reply) -> None:
    """As whatever notifies people does it."""
    database = Database(f"sqlite+aiosqlite:///{home / DATABASE_FILE}")
    await database.upgrade()
    async with database.transaction() as tx:
        await queue_reply(tx, place, reply, stream="alerts", lane=Lane.HUMAN, now=datetime.now(UTC), key="n-1")
    await database.close()


def read_branch(repository: Path, branch: str) -> str:
    words = ["git", "show", f"{branch}:notes.txt"]
    return subprocess.run(words, cwd=repository, capture_output=True, text=True, timeout=20, check=True).stdout


@pytest.fixture
def open_house(tmp_path: Path, site: Path) -> Iterator[Callable[..., House]]:
    opened: list[House] = []

    def open_one(**integrations: Any) -> House:
        opened.append(House(tmp_path, site, integrations))
        return opened[-1].start()

    yield open_one
    for house in opened:
        house.end()


def test_it_passes_the_exam(site: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "-c",
        os.devnull,
        "tests",
    ]
    done = subprocess.run(
        command, cwd=EXAMPLE, env=make_environ(tmp_path, site), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


async def test_its_agent_works_and_its_notifier_is_told(open_house: Callable[..., House], tmp_path: Path) -> None:
    await queue_notice(tmp_path, "log:alerts", Reply("web-1 waits", cards=(Card("web-1 · needs you"),)))
    house = open_house(log={"folder": str(tmp_path / "notices")}, lines=None)
    file = tmp_path / "notices" / "alerts.log"
    house.until(file.exists)
    house.until(lambda: file.read_text("utf-8").endswith(" web-1 waits · web-1 · needs you\n"))

    done = house.run("spawn", "sample", "remember the milk", "--kind", "lines", "--wait")
    assert (done["status"], done["kind"]) == ("done", "lines")
    assert "Noted: remember the milk" in str(house.run("logs", done["id"]))
    notes = read_branch(tmp_path / "sample", done["branch"])
    assert notes == "remember the milk\n"

    asking = house.run("spawn", "sample", "ask before you write", "--kind", "lines", "--wait", "--approve", "once")
    assert asking["status"] == "done"
    assert read_branch(tmp_path / "sample", asking["branch"]) == "ask before you write\n"

    demo = house.run("spawn", "sample", "say I speak ACP", "--kind", "demo", "--wait")
    assert (demo["status"], demo["kind"]) == ("done", "demo")
    assert "I speak ACP" in str(house.run("logs", demo["id"]))


def test_doctor_greets_its_agent(open_house: Callable[..., House]) -> None:
    house = open_house(lines=None)
    checks = {check["name"]: check for check in house.run("doctor")["checks"]}
    assert checks["agent kind lines"]["ok"], checks["agent kind lines"]
    assert "lines 1.0" in checks["agent kind lines"]["detail"]


def test_it_is_off_until_it_has_a_section(open_house: Callable[..., House]) -> None:
    house = open_house()
    assert "agent kind lines" not in {check["name"] for check in house.run("doctor")["checks"]}


# ---------------------------------------------------------------------------------------------------------- the guide

BLOCK = re.compile(r"^`callboard-example/(?P<file>[\w./-]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def read_blocks() -> dict[str, str]:
    """The files that the guide shows."""
    return {match["file"]: match["text"] for match in BLOCK.finditer(GUIDE.read_text("utf-8"))}


def test_the_guide_shows_every_file_as_it_is() -> None:
    files = sorted(EXAMPLE.rglob("*.py"), key=str)
    shown = {str(path.relative_to(EXAMPLE)): path.read_text("utf-8") for path in [EXAMPLE / "pyproject.toml", *files]}
    assert sorted(read_blocks()) == sorted(shown)
    assert read_blocks() == shown
