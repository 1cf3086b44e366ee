"""What commands take. One type carries reading, validation, choices and completion, for every chat and the terminal.

A value travels as plain JSON (in the inbox, over HTTP) and is bound to a Python value only when the handler is called.
A handler's signature says everything:

    async def spawn(ctx: Context, project: ProjectName | None, text: Text, *, kind: KindName = "") -> Reply: ...

- without a default: required and positional, in order; `| None` without a default: a leading word that is taken only
  when it is exactly a known project, else left out (None);
- with a default, or after the `*`: an option (`--kind claude`, a `Flag` is `--now`); but `Text` and `CommandName` with
  a default, before the `*`, are positional words that may be left out;
- `Annotated[Word, Shown("RULE")]` is called RULE in usage lines;
- `Text` takes the rest of the line; `Literal[...]` and `Annotated[KindName, "The help."]` work as they look.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from bot.commands.files import bind_files, read_files
from core.errors import BadInput
from core.files import FileRef
from core.ids import conceal_code

MAX_TEXT = 40_000
MAX_WORD = 200
MAX_COUNT = 1_000_000
DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ParameterType:
    """How a kind of value is read. `read` makes plain JSON of what was typed, `bind` a Python value of plain JSON;
    both raise BadInput. `source` names where completions come from; `rest`: takes the rest of the line; `about` is
    the help of a parameter that has none of its own."""

    name: str
    placeholder: str
    read: Callable[[Any], Any]
    bind: Callable[[Any], Any] = lambda value: value
    source: str = ""
    rest: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """In an annotation: what stands for the value in usage lines, where its type says too little."""

    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a command. `leading` is a project in the first word, on an exact match only; `placeholder`
    stands for its value in a usage line."""

    name: str
    type: ParameterType
    help: str = ""
    required: bool = True
    positional: bool = True
    leading: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    placeholder: str = ""

    @property
    def option(self) -> str:
        """As typed: `--for-agent`."""
        return "--" + self.name.rstrip("_").replace("_", "-")

    @property
    def is_flag(self) -> bool:
        return self.type is FLAG

    @property
    def rest_of_line(self) -> bool:
        return self.type.rest and self.positional

    @property
    def usage(self) -> str:
        """As shown in a usage line: `AGENT`, `[TEXT…]`, `[--now]`."""
        shown = "|".join(self.choices) or self.placeholder
        if not self.positional:
            return f"[{self.option}]" if self.is_flag else f"[{self.option} {shown}]"
        return shown if self.required else f"[{shown}]"

    def read(self, value: object) -> Any:
        """Plain JSON of what was typed or sent. Raises BadInput."""
        found = self.type.read(value)
        if not self.choices:
            return found
        for choice in self.choices:
            if choice.casefold() == str(found).casefold():
                return choice
        raise BadInput(f"{quote_value(found)} is none of {', '.join(self.choices)}.")


def quote_value(value: object) -> str:
    """A value as it is named in an error: short, on one line."""
    shown = " ".join(str(value).split())
    return f"“{shown[:60]}…”" if len(shown) > 60 else f"“{shown}”"


def check_string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{quote_value(value)} is no {what}: it must be a string.")
    if UNSTORABLE.search(value):
        raise BadInput(f"The {what} contains characters that cannot be stored (NUL or half a surrogate pair).")
    return value


def read_text(value: object) -> str:
    text = check_string(value, "text").strip()
    if len(text) > MAX_TEXT:
        raise BadInput(f"The text has {len(text):,} characters.", remedy=f"At most {MAX_TEXT:,} are taken.")
    return text


def read_place(value: object) -> str:
    """A folder or an address, checked before it is stored: it may hold a password."""
    from core.source import read_source

    text = check_string(value, "folder or address").strip().strip("`<>")
    read_source(text)
    return text


def make_word(what: str, pattern: str, hint: str) -> Callable[[object], str]:
    """A reader of one word, without the marks that people put around names in chats."""
    allowed = re.compile(pattern)

    def read_word(value: object) -> str:
        word = check_string(value, what).strip().strip("`").lstrip("`#@")
        if len(word) > MAX_WORD or not allowed.fullmatch(word):
            raise BadInput(f"{quote_value(value)} is no {what}.", remedy=hint)
        return word

    return read_word


