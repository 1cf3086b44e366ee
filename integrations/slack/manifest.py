"""The app's manifest: as it lies beside this file, and for this installation.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

FILE = Path(__file__).with_name("manifest.yaml")
HOOK = "/hooks/slack/events"
# Slack's page that makes an app of a manifest in its address.
NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_yaml="


@cache
def read_manifest() -> dict[str, Any]:
    """All of it, as it lies there."""
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def list_scopes() -> list[str]:
    """What the bot's token needs."""
    return list(read_manifest()["oauth_config"]["scopes"]["bot"])


def build_manifest(command: str, public_url: str = "") -> dict[str, Any]:
    """For an installation: with its command, and with `public_url` for signed HTTP in the place of Socket Mode."""
    made: dict[str, Any] = json.loads(json.dumps(read_manifest()))
    for item in made["features"]["slash_commands"]:
        item["command"] = command
    if public_url:
        _call_by_http(made, f"{public_url.rstrip('/')}{HOOK}")
    return made


def _call_by_http(made: dict[str, Any], url: str) -> None:
    settings = made["settings"]
    settings["socket_mode_enabled"] = False
    settings["event_subscriptions"]["request_url"] = url
    settings["interactivity"] |= {"request_url": url, "message_menu_options_url": url}
    for item in made["features"]["slash_commands"]:
        item["url"] = url


def write_yaml(manifest: dict[str, Any]) -> str:
    """As Slack takes it: no comments, in the order of the file."""
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=200)


def make_link(manifest: dict[str, Any]) -> str:
    """The address at which Slack offers to make an app of it."""
    return NEW_APP + quote(write_yaml(manifest), safe="")
