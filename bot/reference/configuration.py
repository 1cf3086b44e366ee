"""docs/configuration.md, from the settings themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.records import find_own
from core.settings import Settings
from core.settings.integration import list_variables
from core.settings.model import find_section, walk_sections

INTRODUCTION = """# Configuration

<!-- Written by `python -m bot.reference` from the settings in core/settings; edit those. -->

Nothing needs to be configured: without a file every setting has its default. `callboard config example` prints a file
with all of them, `callboard config check` names file, key and remedy of everything that is wrong.

## Where settings come from

1. Environment variables, named in the tables below. Sections are joined by two underscores: `CALLBOARD_HTTP__PORT=8765`
   is `http.port`. Lists and whole sections may be JSON. An empty variable counts as not set.
2. `.env` beside the configuration file, then `.env` in the current folder.
3. The configuration file: `--config FILE`, else `$CALLBOARD_CONFIG`, else `./callboard.yaml`, else
   `$CALLBOARD_HOME/callboard.yaml`. A file that was named and does not exist is an error.
4. The defaults.

`CALLBOARD_HOME` is the folder where the bot keeps what it stores: `$XDG_DATA_HOME/callboard` or
`~/.local/share/callboard`, on macOS `~/Library/Application Support/callboard`. Unknown keys and unknown `CALLBOARD_…`
variables are errors.

## Secrets

Secrets belong into the environment or into `.env`. In the file, `$NAME` (the whole value) takes the value of a
variable: in `database`, in `kinds.NAME.env` and in the sections of integrations; `$$NAME` is the text `$NAME`. A
variable that is named and not set is an error, and so is a password or token written into the file itself, except in
`kinds.NAME.env`.

Agents get `HOME`, `PATH`, `LANG`, `LC_*`, `TERM`, `TZ`, `USER`, `LOGNAME`, `SHELL`, `TMPDIR`, and what their kind's
`env` and `pass_env` say. The bot's own variables (`CALLBOARD_*`, `SLACK_*`, `DISCORD_*`, `PAGERDUTY_*`, `SMTP_*`,
`DATABASE_URL`) never reach an agent.
"""
HEAD = "| key | default | meaning | variable |\n|---|---|---|---|"


def list_sections() -> Mapping[str, type[BaseModel]]:
    """The settings of the integrations of the house that have any, by name."""
    return {item.name: item.settings() for item in find_own() if item.settings}


def write_configuration(integrations: Mapping[str, type[BaseModel]] | None = None) -> str:
    """The page: every setting with its default, meaning and variable."""
    parts = [INTRODUCTION]
    parts += [_write_section(path, section) for path, section in walk_sections(Settings)]
    parts += [_write_section(("integrations", name), section) for name, section in (integrations or {}).items()]
    return "\n".join(parts)


def _write_section(path: tuple[str, ...], section: type[BaseModel]) -> str:
    title = f"`{'.'.join(path)}`" if path else "Top level"
    about = inspect.cleandoc(section.__doc__ or "").replace("\n", " ") if path else "Keys that stand for themselves."
    rows = list(_write_rows(path, section))
    return "\n".join([f"## {title}\n", f"{about}\n", *([HEAD, *rows, ""] if rows else [])])


def _write_rows(path: tuple[str, ...], section: type[BaseModel]) -> Iterator[str]:
    marks = list_variables(section)
    for name, field in section.model_fields.items():
        if find_section(field.annotation)[0] is not None:
            continue
        variable = marks[name].name if name in marks else "CALLBOARD_" + "__".join((*path, name)).upper()
        key = ".".join((*path, name))
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{key}` | {_write_default(field)} | {meaning} | `{variable}` |"


def _write_default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr) or value in ("", None, (), {}, PydanticUndefined):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
