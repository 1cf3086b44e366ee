"""The kinds of values that settings hold, each with its check in people's words."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    StringConstraints,
    ValidationInfo,
)
from pydantic_settings import NoDecode

from core.errors import BadInput
from core.model import Role
from core.quorum import Part, parse_parts
from core.rules.rule import Rule, parse_rule
from core.settings.problem import fault

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
BOT_NAME = re.compile(r"(CALLBOARD|SLACK|DISCORD|PAGERDUTY|SMTP)_.*|DATABASE_URL", re.IGNORECASE)


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never appear in errors, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Variable:
    """Marks a field of an integration's settings as read from an environment variable:
    `token: Annotated[SecretStr, Variable("SLACK_BOT_TOKEN")]`. When it is set the integration is on, unless
    `enables` is False."""

    name: str
    enables: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What validators may ask: the folder that relative paths start from, the person's home, the variables."""

    folder: Path
    user_home: Path
    environment: Mapping[str, str]


def read_surroundings(info: ValidationInfo) -> Surroundings:
    """Those of this load; in a bare construction the current folder and no variables."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings(Path.cwd(), Path.home(), {})


def find_reference(value: object) -> str:
    """NAME when the value is `$NAME` or `${NAME}`, else ""."""
    match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return (match[1] or match[2]) if match else ""


def resolve_reference(value: object, environment: Mapping[str, str]) -> object:
    """`$NAME` replaced by the variable's value; `$$NAME` is the text `$NAME`. Raises when the variable is not set."""
    if isinstance(value, str) and value.startswith("$$"):
        return value[1:]
    name = find_reference(value)
    if name and not environment.get(name):
        raise fault(f"the environment variable {name} is not set.", f"Set {name} in the environment or in .env.")
    return environment[name] if name else value


def is_bot_name(name: str) -> bool:
    """Whether a variable belongs to the bot, so that no agent may see it."""
    return BOT_NAME.fullmatch(name) is not None


def _check_name(value: str) -> str:
    if NAME.fullmatch(value):
        return value
    raise fault("the name does not fit.", "Use a small letter, then up to 30 small letters, digits and dashes.")


def _check_text(value: str) -> str:
    if all(letter.isprintable() for letter in value):
        return value
    raise fault("must be one line without control characters.", "Remove line breaks and tabs.")


def _check_variable(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        raise fault("this is not a name of an environment variable.", "Use letters, digits and underscores.")
    if is_bot_name(value):
        raise fault("this variable is the bot's own and is never given to an agent.", "Use another name.")
    return value


def _check_branch(value: str) -> str:
    if not value or (BRANCH.fullmatch(value) and ".." not in value and not value.endswith((".lock", "/", "."))):
        return value
    raise fault("this is not a name of a branch.", "Use letters, digits and . _ / - such as main or release/2.")


def _refuse_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise fault("must be a number, not true or false.", "Write a number.")
    return value


def _expand_path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str | Path):
        return value
    around = read_surroundings(info)
    text = str(value)
    if not text or "\0" in text:
        raise fault("must be a path.", "Write a path such as ~/src/web.")
    return place_path(text, around.folder, around.user_home)


def place_path(text: str, folder: Path, user_home: Path) -> Path:
    """An absolute path: `~` is the person's home, what is relative starts from `folder`."""
    if text == "~" or text.startswith("~/"):
        return user_home / text[2:]
    return folder / text


