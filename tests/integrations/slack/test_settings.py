"""The section `slack`: half of it refuses to start, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.parts import find_sections
from core.settings import BadSettings, load_settings

GOOD = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}


def load(folder: Path, environ: dict[str, str], text: str = "") -> object:
    file = folder / "callboard.yaml"
    file.write_text(text)
    settings = load_settings(file, {"HOME": str(folder), **environ}, folder, find_sections())
    return settings.integrations.get("slack")


def test_without_a_token_it_is_off(tmp_path: Path) -> None:
    assert load(tmp_path, {}) is None
    assert load(tmp_path, {"SLACK_SIGNING_SECRET": "x"}) is None


def test_two_tokens_turn_it_on(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) is not None


def test_a_webhook_alone_is_enough(tmp_path: Path) -> None:
    hook = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T1/B1/x"}
    assert load(tmp_path, hook).is_send_only  # type: ignore[attr-defined]
    assert not load(tmp_path, hook | GOOD).is_send_only  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("environ", "text", "key", "words"),
    [
        ({"SLACK_WEBHOOK_URL": "http://hooks.slack.com/services/T1"}, "", "webhook_url", "no address of a webhook"),
        ({"SLACK_WEBHOOK_URL": "https://hooks.slack.com/"}, "", "webhook_url", "no address of a webhook"),
        (
            {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/s/T1", "SLACK_APP_TOKEN": "xapp-1"},
            "",
            "bot_token",
            "missing",
        ),
        ({"SLACK_WEBHOOK_URL": "https://hooks.slack.com/s/T1"}, "integrations: {slack: {notify: [all]}}", "notify", ""),
        (GOOD, "integrations: {slack: {notify: [failed]}}", "notify", "no webhook to tell"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "", "app_token", "could be heard"),
        ({"SLACK_BOT_TOKEN": "xoxp-1", "SLACK_APP_TOKEN": "xapp-1"}, "", "bot_token", "no bot token"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-1"}, "", "app_token", "no app-level token"),
        ({}, "integrations: {slack: {}}", "bot_token", "missing"),
        (GOOD, "integrations: {slack: {command: agent}}", "command", "no slash command"),
        (GOOD, "integrations: {slack: {api_url: 'http://slack.example/api/'}}", "api_url", "clear text"),
        (GOOD, "integrations: {slack: {admit: [everybody]}}", "admit", ""),
        (GOOD, "integrations: {slack: {groups: {S01: boss}}}", "groups", ""),
        (
            {"SLACK_APP_TOKEN": "xapp-1"},
            "integrations: {slack: {bot_token: xoxb-1}}",
            "bot_token",
            "does not belong into this file",
        ),
    ],
)
def test_half_of_it_refuses_to_start(tmp_path: Path, environ: dict[str, str], text: str, key: str, words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, environ, text)
    said = str(caught.value)
    assert f"slack.{key}" in said
    assert words in said
    assert "xoxb-1" not in said
