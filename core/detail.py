"""What an agent asks for, as text that hides nothing and says nothing twice. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from core.text import reveal

_PLAIN_KEYS = {"command", "cmd", "cwd", "workdir", "folder"}


def repeats(key: str, detail: Mapping[str, Any]) -> bool:
    """Whether a part says, word for word, only what command and folder say already."""
    if key not in ("text", "input"):
        return False
    said = {write_value(detail[name]) for name in ("command", "folder") if detail.get(name)}
    return bool(said) and all(part in said for part in _list_parts(str(detail[key])))


def _list_parts(text: str) -> list[str]:
    """The values of a JSON object, or the lines of a text without the marks of a shell; the text itself if unsure."""
    try:
        given = json.loads(text)
    except ValueError:
        lines = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.strip()]
        return [line[4:-1] if line.startswith("(in ") and line.endswith(")") else line for line in lines]
    if not isinstance(given, dict) or set(given) - _PLAIN_KEYS:
        return [text]
    return [write_value(value) for value in given.values()]


def write_value(value: Any) -> str:
    """One part: words of a command quoted as a shell reads them, what is no text as JSON."""
    if isinstance(value, str):
        return reveal(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return reveal(" ".join(shlex.quote(word) for word in value))
    return reveal(json.dumps(value, ensure_ascii=False, indent=1))
