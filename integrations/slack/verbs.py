"""`callboard slack manifest`."""

from __future__ import annotations

import json

from core.interfaces import Errand
from integrations.slack.draft import find_url, read_draft
from integrations.slack.manifest import build_manifest, write_yaml


def print_manifest(errand: Errand) -> int:
    """The app's manifest as this installation needs it. Raises BadInput."""
    made = build_manifest(read_draft(errand).command, find_url(errand))
    text = json.dumps(made, indent=2, ensure_ascii=False) if errand.options.get("json") else write_yaml(made)
    errand.terminal.say(text.rstrip("\n"))
    return 0
