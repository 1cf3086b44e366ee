"""The newcomer's flow as the README, the banner and the quickstart show it, typed word for word."""

from __future__ import annotations

import getpass
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bot.cli.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = (ROOT / "docs/quickstart.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
STEPS = re.findall(r"^```console\n\$ (.+)\n((?:.*\n)*?)```$", QUICKSTART, re.M)
TOUR = re.search(r"## A tour.*?```sh\n(.*?)```", README, re.S)
PATIENCE = 30.0


@dataclass
class Newcomer:
    """Somebody in a fresh checkout, with a running bot. `banner` is what it said."""

    folder: Path
    environ: dict[str, str]
    bot: subprocess.Popen[str]
    banner: list[str]

    @property
    def home(self) -> str:
        return self.environ["CALLBOARD_HOME"]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type a line; no terminal."""
        return subprocess.run(
            shlex.split(line, comments=True),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def watch(self, line: str, answer: str = "") -> str:
        """Type a line at a terminal, and the answer when it asks; what was shown."""
        process, descriptor = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            words = shlex.split(line)
            os.execve(words[0], words, {**self.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200"})
        terminal = Terminal(descriptor, process)
        if answer:
            terminal.expect("[o]nce")
            terminal.type(f"{answer}\n")
        code = terminal.finish()
        os.close(descriptor)
        assert code == 0, terminal.seen
        return terminal.seen


def make_checkout(folder: Path) -> Path:
    """The repository in a folder of its own, with this interpreter's environment as its `.venv`."""
    folder.mkdir()
    shutil.copy(ROOT / "callboard", folder)
    for name in ("bot", "core", "integrations", "scheduler"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    folder = make_checkout(tmp_path / "checkout")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLBOARD_HOME": str(tmp_path / "data")}
    with (
        (tmp_path / "errors").open("w") as errors,
        subprocess.Popen(
            ["./callboard", "up", "--port", "0"],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as bot,
    ):
        try:
            yield Newcomer(folder, environ, bot, read_banner(bot))
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.communicate(timeout=20)
    assert bot.returncode == 0
    assert (tmp_path / "errors").read_text() == ""


def read_banner(bot: subprocess.Popen[str]) -> list[str]:
    """Everything up to the third command to try."""
    assert bot.stdout is not None
    lines: list[str] = []
    while sum(line.startswith("  ./callboard ") for line in lines) < 3:
        line = bot.stdout.readline()
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines


def neutralise(text: str, home: str) -> list[str]:
    """Lines without what differs from run to run: folder, person, ids of commits, times, padding."""
    text = text.replace(home, "HOME").replace("/home/ann/.local/share/callboard", "HOME")
    text = re.sub(rf"\b(?:{re.escape(getpass.getuser())}|ann)\b", "ME", text)
    text = re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", text)
    text = re.sub(r"\b\d+ s\b", "TIME", text)
    return [" ".join(line.split()) for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_quickstart_shows_what_one_sees(newcomer: Newcomer) -> None:
    assert [line for line, _ in STEPS][:2] == [
        './callboard spawn sample "Write a CONTRIBUTING guide" --wait',
        "./callboard list",
    ]
    for line, shown in STEPS:
        if line.endswith("--wait"):
            said = newcomer.watch(line, "o" if "[o]nce" in shown else "")
        else:
            done = newcomer.run(line)
            assert done.returncode == 0, done.stderr
            said = done.stdout
        seen = neutralise(said, newcomer.home)
        missing = [wanted for wanted in neutralise(shown, newcomer.home) if wanted not in seen]
        assert not missing, f"{line}: {missing}\nwas not among\n" + "\n".join(seen)


def test_banner_commands_work_as_printed(newcomer: Newcomer) -> None:
    shown = re.search(r"```text\n(.*?)```", QUICKSTART, re.S)
    assert shown
    wanted = neutralise(re.sub(r"http://\S+", "URL", shown[1]), newcomer.home)
    seen = neutralise(re.sub(r"http://\S+", "URL", "\n".join(newcomer.banner)), newcomer.home)
    assert [line for line in wanted if line not in seen] == []
    first, *others = [line.strip() for line in newcomer.banner if line.startswith("  ./callboard ")]
    said = newcomer.watch(first, "o")
    assert "sample-1 is done" in said
    for line in others:
        done = newcomer.run(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def test_commands_that_are_offered_work(newcomer: Newcomer) -> None:
    """The commands that the end of a run prints: the difference, and the two ways to take the branch."""
    said = newcomer.watch(STEPS[0][0], "o")
    offered = re.findall(r"^(?:See it:|Take it:)?\s*((?:\./callboard|git) .+?)(?:   \(.*\))?$", said, re.M)
    assert len(offered) == 4, offered
    for line in offered[:2]:
        done = newcomer.run(line)
        assert done.returncode == 0, done.stderr
        assert "+# Contributing" in done.stdout
    assert newcomer.run(offered[3]).returncode == 0
    assert (Path(newcomer.home) / "sample" / "CONTRIBUTING.md").exists()


def test_the_tour_of_the_readme(newcomer: Newcomer) -> None:
    assert TOUR
    assert newcomer.run(f"{STEPS[0][0]} --approve once").returncode == 0
    for line in TOUR[1].splitlines():
        done = newcomer.run(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        await_rest(newcomer)
    assert "CONTRIBUTING.md" in newcomer.run(f"git -C {newcomer.home}/sample ls-files").stdout


def await_rest(newcomer: Newcomer) -> None:
    """Until no agent is at work."""
    end = time.monotonic() + PATIENCE
    while '"working"' in (said := newcomer.run("./callboard list --json").stdout) or '"queued"' in said:
        assert time.monotonic() < end, said


def test_without_a_bot_it_says_how_to_start_one(tmp_path: Path) -> None:
    folder = make_checkout(tmp_path / "checkout")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLBOARD_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        ["./callboard", "list"], cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert "./callboard up" in done.stderr


def test_without_a_set_up_the_launcher_says_so(tmp_path: Path) -> None:
    shutil.copy(ROOT / "callboard", tmp_path)
    done = subprocess.run(
        ["./callboard", "list"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert "make run" in done.stderr


def test_the_launcher_works_from_any_folder_and_through_links(newcomer: Newcomer, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "callboard"
    link.parent.mkdir()
    link.symlink_to(newcomer.folder / "callboard")
    done = subprocess.run(
        [str(link), "me"], cwd="/", env=newcomer.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "admin" in done.stdout


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_the_http_guide(newcomer: Newcomer) -> None:
    """Every example of docs/http.md in order, in one shell; an error of the API ends it."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/http.md").read_text("utf-8"), re.S)
    answering = next(number for number, block in enumerate(blocks) if "/answer" in block)
    asked = 'curl "$url/api/v1/requests" -H "Authorization: Bearer $token" | jq -e ".requests[0]"'
    blocks.insert(answering, f"until {asked} >/dev/null; do sleep 0.1; done\n")
    follow = next(number for number, block in enumerate(blocks) if "/events/stream" in block)
    blocks[follow] = f"{blocks[follow].strip()} --max-time 2 || test $? = 28\n"
    script = "\n".join(
        [
            "set -euo pipefail",
            'curl() { command curl -s --fail-with-body "$@"; }',
            *(f"{b}echo; echo ---" for b in blocks),
        ]
    )
    done = subprocess.run(
        ["bash"], input=script, env=newcomer.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "event: agent.queued" in done.stdout
    assert '"verdict":"once"' in done.stdout.replace(" ", "")
