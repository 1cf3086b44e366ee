"""The sections of integrations: each is read by the settings class of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from core.settings.problem import KeyPath, Report, suggest
from core.settings.translation import translate_errors
from core.settings.value import Surroundings, Variable, find_reference, resolve_reference

Classes = Mapping[str, type[BaseModel]]


def read_integrations(sections: object, classes: Classes, around: Surroundings, report: Report) -> dict[str, BaseModel]:
    """Every integration that is on: one with a section that is not `false`, or with a variable that turns it on."""
    if not isinstance(sections, Mapping):
        report.tell(("integrations",), "must hold keys of its own.", "Write one section for each integration.")
        return {}
    for name in sections:
        if name not in classes:
            remedy = suggest(name, classes) or "None is installed."
            report.tell(("integrations", name), "there is no such integration.", remedy)
    enabled: dict[str, BaseModel] = {}
    for name, section in classes.items():
        if is_enabled(section, name, sections, around):
            read = read_integration(name, section, sections.get(name), around, report)
            enabled |= {} if read is None else {name: read}
    return enabled


def is_enabled(section: type[BaseModel], name: str, sections: Mapping[str, Any], around: Surroundings) -> bool:
    """Whether an integration is on."""
    if name in sections:
        return sections[name] not in (False, "false")
    variables = list_variables(section).values()
    return any(variable.enables and around.environment.get(variable.name) for variable in variables)


def list_variables(section: type[BaseModel]) -> Mapping[str, Variable]:
    """The variables that fields are read from, by the field's name."""
    marked = {name: _find_mark(field.metadata) for name, field in section.model_fields.items()}
    return {name: mark for name, mark in marked.items() if mark is not None}


def _find_mark(metadata: list[Any]) -> Variable | None:
    return next((mark for mark in metadata if isinstance(mark, Variable)), None)


def read_integration(
    name: str, section: type[BaseModel], written: object, around: Surroundings, report: Report
) -> BaseModel | None:
    """One section; None when something is wrong with it. Variables win over what is written."""
    path = ("integrations", name)
    if written in (None, True, "true"):
        written = {}
    if not isinstance(written, Mapping):
        remedy = f"Write its keys below it, or `{name}: false` to turn it off."
        report.tell(path, "must hold keys of its own.", remedy)
        return None
    values = {key: _resolve_value(value, (*path, key), around, report) for key, value in written.items()}
    _refuse_unknown(section, values, path, report)
    for key, variable in list_variables(section).items():
        values |= {key: value} if (value := around.environment.get(variable.name)) else {}
    return _validate(section, values, path, around, report)


def _resolve_value(value: Any, path: KeyPath, around: Surroundings, report: Report) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolve_value(item, (*path, key), around, report) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve_value(item, (*path, str(index)), around, report) for index, item in enumerate(value)]
    try:
        return resolve_reference(value, around.environment)
    except PydanticCustomError as error:
        context = error.context or {}
        report.tell(path, context["message"], context["remedy"])
        return value


def _refuse_unknown(section: type[BaseModel], values: Mapping[str, Any], path: KeyPath, report: Report) -> None:
    if section.model_config.get("extra") == "forbid":
        return
    known = {name for key, field in section.model_fields.items() for name in (key, field.alias)}
    for key in sorted(set(values) - known):
        report.tell((*path, key), "there is no such key.", suggest(key, section.model_fields))


def _validate(
    section: type[BaseModel], values: Mapping[str, Any], path: KeyPath, around: Surroundings, report: Report
) -> BaseModel | None:
    try:
        return section.model_validate(values, context=around)
    except ValidationError as error:
        report.problems.extend(translate_errors(error, section, report.origin, path))
        return None


def refuse_written(enabled: Mapping[str, BaseModel], written: object, report: Report) -> None:
    """A problem for each secret that stands in the file itself and not as `$NAME`."""
    for path in find_secret_paths(enabled):
        text = _follow_path(written, path)
        if isinstance(text, str) and text and not find_reference(text):
            remedy = "Set it in the environment or in .env, and write $NAME here or remove the line."
            report.tell(("integrations", *path), "a secret does not belong into this file.", remedy)


def find_secret_paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where SecretStr values are inside models, mappings and lists."""
    if isinstance(value, SecretStr):
        yield path
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, list | tuple):
        value = {str(index): item for index, item in enumerate(value)}
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from find_secret_paths(item, (*path, str(key)))


def _follow_path(value: object, path: KeyPath) -> object:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def find_typed_secrets(classes: Classes, sections: object, around: Surroundings) -> frozenset[str]:
    """The values meant for secret fields, whether the section is valid or not."""
    found: set[object] = set()
    for name, section in classes.items():
        for key in (key for key, field in section.model_fields.items() if "Secret" in str(field.annotation)):
            variable = list_variables(section).get(key)
            found |= {_find_text(sections, (name, key)), around.environment.get(variable.name) if variable else None}
    return frozenset(value for value in found if isinstance(value, str))


def _find_text(sections: object, path: KeyPath) -> str | None:
    value = _follow_path(sections, path)
    return value if isinstance(value, str) and not find_reference(value) else None
