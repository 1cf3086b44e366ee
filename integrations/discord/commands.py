"""The slash command, from the verbs that the bot has; and what comes back of it. Pure.

https://discord.com/developers/docs/interactions/application-commands
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.interfaces import Verb, Word, WordKind
from integrations.discord.layout import shorten

Json = Mapping[str, Any]
START = "Start an agent on this"
_SUB, _GROUP = 1, 2
_TYPES = {WordKind.TEXT: 3, WordKind.COUNT: 4, WordKind.FLAG: 5, WordKind.FILE: 11}
_ABOUT = 100
MOST_COMMANDS = 25
# What opens a form when it is left out.
_FORMED = ("spawn", "text")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as somebody filled it in; `focused` is the option that they are at."""

    verb: str
    values: Mapping[str, Any]
    focused: str = ""


def draw_commands(name: str, verbs: Sequence[Verb]) -> list[dict[str, Any]]:
    """The slash command with a subcommand for each verb, and the one of a message's menu."""
    about = "Start, see and steer coding agents"
    slash = {"type": 1, "name": name, "description": about, "options": [*_draw_verbs(verbs)]}
    return [slash, {"type": 3, "name": START}]


def hash_commands(commands: Sequence[Json]) -> str:
    """Changes when what is offered does."""
    return hashlib.sha256(json.dumps(commands, sort_keys=True).encode()).hexdigest()[:24]


def _draw_verbs(verbs: Sequence[Verb]) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[Verb]] = {}
    for verb in verbs:
        groups.setdefault(verb.name.partition(" ")[0], []).append(verb)
    for name, inside in groups.items():
        if [verb.name for verb in inside] == [name]:
            yield _draw_verb(name, inside[0])
        else:
            subs = [_draw_verb(verb.name.partition(" ")[2] or "show", verb) for verb in inside]
            about = shorten(", ".join(sub["name"] for sub in subs), _ABOUT)
            yield {"type": _GROUP, "name": name, "description": about, "options": subs}


def _draw_verb(name: str, verb: Verb) -> dict[str, Any]:
    options = [_draw_word(verb, word) for word in verb.words[:25]]
    options.sort(key=lambda option: not option.get("required"))
    return {"type": _SUB, "name": name, "description": shorten(verb.about, _ABOUT), "options": options}


def _draw_word(verb: Verb, word: Word) -> dict[str, Any]:
    about = shorten(word.about, 60) or word.name
    made: dict[str, Any] = {"type": _TYPES[word.kind], "name": _name_option(word), "description": about}
    if word.required and (verb.name, word.name) != _FORMED:
        made["required"] = True
    if word.choices:
        made["choices"] = [{"name": choice, "value": choice} for choice in word.choices[:25]]
    elif word.source:
        made["autocomplete"] = True
    return made


def _name_option(word: Word) -> str:
    return word.name.replace("_", "-")


def read_typed(data: Json, verbs: Sequence[Verb]) -> Typed:
    """What an interaction's data say: which verb, and its values by the names that the bot knows."""
    words: list[str] = []
    options = list(data.get("options") or ())
    while options and int(options[0]["type"]) in (_SUB, _GROUP):
        words.append(str(options[0]["name"]))
        options = list(options[0].get("options") or ())
    name = _find_name(" ".join(words), verbs)
    values = {str(option["name"]).replace("-", "_"): option.get("value") for option in options}
    focused = next((str(option["name"]).replace("-", "_") for option in options if option.get("focused")), "")
    return Typed(name, values, focused)


def _find_name(typed: str, verbs: Sequence[Verb]) -> str:
    """`me show` is `me` where that is what the bot has."""
    names = {verb.name for verb in verbs}
    return typed if typed in names else typed.removesuffix(" show") if typed.removesuffix(" show") in names else typed


def find_source(typed: Typed, verbs: Sequence[Verb]) -> str:
    """What the focused option is completed with; "" when nothing."""
    verb = next((item for item in verbs if item.name == typed.verb), None)
    found = next((word for word in (verb.words if verb else ()) if word.name == typed.focused), None)
    return found.source if found else ""


def list_files(typed: Typed, verbs: Sequence[Verb]) -> list[str]:
    """The names of values that are files."""
    verb = next((item for item in verbs if item.name == typed.verb), None)
    return [word.name for word in (verb.words if verb else ()) if word.kind is WordKind.FILE]