def make_lower(read: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: read(value.lower() if isinstance(value, str) else value)


def read_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    found = known.get(str(value).casefold()) if isinstance(value, str) else None
    if found is None:
        raise BadInput(f"{quote_value(value)} is neither yes nor no.")
    return found


def read_count(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise BadInput(f"{quote_value(value)} is no number from 0 to {MAX_COUNT:,}.")
    return value


def read_duration(value: object) -> str:
    text = check_string(value, "duration").strip().lower()
    if not re.fullmatch(r"(\d{1,6}[smhdw]){1,5}", text, re.ASCII) or bind_duration(text) > timedelta(days=3660):
        raise BadInput(
            f"{quote_value(value)} is no duration.", remedy="Write 30m, 2h, 1d or 1h30m (at most ten years)."
        )
    return text


def read_code(value: object) -> str:
    """A code, as it may be stored: whoever finds it there cannot say it."""
    said = check_string(value, "code").strip()
    if len(said) > MAX_WORD:
        raise BadInput(f"{quote_value(said)} is no code.", remedy="It looks like 7KQM-2XPD-9RTW.")
    return conceal_code(said) if any(letter.isalnum() for letter in said) else ""


def read_here(value: object) -> str:
    word = check_string(value, "place").strip().casefold()
    if word not in ("", "here"):
        raise BadInput(f"{quote_value(value)} is no place.", remedy="`here` opens a second card in this place.")
    return word


def bind_duration(value: str) -> timedelta:
    """A timedelta of `1h30m`."""
    parts = re.findall(r"(\d+)([smhdw])", value)
    return sum((timedelta(**{DURATION_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())


NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
AGENT_NAME = r"[a-z0-9][a-z0-9._-]*-[0-9]{1,9}"
AGENT_HINT = "An agent is named like web-3; `list` shows them."

AGENT = ParameterType(
    "agent",
    "AGENT",
    make_lower(make_word("agent", AGENT_NAME, AGENT_HINT)),
    source="agents",
    about="The agent, like web-3.",
)
EVERY = "all"
FLEET = ParameterType(
    "agent",
    "AGENT|all",
    make_lower(make_word("agent", rf"{AGENT_NAME}|{EVERY}", AGENT_HINT)),
    source="agents",
    about="The agent, like web-3; or all of them.",
)
SPENDER = ParameterType(
    "budget",
    "AGENT|person|project|day",
    make_lower(make_word("budget", NAME, "Name an agent like web-3, or person, project or day.")),
    source="agents",
    about="The agent, like web-3; or person or project with a name, or day.",
)
REQUEST = ParameterType(
    "request",
    "REQUEST",
    make_word("request", NAME, "`show` names an agent's requests."),
    source="requests",
    about="The request, like r-7kq2.",
)
ASKER = ParameterType(
    "agent or request",
    "AGENT|REQUEST",
    make_word("agent or request", NAME, "Name the agent that asks, like web-3, or its request."),
    source="askers",
    about="The agent that asks, or its request.",
)
PROJECT = ParameterType(
    "project",
    "PROJECT",
    make_word("project", NAME, "`project list` shows the projects."),
    source="projects",
    about="The project.",
)
KIND = ParameterType(
    "kind",
    "KIND",
    make_word("kind", NAME, "`doctor` shows the agent kinds."),
    source="kinds",
    about="The kind of agent.",
)
PERSON = ParameterType(
    "person",
    "PERSON",
    make_word("person", r"[^\s\x00-\x1f]+", "Name a person as `me` shows one."),
    source="people",
    about="The person.",
)
LOOSE_PERSON = ParameterType("person", "PERSON", PERSON.read, source="people", rest=True, about=PERSON.about)
HOLDER = ParameterType(
    "person or token",
    "PERSON|TOKEN",
    make_word("person or token", r"[^\s\x00-\x1f]+", "`admin people` and `admin tokens` show them."),
    source="people",
    about="The person, or a token as `admin tokens` calls it.",
)
SOURCE = ParameterType("folder or address", "PATH|URL", read_place, about="A folder, or an address.")
CODE = ParameterType("code", "CODE", read_code, rest=True, about="The code that was shown.")
HERE = ParameterType("here", "here", read_here, source="here", rest=True)
WORD = ParameterType("word", "WORD", make_word("word", r"[^\s\x00-\x1f]+", "One word, without spaces."))
CHOICE = ParameterType("choice", "CHOICE", lambda value: check_string(value, "choice").strip())
COMMAND = ParameterType("command", "COMMAND", read_text, source="commands", rest=True, about="The command.")
TEXT = ParameterType("text", "TEXT…", read_text, rest=True)
FLAG = ParameterType("flag", "", read_flag)
COUNT = ParameterType("count", "N", read_count)
DURATION = ParameterType("duration", "2h", read_duration, bind_duration)
FILES = ParameterType("files", "FILE", read_files, bind_files, about="A file for the agent; may be repeated.")

AgentId = Annotated[str, AGENT]
AgentOrAll = Annotated[str, FLEET]
Spender = Annotated[str, SPENDER]
RequestId = Annotated[str, REQUEST]
AgentOrRequest = Annotated[str, ASKER]
ProjectName = Annotated[str, PROJECT]
KindName = Annotated[str, KIND]
PersonName = Annotated[str, PERSON]
LoosePerson = Annotated[str, LOOSE_PERSON]
PersonOrToken = Annotated[str, HOLDER]
CommandName = Annotated[str, COMMAND]
CodeWord = Annotated[str, CODE]
HereWord = Annotated[str, HERE]
SourceName = Annotated[str, SOURCE]
Word = Annotated[str, WORD]
Text = Annotated[str, TEXT]
Flag = Annotated[bool, FLAG]
Count = Annotated[int, COUNT]
Duration = Annotated[timedelta, DURATION]
Files = Annotated[tuple[FileRef, ...], FILES]

BARE_TYPES = {str: WORD, bool: FLAG, int: COUNT, timedelta: DURATION}


def read_signature(handler: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a handler, without its first (the context). Raises TypeError for what no chat can offer."""
    _, *rest = inspect.signature(handler).parameters.values()
    holder = types.SimpleNamespace(__annotations__={item.name: item.annotation for item in rest})
    space = getattr(handler, "__globals__", {})
    hints = get_type_hints(holder, globalns=space, include_extras=True) if rest else {}
    return tuple(make_parameter(item, hints[item.name]) for item in rest)


def make_parameter(item: inspect.Parameter, hint: Any) -> Parameter:
    has_default = item.default is not inspect.Parameter.empty
    bare, may_be_none = split_none(hint)
    kind, help_, choices = read_hint(item.name, bare)
    leading = may_be_none and not has_default
    if leading and kind is not PROJECT:
        raise TypeError(f"{item.name}: only a ProjectName can be a leading word; give it a default")
    loose = kind.rest and item.kind is not inspect.Parameter.KEYWORD_ONLY
    return Parameter(
        name=item.name,
        type=kind,
        help=help_ or kind.about,
        required=not has_default and not leading,
        positional=item.kind is not inspect.Parameter.KEYWORD_ONLY and (not has_default or loose),
        leading=leading,
        placeholder=find_placeholder(hint) or kind.placeholder,
        default=item.default if has_default else None,
        choices=choices,
    )


def find_placeholder(hint: Any) -> str:
    """What an annotation says to show for the value; "" for what its type shows."""
    marks = [extra for part in (hint, *get_args(hint)) for extra in getattr(part, "__metadata__", ())]
    return next((extra.text for extra in marks if isinstance(extra, Shown)), "")


def split_none(hint: Any) -> tuple[Any, bool]:
    """`X | None` as (X, True)."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    others = [part for part in get_args(hint) if part is not type(None)]
    if len(others) != 1 or len(others) == len(get_args(hint)):
        raise TypeError(f"{hint} has more than one type")
    return others[0], True


def read_hint(name: str, hint: Any) -> tuple[ParameterType, str, tuple[str, ...]]:
    """Type, help and choices of an annotation."""
    extras: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *found = get_args(hint)
        extras = tuple(found)
    help_ = next((extra for extra in extras if isinstance(extra, str)), "")
    if get_origin(hint) is Literal:
        return CHOICE, help_, tuple(str(choice) for choice in get_args(hint))
    kind = next((extra for extra in extras if isinstance(extra, ParameterType)), BARE_TYPES.get(hint))
    if kind is None:
        raise TypeError(f"{name}: {hint} is no parameter type")
    return kind, help_, ()
