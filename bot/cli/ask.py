"""What an agent asks, shown to the person at the terminal, and what the person types in return. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from core.detail import repeats, write_value
from core.text import one_line, reveal

SHOWN_KEYS = ("command", "folder", "paths", "diff", "text", "title", "about", "input")
HIDDEN_KEYS = ("call", "sha256", "fields", "required")

# Allowed by a rule that is shown before it is added.
ALWAYS = "always"
PERMITTING = {"o": "once", "a": "for this agent", "p": ALWAYS}
PERMISSION_HINT = "[o]nce, for this [a]gent, always in this [p]roject, [d]eny, deny with a [r]eason"


def is_permission(request: Mapping[str, Any]) -> bool:
    return request.get("kind") == "permission"


def describe_request(request: Mapping[str, Any]) -> list[str]:
    """Everything that a person must see before answering, with nothing hidden or cut."""
    detail = request.get("detail") or {}
    verb = "asks for permission" if is_permission(request) else "asks"
    lines = [f"{verb}: {one_line(str(request.get('title', '')))}"]
    known = [key for key in SHOWN_KEYS if detail.get(key) and not repeats(key, detail)]
    others = [key for key in detail if key not in SHOWN_KEYS + HIDDEN_KEYS and detail[key]]
    for key in (*known, *others):
        lines += describe_detail(key, detail[key])
    if request.get("why"):
        lines.append(f"  asked because {one_line(str(request['why']))}")
    if approvals := request.get("approvals"):
        lines.append(f"  {one_line(str(approvals.get('text', '')))}")
    for number, option in enumerate(list_options(request), 1):
        lines.append(f"  {number}. {one_line(str(option.get('name', '')))}")
    if request.get("deadline"):
        lines.append(f"  until {one_line(str(request['deadline']))}")
    return lines


def describe_detail(key: str, value: Any) -> list[str]:
    if key == "diff" and isinstance(value, list):
        return [line for edit in value for line in describe_edit(edit)]
    shown = write_value(value)
    if "\n" not in shown:
        return [f"  {key}: {shown}"]
    return [f"  {key}:", *(f"    {line}" for line in shown.split("\n"))]


def describe_edit(edit: Any) -> list[str]:
    """One file's change as a patch."""
    if not isinstance(edit, Mapping):
        return [f"  {write_value(edit)}"]
    path = reveal(str(edit.get("path", "")))
    old, new = (reveal(str(edit.get(side) or "")).splitlines() for side in ("old", "new"))
    if not old and not new:
        return [f"  {path}"]
    return [f"  {line}" for line in difflib.unified_diff(old, new, path, path, lineterm="")]


def list_options(request: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The options of a question; a permission's are its verdicts."""
    return () if is_permission(request) else request.get("options") or ()


def list_fields(request: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The form of a question that has more than one thing to fill in."""
    fields = (request.get("detail") or {}).get("fields")
    return fields if isinstance(fields, Mapping) and not list_options(request) else {}


def make_hint(request: Mapping[str, Any]) -> str:
    if is_permission(request):
        return PERMISSION_HINT
    return "number or your own words" if list_options(request) else "your answer"


def read_verdict(request: Mapping[str, Any], typed: str) -> dict[str, Any] | None:
    """The answer that was typed; None when it is none. A denial whose reason is still to be asked has
    `text` None."""
    if not is_permission(request):
        return read_words(request, typed)
    word, _, reason = typed.strip().partition(" ")
    reason = reason.strip()
    match word.lower():
        case "o" | "once" | "a" | "agent" | "p" | "project" if not reason:
            return {"verdict": PERMITTING[word[0].lower()]}
        case "d" | "deny":
            return {"verdict": "denied", "text": reason}
        case "r" | "reason":
            return {"verdict": "denied", "text": reason or None}
    return None


def read_words(request: Mapping[str, Any], typed: str) -> dict[str, Any] | None:
    """A question's answer: the number or the name of an option, or free words."""
    words = typed.strip()
    options = list_options(request)
    if words.isascii() and words.isdigit() and options:
        number = int(words)
        return {"verdict": "answered", "choice": options[number - 1]["id"]} if 1 <= number <= len(options) else None
    for option in options:
        if words.casefold() == str(option.get("name", "")).casefold():
            return {"verdict": "answered", "choice": option["id"]}
    return {"verdict": "answered", "text": words} if words else None
