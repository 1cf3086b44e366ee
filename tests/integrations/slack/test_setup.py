"""`callboard slack setup`, as a person types it at a terminal and as a script runs it, before the stand-in."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from bot.cli import main
from bot.parts import find_sections
from core.model import Role
from core.settings import load_settings
from integrations.slack.manifest import build_manifest
from tests.bot.cli.terminal import Terminal
from tests.fakes.slack.hands import User
from tests.fakes.slack.records import Token
from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.thread import run_slack

ROOT = Path(__file__).parents[3]
YAML = "# mine\nintegrations:\n  slack:\n    api_url: {url}\n"
ENV = "# my own\nOTHER=1\nSLACK_BOT_TOKEN=\n"


@dataclass
class Ended:
    """How a command line ended. The streams are read when it has."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Desk:
    """A folder with a configuration that names the stand-in."""

    slack: FakeSlack
    folder: Path

    @property
    def env(self) -> Path:
        return self.folder / ".env"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CALLBOARD_HOME": str(self.folder / "data"),
            "PYTHONPATH": str(ROOT),
            "CALLBOARD_PROG": "./callboard",
            "TERM": "xterm-256color",
            "COLUMNS": "100",
        }

    @contextlib.contextmanager
    def sit_down(self, *words: str) -> Iterator[Terminal]:
        process, descriptor = pty.fork()
        if process == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(self.folder)
            os.execve(sys.executable, [sys.executable, "-m", "bot", "slack", "setup", *words], self.environ)
        terminal = Terminal(descriptor, process)
        try:
            yield terminal
        finally:
            terminal.close()

    def run(self, *words: str, **environ: str) -> Ended:
        """In this process: there is no terminal."""
        out, errors = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**self.environ, **environ}, clear=True),
            contextlib.chdir(self.folder),
            mock.patch.object(sys, "stdin", io.StringIO()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            return Ended(main(["slack", *words]), out.getvalue(), errors.getvalue())

    def read(self) -> tuple[str, str]:
        """Both files as they are."""
        return self.env.read_text(), (self.folder / "callboard.yaml").read_text()

    def methods(self) -> list[str]:
        return [call.method for call in self.slack.calls()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with run_slack() as slack:
        slack.user("ann", real_name="Ann Lee")
        made = Desk(slack, tmp_path)
        (tmp_path / "callboard.yaml").write_text(YAML.format(url=slack.base_url))
        made.env.write_text(ENV)
        made.env.chmod(0o644)
        yield made
        assert slack.unexpected == []


def test_from_nothing_to_a_message(desk: Desk) -> None:
    ops = desk.slack.channel("ops", joined=False)
    ann = desk.slack.user("ann")
    with desk.sit_down() as terminal:
        terminal.expect("Open this link")
        terminal.expect("not shown): ")
        terminal.type("xapp-1-first\n")
        terminal.expect("This is the app-level token")
        terminal.expect("not shown): ")
        terminal.type("xoxb-wrong\n")
        terminal.expect("invalid_auth")
        terminal.expect("not shown): ")
        terminal.type(f"{desk.slack.bot_token}\n")
        terminal.expect("This is Home as callboard")
        terminal.expect("App-level token (")
        terminal.expect("not shown): ")
        terminal.type("xapp-wrong\n")
        terminal.expect("SLACK_APP_TOKEN: Slack refused")
        terminal.expect("not shown): ")
        terminal.type(f"{desk.slack.app_token}\n")
        terminal.expect("written to .env")
        terminal.expect("(Enter: later): ")
        terminal.type("ann\n")
        terminal.expect("neither")
        terminal.expect("or another: ")
        terminal.type(f"{ann.id}\n")
        terminal.expect("is the admin: written to callboard.yaml")
        terminal.expect("(Enter: none): ")
        terminal.type("#ops\n")
        terminal.expect("/invite @callboard")
        terminal.expect("Enter tries #ops again")
        ops.members.add(desk.slack.bot)
        terminal.type("\n")
        terminal.expect("There is a message in #ops")
        terminal.expect("./callboard up")
        terminal.expect("/agent spawn sample -- Write")
        assert terminal.finish() == 0
        shown, raw = terminal.seen, terminal.raw
    check_words(desk, shown, raw)
    check_files(desk, ann)
    (message,) = desk.slack.messages("ops")
    assert desk.slack.text_of(message).startswith("Callboard may speak here")


def check_words(desk: Desk, shown: str, raw: str) -> None:
    assert desk.slack.bot_token not in shown
    assert "\x1b[3" in raw
    link = next(word for word in shown.split() if word.startswith("https://api.slack.com/apps"))
    (manifest,) = parse_qs(urlsplit(link).query)["manifest_yaml"]
    assert yaml.safe_load(manifest) == build_manifest("/agent")


def check_files(desk: Desk, ann: User) -> None:
    assert stat.S_IMODE(desk.env.stat().st_mode) == 0o600
    assert desk.env.read_text() == (
        f"# my own\nOTHER=1\nSLACK_BOT_TOKEN={desk.slack.bot_token}\nSLACK_APP_TOKEN={desk.slack.app_token}\n"
    )
    settings = load_settings(None, desk.environ, desk.folder, find_sections())
    assert settings.people["ann"].role is Role.ADMIN
    assert settings.people["ann"].identities == (f"slack:{desk.slack.team}/{ann.id}",)
    assert settings.integrations["slack"].app_token.get_secret_value() == desk.slack.app_token  # type: ignore[attr-defined]
    assert "xoxb" not in (desk.folder / "callboard.yaml").read_text()


def test_an_interrupt_leaves_nothing_half_written(desk: Desk) -> None:
    before = desk.read()
    with desk.sit_down() as terminal:
        terminal.expect("not shown): ")
        terminal.type(f"{desk.slack.bot_token}\n")
        terminal.expect("App-level token (")
        terminal.expect("not shown): ")
        terminal.type("\x03")
        terminal.expect("Ended")
        assert terminal.finish() == 130
    assert desk.read() == before
    assert sorted(path.name for path in desk.folder.iterdir()) == [".env", "callboard.yaml"]


def test_twice_is_harmless(desk: Desk) -> None:
    desk.slack.channel("ops")
    tokens = desk.folder / "tokens"
    tokens.write_text(f"SLACK_BOT_TOKEN={desk.slack.bot_token}\nSLACK_APP_TOKEN={desk.slack.app_token}\n")
    first = desk.run("setup", "--token-file", "tokens", "--person", "ann@example.com", "--channel", "#ops")
    assert first.returncode == 0, first.stderr
    assert "\x1b" not in first.stdout
    assert len(desk.slack.messages("ops")) == 1
    before = desk.read()
    again = desk.run("setup")
    assert again.returncode == 0, again.stderr
    assert "The bot has these already" in again.stdout
    assert "ann: named in the settings already" in again.stdout
    with desk.sit_down() as terminal:
        terminal.expect("(Enter: none): ")
        terminal.type("\n")
        assert terminal.finish() == 0
    assert desk.read() == before
    assert len(desk.slack.messages("ops")) == 1


def test_without_a_terminal_it_says_what_to_do(desk: Desk) -> None:
    before = desk.read()
    done = desk.run("setup", SLACK_BOT_TOKEN=desk.slack.bot_token)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no terminal to ask at for SLACK_APP_TOKEN" in done.stderr
    assert "--token-file" in done.stderr
    assert "./callboard slack manifest" in done.stderr
    assert desk.methods() == []
    assert desk.read() == before


@pytest.mark.parametrize(
    ("bot", "app", "words"),
    [
        ("xoxb-wrong", "", "SLACK_BOT_TOKEN: Slack refused: invalid_auth"),
        ("xoxp-1", "", "This is a person's token; the Bot User OAuth Token begins with xoxb-"),
        ("", "xapp-wrong", "connections:write"),
        ("", "xapp-other", "The bot token is of the app A0APP, this one of A0OTHER"),
        ("two words", "", "This is no token of Slack's"),
    ],
)
def test_a_bad_token_is_named_and_nothing_is_written(desk: Desk, bot: str, app: str, words: str) -> None:
    desk.slack.tokens["xapp-other"] = Token(kind="app", scopes=frozenset({"connections:write"}), app="A0OTHER")
    before = desk.read()
    environ = {"SLACK_BOT_TOKEN": bot or desk.slack.bot_token, "SLACK_APP_TOKEN": app or desk.slack.app_token}
    done = desk.run("setup", **environ)
    assert done.returncode == 1
    assert words in done.stderr
    assert desk.read() == before


def test_the_environment_wins_and_that_is_told(desk: Desk) -> None:
    before = desk.read()
    (desk.folder / "tokens").write_text(
        f"SLACK_BOT_TOKEN={desk.slack.bot_token}\nSLACK_APP_TOKEN={desk.slack.app_token}\n"
    )
    done = desk.run("setup", "--token-file", "tokens", SLACK_BOT_TOKEN="xoxb-other")
    assert done.returncode == 1
    assert "SLACK_BOT_TOKEN is set to something else in the environment" in done.stderr
    assert desk.read() == before


def test_a_slack_that_does_not_answer_leaves_nothing(desk: Desk) -> None:
    before = desk.read()
    desk.slack.trouble("close", "auth.test", times=9)
    done = desk.run("setup", SLACK_BOT_TOKEN=desk.slack.bot_token, SLACK_APP_TOKEN=desk.slack.app_token)
    assert done.returncode == 1
    assert "Slack did not answer" in done.stderr
    assert "begin again" in done.stderr
    assert desk.read() == before


def test_missing_scopes_are_told(desk: Desk) -> None:
    desk.slack.scopes -= {"files:write"}
    done = desk.run("setup", SLACK_BOT_TOKEN=desk.slack.bot_token, SLACK_APP_TOKEN=desk.slack.app_token)
    assert done.returncode == 0, done.stderr
    assert "The app lacks files:write" in done.stdout


def test_a_guest_is_no_admin(desk: Desk) -> None:
    guest = desk.slack.user("gus", is_restricted=True)
    environ = {"SLACK_BOT_TOKEN": desk.slack.bot_token, "SLACK_APP_TOKEN": desk.slack.app_token}
    done = desk.run("setup", "--person", guest.id, **environ)
    assert done.returncode == 1
    assert "gus is a guest" in done.stderr
    assert "people" not in (desk.folder / "callboard.yaml").read_text()
