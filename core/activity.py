"""One line that says what an agent just did, from a line of its transcript. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_LENGTH = 120


def describe_update(kind: str, data: Mapping[str, Any]) -> str:
    """A short line for people; "" when the update is not worth one."""
    describe = _DESCRIPTIONS.get(kind)
    return _shorten(describe(data)) if describe else ""


class Titles:
    """What tool calls are called. An agent says it when a call begins, and only the call's id when it is over."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def knows(self, call: str) -> bool:
        """Whether a call was named and is not over."""
        return call in self._known

    def fill(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A line of a tool, with the title that was given before where a call is over."""
        call, title = data.get("call"), data.get("title")
        if not isinstance(call, str):
            return data
        if data.get("status") in ("completed", "failed"):
            known = self._known.pop(call, "")
            return data if title or not known else {**data, "title": known}
        if isinstance(title, str) and title:
            self._known[call] = title
        return data


def _describe_tool(data: Mapping[str, Any]) -> str:
    what = str(data.get("title") or data.get("command") or data.get("kind") or "a tool")
    status = data.get("status")
    if status in ("completed", "failed"):
        return f"ran {what}" if status == "completed" else f"failed: {what}"
    return f"running {what}" if status in ("in_progress", "pending", None) and "title" in data else ""


def _describe_plan(data: Mapping[str, Any]) -> str:
    entries = list_entries(data)
    done = sum(1 for entry in entries if entry.get("status") == "completed")
    current = next((entry.get("content", "") for entry in entries if entry.get("status") == "in_progress"), "")
    return f"plan {done}/{len(entries)} {current}".strip() if entries else ""


def list_entries(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of a plan, as far as they are any."""
    entries = data.get("entries")
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list | tuple) else []


def _describe_words(data: Mapping[str, Any]) -> str:
    return str(data.get("text", ""))


_DESCRIPTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "message": _describe_words,
    "thought": lambda _data: "thinking",
    "tool": _describe_tool,
    "plan": _describe_plan,
    "report": _describe_words,
    "note": _describe_words,
}


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…"
