"""`callboard open` and `callboard login`."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest

from bot.cli import visit
from bot.cli.client import Client
from bot.cli.program import ExitCode
from tests.bot.cli.fake import Bot, run_here

LINK = "http://127.0.0.1:8765/login/s3cret"
REPLY = {"text": "This link signs ada in once, until 14:20Z.", "data": {"person": "p-1"}, "secret": LINK}


@pytest.fixture(autouse=True)
def _reply(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.replies["login"] = dict(REPLY)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)


def test_print(home: Path, bot: Bot) -> None:
    done = run_here(home, "open", "--print")
    assert (done.returncode, done.stdout) == (0, f"{REPLY['text']}\n{LINK}\n")
    assert bot.sent("/commands/login") == [{"arguments": {}}]


def test_without_a_browser_the_link_is_printed(home: Path) -> None:
    done = run_here(home, "open")
    assert (done.returncode, done.stdout) == (0, f"There is no browser here. Open this link in one:\n{LINK}\n")


def test_json(home: Path) -> None:
    assert json.loads(run_here(home, "open", "--json").stdout) == {"person": "p-1", "secret": LINK}


def test_the_link_is_opened_and_not_shown(home: Path, bot: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    client = Client({"CALLBOARD_HOME": str(home)})
    assert visit.open_link(client, False, False, lambda link: not opened.append(link)) is ExitCode.DONE
    assert opened == [LINK]
    assert capsys.readouterr().out == "Opened in your browser: http://127.0.0.1:8765/\n"
    assert bot.calls


def test_a_browser_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_link: str) -> bool:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", fail)
    assert not visit.find_browser({"DISPLAY": ":0"}, "linux")(LINK)


@pytest.mark.parametrize(
    ("environ", "platform", "has_one"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"BROWSER": "w3m"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_where_there_is_a_browser(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], platform: str, has_one: bool
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _link: True)
    assert visit.find_browser(environ, platform)(LINK) is has_one


def test_a_bot_that_makes_no_link(home: Path, bot: Bot) -> None:
    bot.replies["login"] = {"text": "ok"}
    done = run_here(home, "open")
    assert done.returncode == 1
    assert "no link" in done.stderr
