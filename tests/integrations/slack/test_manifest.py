"""The manifest: what is printed for an installation, and that each scope is used and each call allowed."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from bot.cli import main
from integrations.slack import manifest
from integrations.slack.manifest import FILE, build_manifest, list_scopes, read_manifest
from tests.fakes.slack.methods import METHODS, PREFIXES
from tests.fakes.slack.records import EVENT_SCOPES
from tests.fakes.slack.web import run_method

assert run_method, "the stand-in's methods are in the table when its door was read"
FOLDER = Path(manifest.__file__).parent
# Methods for channels of each kind: which right they take. The bot opens none but direct messages.
BY_KIND = {
    "conversations.info": ("read", ("channel", "group")),
    "users.conversations": ("read", ("channel", "group", "im")),
    "conversations.replies": ("history", ("channel", "group", "im")),
    "conversations.history": ("history", ("channel", "group", "im")),
}
# What the library calls for a call of ours.
WITHIN = {"files_upload_v2": ("files.getUploadURLExternal", "files.completeUploadExternal")}


def list_methods() -> set[str]:
    """Every method of the Web API that the code calls, as Slack names it."""
    known = {name.replace(".", "").lower(): name for name in METHODS}
    found: set[str] = set()
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and "_" in node.attr:
                found |= {known.get(node.attr.replace("_", "").lower(), "")} | set(WITHIN.get(node.attr, ()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in METHODS:
                found.add(node.value)
    return found - {""}


def need_scopes(method: str) -> set[str]:
    if method in BY_KIND:
        right, kinds = BY_KIND[method]
        return {f"{PREFIXES[kind]}:{right}" for kind in kinds}
    entry = METHODS[method]
    return {entry.scope} - {""} if entry.kind != "app" else set()


def test_the_code_calls_what_it_is_thought_to() -> None:
    assert {"chat.postMessage", "chat.update", "views.open", "users.info", "auth.test", "bots.info"} <= list_methods()
    assert "files.completeUploadExternal" in list_methods()


def test_every_call_is_allowed_and_every_scope_is_used() -> None:
    granted = set(list_scopes())
    needed = {scope: method for method in sorted(list_methods()) for scope in need_scopes(method)}
    events = read_manifest()["settings"]["event_subscriptions"]["bot_events"]
    needed |= {EVENT_SCOPES[event]: event for event in events if EVENT_SCOPES[event]}
    needed |= {"commands": "/agent", "files:read": "files that come with words"}
    assert {scope: why for scope, why in needed.items() if scope not in granted} == {}, "calls that Slack refuses"
    assert granted - set(needed) == set(), "scopes that nothing needs"


def test_each_scope_has_its_reason() -> None:
    text = FILE.read_text("utf-8")
    assert [scope for scope in list_scopes() if not re.search(rf"- {re.escape(scope)} # \S.{{8,}}", text)] == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "CALLBOARD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CALLBOARD_HOME", str(tmp_path / "data"))
    return tmp_path


def test_it_is_printed_as_slack_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed) == read_manifest()
    assert "#" not in printed
    assert main(["slack", "manifest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_manifest()


def test_the_command_is_that_of_the_option_then_of_the_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "callboard.yaml").write_text("integrations: {slack: {command: /crew}}\n")
    assert main(["slack", "manifest"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == build_manifest("/crew")
    assert main(["slack", "manifest", "--command", "/team"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["features"]["slash_commands"][0]["command"] == "/team"
    assert main(["slack", "manifest", "--command", "team!"]) == 1
    assert "no slash command" in capsys.readouterr().err


def test_with_signed_http_slack_is_told_where_to_call(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["slack", "manifest", "--http"]) == 1
    assert "http.public_url" in capsys.readouterr().err
    (folder / "callboard.yaml").write_text("http: {public_url: 'https://callboard.example.com/'}\n")
    assert main(["slack", "manifest"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["settings"]["socket_mode_enabled"] is True
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "0123456789abcdef")
    assert main(["slack", "manifest"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    url = "https://callboard.example.com/hooks/slack/events"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": url,
        "message_menu_options_url": url,
    }
    assert made["features"]["slash_commands"][0]["url"] == url
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1")
    assert main(["slack", "manifest"]) == 0
    assert "request_url" not in capsys.readouterr().out


def test_help_lists_them_without_the_platform(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert re.search(r"^  slack +Slack: ", capsys.readouterr().out, re.M)
    assert main(["slack", "--help"]) == 0
    assert re.search(r"^  manifest +Print.*\n  setup +Connect", capsys.readouterr().out, re.M)
    assert main(["help", "slack", "setup"]) == 0
    assert "--token-file FILE" in capsys.readouterr().out
    assert main(["slak"]) == 2
    assert "slack`?" in capsys.readouterr().err
