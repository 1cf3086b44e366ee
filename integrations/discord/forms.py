"""The modals: a form for a new agent, and one for words. Pure.

https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-modal
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from integrations.discord.layout import cut_words, shorten

SPAWN, WORDS = "spawn", "words"
TEXT, PROJECT, KIND = "text", "project", "kind"
LONGEST = 3_000
Form = dict[str, Any]


def draw_spawn(task: str = "", project: str = "", kind: str = "") -> Form:
    """A form for a new agent."""
    rows = [
        _input(TEXT, "What is it to do?", cut_words(task, LONGEST), is_long=True),
        _input(PROJECT, "Project", project, hint="The default of this channel"),
        _input(KIND, "Kind of agent", kind, hint="The default of the project"),
    ]
    return {"custom_id": SPAWN, "title": "Start an agent", "components": rows}


def draw_words(action: str, question: str) -> Form:
    """A form for the words that a button asks for."""
    rows = [_input(TEXT, shorten(question, 45) or "In your words", "", is_long=True)]
    return {"custom_id": f"{WORDS}:{action}", "title": "In your words", "components": rows}


def read_values(data: Mapping[str, Any]) -> dict[str, str]:
    """What somebody filled in, by field."""
    return {str(item["custom_id"]): str(item.get("value") or "") for item in _list_inputs(data)}


def _list_inputs(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for row in data.get("components") or ():
        for item in (*(row.get("components") or ()), row.get("component")):
            if item and item.get("custom_id"):
                yield item


def _input(name: str, label: str, value: str, *, hint: str = "", is_long: bool = False) -> Form:
    element: Form = {
        "type": 4,
        "custom_id": name,
        "style": 2 if is_long else 1,
        "required": is_long,
        "max_length": LONGEST if is_long else 100,
    }
    if value:
        element["value"] = value
    if hint:
        element["placeholder"] = hint
    return {"type": 18, "label": label, "component": element}
