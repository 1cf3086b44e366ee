"""The modals: a form for a new agent, one for words, and those that agents hand out. Pure.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.messages import Button, FormField
from integrations.slack.buttons import MOST_OPTIONS, draw_option, plain_text
from integrations.slack.text import cut, say

SPAWN, WORDS, SEND = "spawn", "words", "send"
PROJECT, KIND, AGENT, TEXT = "project", "kind", "agent", "text"
_LONGEST = 3_000
MOST_FIELDS = 98
YES_NO = (("yes", "Yes"), ("no", "No"))
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


def draw_button(place: str, action: str, button: Button) -> View:
    """A form for what a button asks for: words, or the fields that it names."""
    note = {"place": place, "action": action}
    if not button.fields:
        return _modal(WORDS, "In your words", "Send", [_words(button.prompt, "")], note)
    asked: View = {"type": "section", "text": {"type": "mrkdwn", "text": say(button.prompt, 2_900) or "…"}}
    fields = [_field(number, field) for number, field in enumerate(button.fields[:MOST_FIELDS])]
    return _modal(WORDS, "Answer", "Send", [asked, *fields], note)


def read_given(view: Mapping[str, Any], fields: Sequence[FormField]) -> dict[str, list[str]]:
    """What somebody filled in, by the names of the fields. Choices are known by their number."""
    said = ((view.get("state") or {}).get("values")) or {}
    given: dict[str, list[str]] = {}
    for number, field in enumerate(fields[:MOST_FIELDS]):
        for element in (said.get(name_block(number)) or {}).values():
            given[field.name] = list(_read_element(element, field))
    return given


def _read_element(element: Mapping[str, Any], field: FormField) -> Iterator[str]:
    if typed := element.get("value"):
        yield str(typed)
    chosen = [element.get("selected_option"), *(element.get("selected_options") or ())]
    for value in (str(option.get("value")) for option in chosen if option):
        choices = list_offered(field)
        # Whatever is sent is judged again where it is read.
        yield choices[int(value)][0] if value.isdecimal() and int(value) < len(choices) else value


def list_offered(field: FormField) -> Sequence[tuple[str, str]]:
    """Values and names of a field that is chosen."""
    return YES_NO if field.way == "yes" else field.choices


def find_block(view: Mapping[str, Any]) -> str:
    """Where a form shows what is wrong with it."""
    blocks = [str(block.get("block_id")) for block in view.get("blocks") or () if block.get("type") == "input"]
    return TEXT if TEXT in blocks or not blocks else blocks[0]


def name_block(number: int) -> str:
    return f"field:{number}"


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


def _field(number: int, field: FormField) -> View:
    block: View = {
        "type": "input",
        "block_id": name_block(number),
        "optional": not field.required,
        "label": plain_text(field.title, 2_000),
        "element": _draw_element(number, field),
    }
    if field.about:
        block["hint"] = plain_text(field.about, 2_000)
    return block


def _draw_element(number: int, field: FormField) -> View:
    action = {"action_id": f"field:{number}"}
    if field.way == "number":
        bounds = {key: value for key, value in (("min_value", field.least), ("max_value", field.most)) if value}
        default = {"initial_value": field.default} if field.default else {}
        return {"type": "number_input", "is_decimal_allowed": field.step != "1", **action, **bounds, **default}
    offered = list_offered(field)
    if not offered or len(offered) > MOST_OPTIONS:
        default = {"initial_value": cut(field.default, _LONGEST)} if field.default else {}
        return {"type": "plain_text_input", "max_length": _LONGEST, **action, **default}
    options = [draw_option(name, str(at)) for at, (_, name) in enumerate(offered)]
    kind = "multi_static_select" if field.way == "tick" else "static_select"
    values = [value for value, _ in offered]
    chosen = {"initial_option": options[values.index(field.default)]} if field.default in values else {}
    return {"type": kind, "options": options, **action, **(chosen if field.way != "tick" else {})}


def _words(label: str, text: str) -> View:
    element: View = {"type": "plain_text_input", "action_id": "words", "multiline": True, "max_length": _LONGEST}
    if text:
        element["initial_value"] = cut(text, _LONGEST)
    return {
        "type": "input",
        "block_id": TEXT,
        "label": plain_text(label, 2_000),
        "element": element,
    }
