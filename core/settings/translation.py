"""Says pydantic's errors in people's words. Values are never repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from core.settings.problem import FAULT, KeyPath, Origin, Problem, suggest
from core.settings.value import Variable

NUMBER = ("must be a whole number.", "Write digits only.")
DECIMAL = ("must be a number.", "Write it as 60 or 0.5.")
SWITCH = ("must be true or false.", "Write true or false, without quotes.")
TEXT = ("must be text.", "Put the value in quotes.")
LIST = ("must be a list.", "Write it as [a, b], or one `- item` a line.")
SECTION = ("must hold keys of its own.", "Write its keys below it, indented.")
SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("this key is missing.", "Add it."),
    "string_type": TEXT,
    "int_type": NUMBER,
    "int_parsing": NUMBER,
    "int_parsing_size": NUMBER,
    "int_from_float": NUMBER,
    "float_type": DECIMAL,
    "float_parsing": DECIMAL,
    "finite_number": DECIMAL,
    "bool_type": SWITCH,
    "bool_parsing": SWITCH,
    "path_type": ("must be a path.", "Write a path such as ~/src/web, in quotes when it is a number."),
    "list_type": LIST,
    "tuple_type": LIST,
    "dict_type": SECTION,
    "mapping_type": SECTION,
    "model_type": SECTION,
    "model_attributes_type": SECTION,
    "greater_than": ("must be more than {gt}.", "Write a larger number."),
    "greater_than_equal": ("must be at least {ge}.", "Write a larger number."),
    "less_than": ("must be less than {lt}.", "Write a smaller number."),
    "less_than_equal": ("must be at most {le}.", "Write a smaller number."),
    "literal_error": ("must be one of {expected}.", "Write one of these words."),
    "enum": ("must be one of {expected}.", "Write one of these words."),
    "string_too_long": ("must be at most {max_length} characters.", "Shorten it."),
    "string_too_short": ("must be at least {min_length} characters.", "Lengthen it."),
    "too_short": ("must have at least {min_length} entries.", "Add one."),
    "too_long": ("must have at most {max_length} entries.", "Remove some."),
    "string_pattern_mismatch": ("has not the form that is needed ({pattern}).", "Change it."),
}


def translate_errors(
    error: ValidationError, section: type[BaseModel], origin: Origin, above: KeyPath = ()
) -> list[Problem]:
    """One problem for each error. `above` is the path of the section that was validated."""
    return [_translate_error(item, section, origin, above) for item in error.errors(include_url=False)]


def _translate_error(item: Mapping[str, Any], section: type[BaseModel], origin: Origin, above: KeyPath) -> Problem:
    context: Mapping[str, Any] = item.get("ctx", {})
    steps = tuple(str(step) for step in item["loc"] if step != "[key]")
    path = (*above, *steps)
    if item["type"] == FAULT:
        return Problem(origin.locate((*path, *context["keys"])), context["message"], context["remedy"])
    if item["type"] == "extra_forbidden":
        return Problem(origin.locate(path), "there is no such key.", suggest(steps[-1], list_keys(section, steps[:-1])))
    if item["type"] == "missing" and (variable := find_variable(section, steps)):
        message = f"the section is half-configured: {variable} is not set."
        return Problem(origin.locate(path), message, f"Set {variable} in the environment or in .env.")
    if item["type"] != "missing" and item["input"] is None:
        return Problem(origin.locate(path), "this key has no value.", "Give it one, or remove the line.")
    message, remedy = SENTENCES.get(item["type"], ("", ""))
    if message:
        plain = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
        return Problem(origin.locate(path), message.format_map(plain), remedy)
    return Problem(origin.locate(path), _mask_input(item["msg"], item["input"]), "Change the value.")


def find_variable(section: type[BaseModel], steps: Sequence[str]) -> str:
    """The environment variable that a field of the section is read from, "" when it is not."""
    marks = section.model_fields[steps[0]].metadata if len(steps) == 1 and steps[0] in section.model_fields else []
    return next((mark.name for mark in marks if isinstance(mark, Variable)), "")


def _mask_input(message: str, value: object) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text.replace(str(value), "the value") if len(str(value)) > 3 else text


def list_keys(section: type[BaseModel], steps: Sequence[str]) -> Iterable[str]:
    """The keys of the section that `steps` lead to."""
    annotation: Any = section
    for step in steps:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(step)
            annotation = field.annotation if field else None
        else:
            annotation = (getattr(annotation, "__args__", None) or (None,))[-1]
    return list(annotation.model_fields) if hasattr(annotation, "model_fields") else []
