"""Transcripts and logs as text for people."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.activity import Titles, list_entries
from core.events import Update

_LONGEST_LINE = 2_000


def write_lines(updates: Iterable[Update]) -> str:
    """Updates as text, in their order; what ends is called as it was when it began."""
    titles = Titles()
    named = (replace(one, data=titles.fill(one.data)) if one.kind == "tool" else one for one in updates)
    return "\n".join(line for update in named if (line := write_line(update)))


def write_line(update: Update) -> str:
    """One update as text, with its time; "" for kinds that nobody reads."""
    write = _WRITERS.get(update.kind)
    text = write(update.data) if write else ""
    if not text.strip():
        return ""
    return f"{update.at:%H:%M:%S} {update.kind:<8}{_indent(_cut(text.rstrip()))}"


def _write_tool(data: Mapping[str, Any]) -> str:
    command = data.get("command")
    shown = " ".join(map(str, command)) if isinstance(command, list) else command
    head = " ".join(str(part) for part in (data.get("title") or data.get("call", ""), data.get("status")) if part)
    body = [str(shown)] if shown and str(shown) not in head else []
    if data.get("output"):
        body.append(str(data["output"]))
    return "\n".join([head, *body])


def _write_plan(data: Mapping[str, Any]) -> str:
    marks = {"completed": "[x]", "in_progress": "[>]"}
    return "\n".join(
        f"{marks.get(str(entry.get('status')), '[ ]')} {entry.get('content', '')}" for entry in list_entries(data)
    )


def _write_usage(data: Mapping[str, Any]) -> str:
    parts = [f"{name} {data[name]}" for name in ("cost", "tokens") if data.get(name) is not None]
    return ", ".join(parts)


def _write_text(data: Mapping[str, Any]) -> str:
    return str(data.get("text", ""))


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "message": _write_text,
    "thought": _write_text,
    "note": _write_text,
    "report": _write_text,
    "tool": _write_tool,
    "plan": _write_plan,
    "usage": _write_usage,
}


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_LINE:
        return text
    return f"{text[:_LONGEST_LINE]} … ({len(text) - _LONGEST_LINE:,} characters more)"


def _indent(text: str) -> str:
    return text.replace("\n", "\n" + " " * 17)


def read_tail(path: Path, lines: int, limit: int = 1_000_000) -> str:
    """The last lines of a file, of at most its last `limit` bytes; "" when there is none. What an agent may have put in
    its place, a link to something else or a pipe that nobody fills, is not read."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            text = file.read().decode("utf-8", "replace")
    except (FileNotFoundError, io.UnsupportedOperation):
        return ""
    except OSError as error:
        return f"[{path.name} cannot be read: {error.strerror}]"
    return "\n".join(text.splitlines()[-lines:]) if lines else ""
