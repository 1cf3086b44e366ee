"""The modals: a form for a new agent, and one for words. Pure.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from integrations.slack.text import cut

SPAWN, WORDS, SEND = "spawn", "words", "send"
PROJECT, KIND, AGENT, TEXT = "project", "kind", "agent", "text"
_LONGEST = 3_000
View = dict[str, Any]


def draw_spawn(place: str, task: str = "") -> View:
    """A form for a new agent; `place` is where it is to be, `task` what it says already."""
    blocks = [
        _pick(PROJECT, "Project", "The default of this channel"),
        _pick(KIND, "Kind of agent", "The default of the project"),
        _words("What is it to do?", task),
    ]
    return _modal(SPAWN, "Start an agent", "Start", blocks, {"place": place})


def draw_send(place: str, text: str) -> View:
    """A form that gives words to an agent."""
    blocks = [_pick(AGENT, "Agent", "Choose one", is_optional=False), _words("What is it told?", text)]
    return _modal(SEND, "Send to an agent", "Send", blocks, {"place": place})


def draw_words(place: str, action: str) -> View:
    """A form for the words that a button asks for."""
    return _modal(
        WORDS, "In your words", "Send", [_words("The agent hears it", "")], {"place": place, "action": action}
    )


def read_values(view: Mapping[str, Any]) -> dict[str, str]:
    """What somebody filled in."""
    found: dict[str, str] = {}
    for block, elements in ((view.get("state") or {}).get("values") or {}).items():
        for element in elements.values():
            chosen = (element.get("selected_option") or {}).get("value")
            found[block] = str(chosen or element.get("value") or "")
    return found


def read_note(view: Mapping[str, Any]) -> dict[str, str]:
    """What a form was made with; nothing of it is believed beyond where it was opened."""
    try:
        note = json.loads(str(view.get("private_metadata") or "{}"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in note.items()} if isinstance(note, dict) else {}


def _modal(kind: str, title: str, submit: str, blocks: list[View], note: Mapping[str, str]) -> View:
    return {
        "type": "modal",
        "callback_id": kind,
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": submit},
        "close": {"type": "plain_text", "text": "Cancel"},
        "private_metadata": json.dumps(dict(note)),
        "blocks": blocks,
    }


def _pick(name: str, label: str, hint: str, *, is_optional: bool = True) -> View:
    element = {
        "type": "external_select",
        "action_id": f"pick:{name}",
        "min_query_length": 0,
        "placeholder": {"type": "plain_text", "text": hint},
    }
    return {
        "type": "input",
        "block_id": name,
        "optional": is_optional,
        "label": {"type": "plain_text", "text": label},
        "element": element,
    }


def _words(label: str, text: str) -> View:
    element: View = {"type": "plain_text_input", "action_id": "words", "multiline": True, "max_length": _LONGEST}
    if text:
        element["initial_value"] = cut(text, _LONGEST)
    return {
        "type": "input",
        "block_id": TEXT,
        "label": {"type": "plain_text", "text": label},
        "element": element,
    }
