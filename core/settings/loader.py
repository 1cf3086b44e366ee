"""Reads the configuration: variables before .env before callboard.yaml before defaults, and every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from core.home import find_home
from core.settings.document import Document, parse_document, read_document
from core.settings.environment import Found, find_passwords, find_secrets, merge_data, read_dotenv, read_variables
from core.settings.integration import Classes, find_typed_secrets, read_integrations, refuse_written
from core.settings.model import Settings, Source, list_sections
from core.settings.place import FILE, find_file, find_person_home, show_file
from core.settings.problem import BadSettings, KeyPath, Origin, Problem, Report, mask_problems
from core.settings.translation import translate_errors
from core.settings.value import Surroundings, collect_secrets, resolve_reference

SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is read in the place of what is in a file, to see whether it would hold."""

    file: Path
    text: str


def load_settings(
    config: Path | None,
    environ: Mapping[str, str],
    cwd: Path,
    integrations: Mapping[str, type[BaseModel]] | None = None,
    draft: Draft | None = None,
) -> Settings:
    """Read everything. `integrations` are the settings classes of all that are installed, by name.

    Raises BadSettings (a ConfigurationError) with every problem found; no secret appears in it.
    """
    person = find_person_home(environ)
    file = draft.file if draft else find_file(config, environ, cwd)
    label = show_file(file, cwd) if file else ""
    document = _read_file(file, label, draft)
    gathered = _gather_sources(document, environ, find_dotenvs(file, cwd), label)
    around = Surroundings(file.parent if file else cwd, person, gathered.environment)
    settings, secrets = _validate_data(gathered, around, integrations or {})
    settings.attach_source(Source(find_home(environ), file, gathered.report.origin, gathered.environment, secrets))
    return settings


@dataclass(frozen=True, slots=True)
class Written:
    """What is written for one integration, whether it would hold or not. `dotenv` is where its secrets belong."""

    file: Path
    dotenv: Path
    section: Mapping[str, Any]
    environment: Mapping[str, str]
    people: Mapping[str, Any]
    public_url: str


def read_written(config: Path | None, environ: Mapping[str, str], cwd: Path, name: str) -> Written:
    """Look up what there is, for whoever is still setting it up. Raises BadSettings for files that cannot be read."""
    file = find_file(config, environ, cwd)
    label = show_file(file, cwd) if file else ""
    document = read_document(file, label) if file and file.exists() else Document()
    gathered = _gather_sources(document, environ, find_dotenvs(file, cwd), label)
    place = file or cwd / FILE
    return Written(
        place,
        place.parent / ".env",
        _find_mapping(gathered.data, "integrations", name),
        gathered.environment,
        _find_mapping(gathered.data, "people"),
        str(_find_mapping(gathered.data, "http").get("public_url") or ""),
    )


def _find_mapping(data: Any, *path: str) -> Mapping[str, Any]:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _read_file(file: Path | None, label: str, draft: Draft | None) -> Document:
    if draft:
        return parse_document(draft.text.removeprefix("\ufeff"), label)
    return read_document(file, label) if file else Document()


def find_dotenvs(file: Path | None, cwd: Path) -> Mapping[Path, str]:
    """The .env files to read with their names for people; one beside the configuration wins over one in `cwd`."""
    places = [cwd / ".env", *([file.parent / ".env"] if file else [])]
    return {place: show_file(place, cwd) for place in places}


@dataclass(frozen=True, slots=True)
class _Gathered:
    """All sources, merged; `written` is what stands in the file."""

    data: Mapping[str, Any]
    written: Mapping[str, Any]
    environment: Mapping[str, str]
    report: Report


def _gather_sources(
    document: Document, environ: Mapping[str, str], dotenvs: Mapping[Path, str], label: str
) -> _Gathered:
    data: dict[str, Any] = document.data
    environment: dict[str, str] = {}
    problems = list(document.problems)
    variables: dict[KeyPath, str] = {}
    for values, found in [*_read_dotenvs(dotenvs, problems), (environ, read_variables(environ, "environment"))]:
        environment |= values
        data = merge_data(data, found.data)
        variables |= found.variables
        problems += found.problems
    return _Gathered(data, document.data, environment, Report(Origin(label, document.lines, variables), problems))


def _read_dotenvs(files: Mapping[Path, str], problems: list[Problem]) -> Iterable[tuple[Mapping[str, str], Found]]:
    for file, label in files.items():
        values, wrong = read_dotenv(file, label)
        problems += wrong
        yield values, read_variables(values, label)


def _validate_data(gathered: _Gathered, around: Surroundings, classes: Classes) -> tuple[Settings, frozenset[str]]:
    report = gathered.report
    sections = list_sections()
    data = {key: value for key, value in gathered.data.items() if value is not None or key not in sections}
    written = data.pop("integrations", {})
    settings = _validate_settings(_resolve_database(data, around, report), around, report)
    enabled = read_integrations(written, classes, around, report)
    _refuse_written_secrets(gathered, enabled)
    secrets = _find_all_secrets(gathered, settings, enabled) | find_typed_secrets(classes, written, around)
    secrets = frozenset(secret for secret in secrets if len(secret) >= SHORTEST)
    if report.problems or settings is None:
        raise BadSettings(mask_problems(report.problems, secrets))
    return settings.model_copy(update={"integrations": enabled}), secrets


def _validate_settings(data: Mapping[str, Any], around: Surroundings, report: Report) -> Settings | None:
    try:
        return Settings.model_validate(data, context=around)
    except ValidationError as error:
        report.problems.extend(translate_errors(error, Settings, report.origin))
        return None


def _resolve_database(data: dict[str, Any], around: Surroundings, report: Report) -> dict[str, Any]:
    try:
        return {
            key: resolve_reference(value, around.environment) if key == "database" else value
            for key, value in data.items()
        }
    except PydanticCustomError as error:
        context = error.context or {}
        report.tell(("database",), context["message"], context["remedy"])
        return {key: value for key, value in data.items() if key != "database"}


def _refuse_written_secrets(gathered: _Gathered, enabled: Mapping[str, BaseModel]) -> None:
    written = gathered.written.get("database")
    if isinstance(written, str) and find_passwords(written):
        remedy = "Set CALLBOARD_DATABASE in the environment or in .env and remove the line."
        gathered.report.tell(("database",), "a password does not belong into this file.", remedy)
    refuse_written(enabled, gathered.written.get("integrations"), gathered.report)


def _find_all_secrets(
    gathered: _Gathered, settings: Settings | None, enabled: Mapping[str, BaseModel]
) -> frozenset[str]:
    found = find_secrets(gathered.environment) | collect_secrets(enabled)
    for source in (gathered.written.get("database"), gathered.data.get("database")):
        found |= find_passwords(source) if isinstance(source, str) else frozenset()
    for kind in settings.kinds.values() if settings else ():
        found |= find_secrets({name: value.get_secret_value() for name, value in kind.env.items()})
    return found
