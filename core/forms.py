"""Forms that agents hand out: fields as they are named, offered and read. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import BadInput
from core.messages import FormField
from core.text import one_line

_NUMBERS = ("integer", "number")
YES, NO = ("yes", "y", "true"), ("no", "n", "false")
Field = Mapping[str, Any]


def title_field(name: str, field: Field) -> str:
    """What a field is called."""
    return one_line(str(field.get("title") or name))


def describe_field(name: str, field: Field, required: bool) -> str:
    """One line of a form, as it is asked."""
    about = f" ({one_line(str(field['description']))})" if field.get("description") else ""
    values = list_values(field)
    choices = f" [{', '.join(one_line(value) for value in values)}]" if values else ""
    kind = {"boolean": " [yes/no]", "integer": " [number]", "number": " [number]"}.get(str(field.get("type")), "")
    return f"{title_field(name, field)}{about}{choices or kind}{'' if required else ', may be left empty'}"


def list_choices(field: Field) -> list[tuple[str, str]]:
    """The values of which one, or some, are chosen, each with its name."""
    items = field.get("items")
    source = items if isinstance(items, Mapping) else field
    titled = [
        (str(item["const"]), str(item.get("title") or item["const"]))
        for key in ("oneOf", "anyOf")
        for item in source.get(key) or ()
        if isinstance(item, Mapping) and "const" in item
    ]
    return titled or [(str(value), str(value)) for value in source.get("enum") or ()]


def list_values(field: Field) -> list[str]:
    """The values of which one, or some, are chosen."""
    return [value for value, _ in list_choices(field)]


def read_field(field: Field, typed: str) -> Any:
    """The value of a field of a form. Raises ValueError when it does not fit."""
    words, kind, values = typed.strip(), field.get("type"), list_values(field)
    if kind == "boolean":
        return fit_choice(words, YES + NO) in YES
    if kind in ("integer", "number"):
        return _fit_number(field, int(words) if kind == "integer" else float(words))
    if kind == "array":
        return [fit_choice(part.strip(), values) for part in words.split(",") if part.strip()]
    return fit_choice(words, values)


def read_chosen(field: Field, chosen: Sequence[str]) -> Any:
    """The same, of values that were ticked or typed one by one. Raises ValueError."""
    if field.get("type") == "array" and (values := list_values(field)):
        return [fit_choice(one, values) for one in chosen]
    return read_field(field, chosen[0] if chosen else "")


def _fit_number(field: Field, number: float) -> float:
    least, most = (field.get(key) for key in ("minimum", "maximum"))
    if not math.isfinite(number):
        raise ValueError(number)
    if (isinstance(least, int | float) and number < least) or (isinstance(most, int | float) and number > most):
        raise ValueError(number)
    return number


def fit_choice(words: str, values: Sequence[str]) -> str:
    """The value that words, or a number from 1, stand for. Raises ValueError."""
    if not values or words in values:
        return words
    if words.isascii() and words.isdigit() and 1 <= int(words) <= len(values):
        return values[int(words) - 1]
    found = next((value for value in values if value.casefold() == words.casefold()), None)
    if found is None:
        raise ValueError(words)
    return found


def list_fields(detail: Mapping[str, Any]) -> list[FormField]:
    """The form within what a question shows; no fields where there is none."""
    fields, required = detail.get("fields"), detail.get("required") or ()
    if not isinstance(fields, Mapping):
        return []
    return [_make_field(name, field, name in required) for name, field in fields.items() if isinstance(field, Mapping)]


def _make_field(name: str, field: Field, required: bool) -> FormField:
    kind, choices = field.get("type"), list_choices(field)
    way = "number" if kind in _NUMBERS else "choose" if choices else "text"
    way = {"boolean": "yes", "array": "tick" if choices else "text"}.get(str(kind), way)
    default = field.get("default")
    return FormField(
        name=name,
        title=title_field(name, field),
        about=str(field.get("description") or ("several, separated by commas" if kind == "array" else "")),
        way=way,
        required=required,
        choices=tuple(choices),
        default=("yes" if default else "no") if isinstance(default, bool) else "" if default is None else str(default),
        least=_write_bound(field.get("minimum")),
        most=_write_bound(field.get("maximum")),
        step="1" if kind == "integer" else "any",
        source=field,
    )


def _write_bound(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def fill_fields(fields: Sequence[FormField], given: Mapping[str, Sequence[str]]) -> str:
    """A form as the words of an answer; `given` are the values of each field. Raises BadInput."""
    filled: dict[str, Any] = {}
    for field in fields:
        values = [value for value in given.get(field.name, ()) if value.strip()]
        if not values and field.required:
            raise BadInput(f"“{field.title}” is not filled in.", remedy="The agent needs it.")
        if values:
            filled[field.name] = _read_values(field, values)
    return json.dumps(filled)


def _read_values(field: FormField, values: Sequence[str]) -> Any:
    try:
        return read_chosen(field.source, values)
    except (ValueError, OverflowError):
        between = " to ".join(bound for bound in (field.least, field.most) if bound)
        remedy = f"It takes {'a whole number' if field.step == '1' else 'a number'}{between and f' ({between})'}."
        choices = f"It takes one of {', '.join(name for _, name in field.choices)[:300]}."
        raise BadInput(f"“{field.title}” does not fit.", remedy=remedy if field.way == "number" else choices) from None
