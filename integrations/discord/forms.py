"""The modals: a form for a new agent, one for words, and those that agents hand out. Pure.

https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-modal
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.messages import Button, FormField
from core.text import one_line
from integrations.discord.layout import cut_words, shorten
from integrations.discord.text import say

SPAWN, WORDS = "spawn", "words"
TEXT, PROJECT, KIND = "text", "project", "kind"
LONGEST = 3_000
# Fields of a form, one of which says what is asked.
MOST_FIELDS, _MOST_OPTIONS = 4, 25
REST = "rest"
YES_NO = (("yes", "Yes"), ("no", "No"))
Form = dict[str, Any]


def draw_spawn(task: str = "", project: str = "", kind: str = "") -> Form:
    """A form for a new agent."""
    rows = [
        _input(TEXT, "What is it to do?", cut_words(task, LONGEST), is_long=True, required=True),
        _input(PROJECT, "Project", project, hint="The default of this channel"),
        _input(KIND, "Kind of agent", kind, hint="The default of the project"),
    ]
    return {"custom_id": SPAWN, "title": "Start an agent", "components": rows}


def draw_button(action: str, button: Button) -> Form:
    """A form for what a button asks for: words, or the fields that it names."""
    asked = {"type": 10, "content": said if (said := say(button.prompt, 1_500)).strip() else "…"}
    if not button.fields:
        rows = [asked, _input(TEXT, "In your words", "", is_long=True, required=True)]
        return {"custom_id": f"{WORDS}:{action}", "title": "In your words", "components": rows}
    first, others = _split(button.fields)
    rows = [asked, *(_draw_field(number, field) for number, field in enumerate(first))]
    if others:
        lines = "\n".join(f"{one_line(field.title)}: {one_line(field.default)}" for field in others)
        rows.append(_input(REST, "The others, one on a line", cut_words(lines, LONGEST), is_long=True))
    return {"custom_id": f"{WORDS}:{action}", "title": "Answer", "components": rows}


def _split(fields: Sequence[FormField]) -> tuple[Sequence[FormField], Sequence[FormField]]:
    """Those with a place of their own, and those that share one."""
    if len(fields) <= MOST_FIELDS:
        return fields, ()
    return fields[: MOST_FIELDS - 1], fields[MOST_FIELDS - 1 :]


def read_given(data: Mapping[str, Any], fields: Sequence[FormField]) -> dict[str, list[str]]:
    """What somebody filled in, by the names of the fields. Choices are known by their number."""
    first, others = _split(fields)
    said = {str(item["custom_id"]): item for item in _list_inputs(data)}
    given = {field.name: _read_input(said.get(f"field:{at}") or {}, field) for at, field in enumerate(first)}
    lines = str((said.get(REST) or {}).get("value") or "").splitlines()
    typed = {title.strip().casefold(): value.strip() for title, _, value in (line.partition(":") for line in lines)}
    for field in others:
        values = typed.get(one_line(field.title).casefold(), "")
        given[field.name] = [part.strip() for part in values.split(",")] if field.way == "tick" else [values]
    return given


def _read_input(item: Mapping[str, Any], field: FormField) -> list[str]:
    if "values" not in item:
        return [str(item["value"])] if item.get("value") else []
    offered = list_offered(field)
    # Whatever is sent is judged again where it is read.
    return [
        offered[int(value)][0] if value.isdecimal() and int(value) < len(offered) else value
        for value in map(str, item["values"])
    ]


def list_offered(field: FormField) -> Sequence[tuple[str, str]]:
    """Values and names of a field that is chosen."""
    return YES_NO if field.way == "yes" else field.choices


def read_values(data: Mapping[str, Any]) -> dict[str, str]:
    """What somebody filled in, by field."""
    return {str(item["custom_id"]): str(item.get("value") or "") for item in _list_inputs(data)}


def _list_inputs(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for row in data.get("components") or ():
        for item in (*(row.get("components") or ()), row.get("component")):
            if item and item.get("custom_id"):
                yield item


def _draw_field(number: int, field: FormField) -> Form:
    offered = list_offered(field)
    name, label, about = f"field:{number}", shorten(field.title, 45) or "…", shorten(field.about, 100)
    if not offered or len(offered) > _MOST_OPTIONS:
        made = _input(name, label, cut_words(field.default, 100), required=field.required, hint=_say_bounds(field))
    else:
        select = {
            "type": 3,
            "custom_id": name,
            "options": [_draw_option(at, field, value, title) for at, (value, title) in enumerate(offered)],
            "required": field.required,
            "min_values": 1 if field.required else 0,
            "max_values": len(offered) if field.way == "tick" else 1,
        }
        made = {"type": 18, "label": label, "component": select}
    return made | ({"description": about} if about else {})


def _draw_option(number: int, field: FormField, value: str, title: str) -> Form:
    made: Form = {"label": shorten(title, 100) or "…", "value": str(number)}
    return made | ({"default": True} if value == field.default else {})


def _say_bounds(field: FormField) -> str:
    bounds = " to ".join(bound for bound in (field.least, field.most) if bound)
    return f"a number {bounds}".strip() if field.way == "number" else ""


def _input(name: str, label: str, value: str, *, hint: str = "", is_long: bool = False, required: bool = False) -> Form:
    element: Form = {
        "type": 4,
        "custom_id": name,
        "style": 2 if is_long else 1,
        "required": required,
        "max_length": LONGEST if is_long else 100,
    }
    if value:
        element["value"] = value
    if hint:
        element["placeholder"] = hint
    return {"type": 18, "label": label, "component": element}