def split_list(value: object) -> object:
    """A variable's text as a list: JSON, or words with commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _read_json(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def _read_json(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise fault("this value is not JSON.", 'Write a list as ["a", "b"].') from None


def _split_command(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        value = _read_json(value) if value.lstrip().startswith("[") else _split_words(value)
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise fault("must be a command.", "Write text, or a list of texts: [agent, --acp].")
    return [_place_program(value[0], info), *value[1:]] if value else value


def _split_words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        raise fault("a quote is opened and not closed.", "Close it, or write the command as a list.") from None


def _place_program(program: str, info: ValidationInfo) -> str:
    around = read_surroundings(info)
    return str(place_path(program, around.folder, around.user_home)) if "/" in program else program


def _check_command(value: tuple[str, ...]) -> tuple[str, ...]:
    if any("\0" in word for word in value) or (value and not value[0].strip()):
        raise fault("must be a command.", "Name the program first: [agent, --acp].")
    return value


def _read_agent_value(value: object, info: ValidationInfo) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str | SecretStr):
        raise fault("must be text.", "Put the value in quotes.")
    if (name := find_reference(value)) and is_bot_name(name):
        raise fault(f"{name} is the bot's own and is never given to an agent.", "Use another variable.")
    return resolve_reference(value, read_surroundings(info).environment)


def _check_agent_value(value: SecretStr) -> SecretStr:
    if "\0" in value.get_secret_value():
        raise fault("holds a zero byte.", "Remove it.")
    return value


def _read_rules(value: object) -> object:
    if isinstance(value, str):
        value = _read_json(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list | tuple):
        raise fault("must be a list of rules.", "Write one rule a line: - deny git push")
    return [_read_rule(item, at) for at, item in enumerate(value)]


def _read_rule(item: object, at: int) -> Rule:
    if isinstance(item, Rule):
        return item
    try:
        return parse_rule(item)
    except BadInput as error:
        raise fault(error.message, error.remedy, str(at)) from None


def _read_approvers(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _read_json(value)
    try:
        return parse_parts(value)
    except BadInput as error:
        raise fault(error.message, error.remedy) from None


def _read_role(value: object) -> object:
    names = [role.name.lower() for role in Role if role is not Role.NOBODY]
    if isinstance(value, Role) and value is not Role.NOBODY:
        return value
    if isinstance(value, str) and value.lower() in names:
        return Role[value.upper()]
    raise fault(f"must be one of {', '.join(names)}.", "Write one of these words.")


def _check_identity(value: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9-]*:\S+", value) and value.isprintable():
        return value
    raise fault("this is not an identity.", "Write where and who: local:alice, slack:T1/U2.")


Name = Annotated[str, AfterValidator(_check_name)]
OptionalName = Annotated[str, AfterValidator(lambda value: _check_name(value) if value else value)]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_check_text)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_check_text)]
VariableName = Annotated[str, AfterValidator(_check_variable)]
Branch = Annotated[str, StringConstraints(max_length=200), AfterValidator(_check_branch)]
Count = Annotated[int, BeforeValidator(_refuse_boolean)]
Amount = Annotated[float, BeforeValidator(_refuse_boolean)]
FilePath = Annotated[Path, BeforeValidator(_expand_path)]
FilePaths = Annotated[tuple[FilePath, ...], NoDecode, BeforeValidator(split_list)]
OptionalPath = Annotated[FilePath | None, BeforeValidator(lambda value: None if value == "" else value)]
Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_command), AfterValidator(_check_command)]
VariableNames = Annotated[tuple[VariableName, ...], NoDecode, BeforeValidator(split_list)]
AgentValue = Annotated[SecretStr, BeforeValidator(_read_agent_value), AfterValidator(_check_agent_value)]
RoleName = Annotated[Role, BeforeValidator(_read_role)]
IdentityKey = Annotated[str, AfterValidator(_check_identity)]
IdentityKeys = Annotated[tuple[IdentityKey, ...], NoDecode, BeforeValidator(split_list)]

Approvers = Annotated[tuple[Part, ...], NoDecode, BeforeValidator(_read_approvers)]
RuleList = Annotated[tuple[Rule, ...], NoDecode, BeforeValidator(_read_rules)]


def collect_secrets(value: Any) -> frozenset[str]:
    """Every SecretStr inside models, mappings and lists."""
    if isinstance(value, SecretStr):
        return frozenset({value.get_secret_value()}) - {""}
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        value = list(value.values())
    inner = value if isinstance(value, list | tuple | set | frozenset) else ()
    return frozenset().union(*(collect_secrets(item) for item in inner))
