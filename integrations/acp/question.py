"""Questions (ACP's form elicitation): from a form to an Ask, and from an Answer to the form's content. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from acp.schema import (
    AcceptElicitationResponse,
    CancelElicitationResponse,
    DeclineElicitationResponse,
    ElicitationSchema,
)
from pydantic import ValidationError

from core.interfaces import Answer, Ask
from core.model import Option, RequestKind, Verdict
from integrations.acp.excerpt import cut_line, cut_text

Response = AcceptElicitationResponse | DeclineElicitationResponse | CancelElicitationResponse
Form = Mapping[str, Mapping[str, Any]]

TITLE_LIMIT = 300
TEXT_LIMIT = 8 * 1024


def read_form(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of a form, each a piece of JSON schema. Raises ValueError when it is no form."""
    try:
        schema = ElicitationSchema.model_validate(params.get("requestedSchema"))
    except ValidationError:
        raise ValueError("an elicitation needs a requestedSchema of simple properties") from None
    fields = schema.properties or {}
    return {name: field.model_dump(mode="json", by_alias=True, exclude_none=True) for name, field in fields.items()}


def translate_question(params: Mapping[str, Any], form: Form) -> Ask:
    """One field with few values becomes options; anything else a form."""
    message = str(params.get("message") or "The agent asks.")
    options = list_options(form)
    detail: dict[str, Any] = {} if options else {"fields": form, "required": list_required(params, form)}
    if cut_line(message, TITLE_LIMIT) != message.strip():
        detail["text"] = cut_text(message, TEXT_LIMIT)
    if options and (about := next(iter(form.values())).get("description")):
        detail["about"] = cut_text(about, TEXT_LIMIT)
    if isinstance(call := params.get("toolCallId"), str):
        detail["call"] = call
    return Ask(RequestKind.QUESTION, cut_line(message, TITLE_LIMIT), "question", detail, options)


def list_required(params: Mapping[str, Any], form: Form) -> list[str]:
    required = params["requestedSchema"].get("required")
    return [name for name in form if name in required] if isinstance(required, list) else []


def list_options(form: Form) -> list[Option]:
    if len(form) != 1:
        return []
    (field,) = form.values()
    if field.get("type") == "boolean":
        return [Option("true", "Yes"), Option("false", "No")]
    return [Option(value, cut_line(name, TITLE_LIMIT)) for value, name in list_values(field)]


def list_values(field: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The values of a field of which one is chosen, with their names."""
    if field.get("type") != "string":
        return []
    titled = [(item["const"], item.get("title") or item["const"]) for item in field.get("oneOf", ())]
    return titled or [(value, value) for value in field.get("enum", ())]


# ------------------------------------------------------------------------------------------------------------ answers


def answer_question(answer: Answer, params: Mapping[str, Any], form: Form) -> Response:
    """Accept with content, decline, or cancel. An answer that leaves a required field empty declines and says so."""
    if answer.verdict in (Verdict.NO_ANSWER, Verdict.CANCELLED):
        return CancelElicitationResponse(action="cancel", field_meta={"callboard": {"outcome": answer.verdict.value}})
    if answer.verdict is Verdict.DENIED:
        return decline_question(answer.text)
    content = fill_form(answer, params, form)
    missing = [name for name in list_required(params, form) if name not in content]
    if missing:
        return decline_question(answer.text or f"The answer leaves out {', '.join(missing)}.")
    return AcceptElicitationResponse(action="accept", content=content)


def decline_question(reason: str) -> DeclineElicitationResponse:
    meta = {"callboard": {"reason": reason}} if reason else None
    return DeclineElicitationResponse(action="decline", field_meta=meta)


def fill_form(answer: Answer, params: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Defaults, then the fields of the answer, then its choice or its words in the field that they fit."""
    content = {name: field["default"] for name, field in form.items() if "default" in field}
    given: dict[str, Any] = {name: value for name, value in answer.fields.items() if name in form}
    words = answer.choice or answer.text
    if words and (name := find_field(params, form, given)):
        given[name] = words
    fitted = {name: fit_value(value, form[name]) for name, value in given.items()}
    return content | {name: value for name, value in fitted.items() if value is not None}


def find_field(params: Mapping[str, Any], form: Form, given: Mapping[str, Any]) -> str | None:
    """Where words belong: the only field, else the first free text that was not given, a required one first."""
    left = {name: field for name, field in form.items() if name not in given}
    if len(form) == 1:
        return next(iter(left), None)
    free = [name for name, field in left.items() if field.get("type") == "string" and not list_values(field)]
    required = list_required(params, form)
    return next((name for name in free if name in required), next(iter(free), None))


def fit_value(value: Any, field: Mapping[str, Any]) -> Any:
    """The value as the field's type wants it; None when it cannot be."""
    kind = field.get("type")
    if kind == "boolean":
        return fit_boolean(value)
    if kind in ("number", "integer"):
        return fit_number(value, whole=kind == "integer")
    if kind == "array":
        return [str(item) for item in value] if isinstance(value, (list, tuple)) else re.split(r"\s*,\s*", str(value))
    if kind == "string":
        return fit_string(str(value), field)
    return value


def fit_boolean(value: Any) -> bool | None:
    said = str(value).strip().lower()
    return {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}.get(said)


def fit_number(value: Any, *, whole: bool) -> float | None:
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,15})?", str(value).strip()):
        return None
    number = float(str(value))
    return int(number) if number.is_integer() else None if whole else number


def fit_string(value: str, field: Mapping[str, Any]) -> str:
    """A name of a value means the value. Other words are handed on: the agent knows what to do with them."""
    said = value.strip().lower()
    return next((known for known, name in list_values(field) if said in (known.lower(), name.lower())), value)
