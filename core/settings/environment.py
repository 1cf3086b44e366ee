"""Settings and secrets from environment variables and .env files."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dotenv.parser import parse_stream
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from core.settings.document import read_text
from core.settings.model import Settings
from core.settings.problem import KeyPath, Problem, find_close

PREFIX = "CALLBOARD_"
START = ("CALLBOARD_HOME", "CALLBOARD_CONFIG")
# Read elsewhere: by the command line, the agents' tool server and the demo agent.
OTHERS = ("TOKEN", "URL", "PROG", "SOCKET", "AGENT", "STATE", "BEAT", "PATIENCE")
RESERVED = frozenset({*START, *(PREFIX + name for name in OTHERS)})
# Kubernetes sets these for every service whose name starts with "callboard".
SERVICE = re.compile(
    r"(?!.*__)CALLBOARD_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
SECRET_NAME = re.compile(
    r"(^|_)(KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PASSPHRASE|PAT|CREDENTIALS?)\d*$|_(SECRET|TOKEN|PASSWORD)_",
    re.IGNORECASE,
)
SHORTEST_SECRET = 6


class Variables(Settings, BaseSettings):
    """The settings as pydantic-settings reads them from variables: CALLBOARD_HTTP__PORT is http.port."""

    model_config = SettingsConfigDict(
        env_prefix="callboard_", env_nested_delimiter="__", case_sensitive=True, env_ignore_empty=True
    )


@dataclass(slots=True)
class Found:
    """Settings found in variables, and which variable set which key."""

    data: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_dotenv(file: Path, label: str) -> tuple[dict[str, str], list[Problem]]:
    """Names and values of a .env file, nothing expanded; {} when there is none. A folder of that name is skipped."""
    if not file.exists() or file.is_dir():
        return {}, []
    values: dict[str, str] = {}
    problems = []
    for binding in parse_stream(io.StringIO(read_text(file, label))):
        if binding.key is not None and binding.value is not None and "\0" not in binding.value:
            values[binding.key] = binding.value
        elif binding.error or binding.key is not None:
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            problems.append(Problem(f"{label}:{line}", "this line is not NAME=value.", "Put # before remarks."))
    misplaced = [
        Problem(f"{label}: {name}", "this cannot be set in .env.", "Export it.") for name in START if name in values
    ]
    return values, [*problems, *misplaced]


def read_variables(environ: Mapping[str, str], label: str) -> Found:
    """Every CALLBOARD_… setting among `environ`; one that is no setting is a problem."""
    found = Found()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in RESERVED and not SERVICE.fullmatch(name) and environ[name]:
            _read_variable(name, environ[name], f"{label}: {name}", found)
    return found


def _read_variable(name: str, value: str, where: str, found: Found) -> None:
    folded = fold_name(name)
    source = EnvSettingsSource(Variables)
    source.env_vars = {folded: value}
    try:
        data = source()
    except ValueError:
        found.problems.append(
            Problem(where, "this value is not JSON.", 'Write a list as ["a", "b"], a section as {"key": 1}.')
        )
        return
    if not data:
        found.problems.append(Problem(where, "there is no such setting.", suggest_variable(name)))
        return
    found.data = merge_data(found.data, data)
    found.variables[tuple(folded.removeprefix(PREFIX.lower()).split("__"))] = where


def suggest_variable(name: str) -> str:
    """What was probably meant, among the variables of settings."""
    if close := find_close(name.removeprefix(PREFIX), Settings.model_fields):
        return f"Did you mean {PREFIX}{close.upper()}?"
    return "docs/configuration.md has all names; unset it when it is not for this program."


def fold_name(name: str) -> str:
    """A variable's name in lower case, but for the name of an agent's own variable at its end."""
    head, sign, tail = name.partition("__ENV__")
    return head.lower() + sign.lower() + tail


def merge_data(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, sections merged key by key; `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge_data(old, value) if both and old is not None else value
    return merged


def find_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """Values whose names say that they are secret, and passwords in addresses. Files' paths and short words are not."""
    named = {value for name, value in environ.items() if SECRET_NAME.search(name) and not value.startswith(("/", "~"))}
    passwords = {word for value in environ.values() for word in find_passwords(value)}
    return frozenset(value for value in named | passwords if len(value) >= SHORTEST_SECRET)


def find_passwords(address: str) -> frozenset[str]:
    """The password in `scheme://user:password@host`, as written and decoded."""
    if "://" not in address or "@" not in address:
        return frozenset()
    try:
        password = urlsplit(address).password
    except ValueError:
        return frozenset()
    return frozenset({password, unquote(password)}) if password else frozenset()
