"""`callboard discord setup` and `invite`, as a person types them and as a script runs them, before the stand-in."""

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

from bot.cli import main
from bot.parts import find_sections
from core.model import Role
from core.settings import load_settings
from integrations.discord.permissions import PERMISSIONS
from tests.bot.cli.terminal import Terminal
from tests.fakes.discord.hands import User
from tests.fakes.discord.records import MESSAGE_CONTENT
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.thread import run_discord

ROOT = Path(__file__).parents[3]
YAML = "# mine\nintegrations:\n  discord:\n    api_url: {url}\n"
ENV = "# my own\nOTHER=1\nDISCORD_BOT_TOKEN=\n"


@dataclass
class Ended:
    """How a command line ended. The streams are read when it has."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Desk:
    """A folder with a configuration that names the stand-in."""

    discord: FakeDiscord
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
            os.execve(sys.executable, [sys.executable, "-m", "bot", "discord", *words], self.environ)
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
            return Ended(main(["discord", *words]), out.getvalue(), errors.getvalue())

    def read(self) -> tuple[str, str]:
        """Both files as they are."""
        return self.env.read_text(), (self.folder / "callboard.yaml").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with run_discord() as discord:
        made = Desk(discord, tmp_path)
        (tmp_path / "callboard.yaml").write_text(YAML.format(url=discord.api_url))
        made.env.write_text(ENV)
        made.env.chmod(0o644)
        yield made
        assert discord.unexpected == discord.pings == []


def test_from_nothing_to_a_message(desk: Desk) -> None:
    discord = desk.discord
    discord.intents &= ~MESSAGE_CONTENT
    with desk.sit_down("setup") as terminal:
        give_token(discord, terminal)
        ann = enter_server(discord, terminal)
        post_there(discord, terminal)
        assert terminal.finish() == 0
        shown = terminal.seen
    check_files(desk, ann, shown)


def give_token(discord: FakeDiscord, terminal: Terminal) -> None:
    terminal.expect("https://discord.com/developers/applications")
    terminal.expect("not shown): ")
    terminal.type(f"{discord.app}\n")
    terminal.expect("This is an id, not the token")
    terminal.expect("not shown): ")
    terminal.type("MTAwMDAwMDAwMDAwMDAw.wrong.one\n")
    terminal.expect("Discord refuses the bot's token")
    terminal.expect("not shown): ")
    terminal.type(f"{discord.token}\n")
    terminal.expect("This is callboard")
    terminal.expect("written to .env")
    terminal.expect(f"{discord.app}/bot")
    terminal.expect("leaves it off: ")
    discord.intents |= MESSAGE_CONTENT
    terminal.type("\n")
    terminal.expect("It may read")


def enter_server(discord: FakeDiscord, terminal: Terminal) -> User:
    """And be found there."""
    terminal.expect("The bot is in no server")
    terminal.expect("goes on without: ")
    ann = discord.user("ann", shown="Ann Lee")
    discord.user("anna", guilds={discord.guild("home")})
    discord.channel("ops", ann, denied={"SEND_MESSAGES", "CREATE_PUBLIC_THREADS"})
    terminal.type("\n")
    terminal.expect("It is in home")
    terminal.expect("(Enter: later): ")
    terminal.type("bob\n")
    terminal.expect("Nobody like that")
    terminal.expect("or another: ")
    terminal.type("an\n")
    terminal.expect(f"ann is {ann.id}")
    terminal.expect("or another: ")
    terminal.type("ann\n")
    terminal.expect(f"ann ({ann.id}) is the admin: written to callboard.yaml")
    return ann


def post_there(discord: FakeDiscord, terminal: Terminal) -> None:
    terminal.expect("(Enter: none): ")
    terminal.type("#ops\n")
    terminal.expect("lacks Send Messages, Create Public Threads in #ops")
    terminal.expect("Enter tries #ops again")
    discord.need_channel("ops").denied.clear()
    terminal.type("\n")
    terminal.expect("There is a message in #ops")
    terminal.expect("./callboard up")
    terminal.expect("/agent spawn")


def check_files(desk: Desk, ann: User, shown: str) -> None:
    discord = desk.discord
    assert discord.token not in shown
    link = next(word for word in shown.split() if "oauth2/authorize" in word)
    assert parse_qs(urlsplit(link).query) == {
        "client_id": [discord.app],
        "scope": ["bot applications.commands"],
        "permissions": [str(PERMISSIONS)],
    }
    assert stat.S_IMODE(desk.env.stat().st_mode) == 0o600
    assert desk.env.read_text() == f"# my own\nOTHER=1\nDISCORD_BOT_TOKEN={discord.token}\n"
    settings = load_settings(None, desk.environ, desk.folder, find_sections())
    assert settings.people["ann"].role is Role.ADMIN
    assert settings.people["ann"].identities == (f"discord:{ann.id}",)
    (message,) = discord.messages("ops")
    assert message.text.startswith("Callboard may speak here")


def test_an_interrupt_leaves_nothing_half_written(desk: Desk) -> None:
    before = desk.read()
    with desk.sit_down("setup") as terminal:
        terminal.expect("not shown): ")
        terminal.type("\x03")
        terminal.expect("Ended")
        assert terminal.finish() == 130
    assert desk.read() == before
    assert sorted(path.name for path in desk.folder.iterdir()) == [".env", "callboard.yaml"]


def test_twice_is_harmless(desk: Desk) -> None:
    desk.discord.channel("ops", desk.discord.user("ann"))
    (desk.folder / "tokens").write_text(f"DISCORD_BOT_TOKEN={desk.discord.token}\n")
    first = desk.run("setup", "--token-file", "tokens", "--person", "ann", "--channel", "#ops")
    assert first.returncode == 0, first.stderr
    assert "\x1b" not in first.stdout
    assert len(desk.discord.messages("ops")) == 1
    before = desk.read()
    again = desk.run("setup")
    assert again.returncode == 0, again.stderr
    assert "The bot has these already" in again.stdout
    assert "ann: named in the settings already" in again.stdout
    with desk.sit_down("setup") as terminal:
        terminal.expect("(Enter: none): ")
        terminal.type("\n")
        assert terminal.finish() == 0
    assert desk.read() == before
    assert len(desk.discord.messages("ops")) == 1


def test_without_a_terminal_it_says_what_to_do(desk: Desk) -> None:
    before = desk.read()
    done = desk.run("setup")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no terminal to ask at for DISCORD_BOT_TOKEN" in done.stderr
    assert "--token-file" in done.stderr
    assert "./callboard discord invite" in done.stderr
    assert desk.discord.calls == []
    assert desk.read() == before


def test_without_a_terminal_what_is_left_to_do_is_told(desk: Desk) -> None:
    desk.discord.intents &= ~MESSAGE_CONTENT
    done = desk.run("setup", DISCORD_BOT_TOKEN=desk.discord.token)
    assert done.returncode == 0, done.stderr
    assert "Message Content Intent is off" in done.stdout
    assert f"client_id={desk.discord.app}" in done.stdout
    assert "/agent me claim CODE" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--person", "bob"], "Nobody like that"),
        (["--person", "1234567890123456789"], "Nobody like that"),
        (["--person", "robot"], "robot is a bot"),
        (["--channel", "#nowhere"], "no text channel #nowhere"),
        (["--channel", "#twice"], "There are several #twice"),
        (["--channel", "#hidden"], "lacks View Channels in #hidden"),
    ],
)
def test_what_does_not_fit_is_told(desk: Desk, options: list[str], words: str) -> None:
    discord = desk.discord
    discord.user("robot", is_bot=True, guilds={discord.guild("home")})
    discord.channel("twice")
    discord.channel("twice", guild="away")
    discord.channel("hidden", denied={"VIEW_CHANNEL"})
    discord.expected_codes.add(10007)
    done = desk.run("setup", *options, DISCORD_BOT_TOKEN=discord.token)
    assert done.returncode == 1
    assert words in done.stderr
    assert "people" not in (desk.folder / "callboard.yaml").read_text()


def test_a_discord_that_does_not_answer_leaves_nothing(desk: Desk) -> None:
    before = desk.read()
    desk.discord.trouble("close", "GET", "/users/@me", times=99)
    done = desk.run("setup", DISCORD_BOT_TOKEN=desk.discord.token)
    assert done.returncode == 1
    assert "Discord did not answer" in done.stderr
    assert "begin again" in done.stderr
    assert desk.read() == before


def test_an_invitation_asks_discord_nothing(desk: Desk) -> None:
    done = desk.run("invite", DISCORD_BOT_TOKEN=desk.discord.token)
    assert f"client_id={desk.discord.app}&scope=bot%20applications.commands&permissions={PERMISSIONS}" in done.stdout
    assert "client_id=1234567890123456789&" in desk.run("invite", "--app", "1234567890123456789").stdout
    without = desk.run("invite")
    assert without.returncode == 1
    assert "--app ID" in without.stderr
    assert "no application's id" in desk.run("invite", "--app", "callboard").stderr
    assert desk.discord.calls == []
