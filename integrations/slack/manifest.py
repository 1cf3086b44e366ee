"""The app's manifest, which lies beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("manifest.yaml")


@cache
def read_manifest() -> dict[str, Any]:
    """All of it."""
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def list_scopes() -> list[str]:
    """What the bot's token needs."""
    return list(read_manifest()["oauth_config"]["scopes"]["bot"])
