"""Bounded text: what is cut says how much is missing."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any


def cut_text(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, and then a line that says how many bytes are missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    kept = data[:limit].decode("utf-8", "ignore")
    missing = len(data) - len(kept.encode())
    return f"{kept}\n… {missing:,} bytes more"


def cut_line(text: str, limit: int) -> str:
    """The first line of the text, at most `limit` characters; an ellipsis marks what is missing."""
    first = text.strip().splitlines()[0].strip() if text.strip() else ""
    shortened = first[: limit - 1]
    return first if first == text.strip() and len(first) <= limit else f"{shortened}…"


def dump_json(value: Any) -> str:
    """The same text for the same value, whatever the order of its keys."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    except RecursionError:
        return "[nested too deeply]"


def hash_json(value: Any) -> str:
    """SHA-256 of the value. A value too deep to write down is like no other, and never like itself again."""
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:
        return os.urandom(32).hex()
    return hashlib.sha256(text.encode()).hexdigest()
