"""A permission rule: what it is about, and how it is written. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from core.errors import BadInput
from core.quorum import Part, parse_parts, write_parts

TOOLS = ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other")
KEYS = ("tool", "command", "exactly", "path", "host", "approvers")
# A word that a shell, and a program that joins words for one, leaves as it is.
PLAIN_WORD = re.compile(r"(?:[\w %+,\-./:=@^]|(?<=[\w^~])~)*")
_PATH_TOOLS = ("read", "edit", "delete", "move", "search")
_LONGEST = 2_000
_SHELL_MARKS = re.compile(r"[;&<>`\n\0]|\$\(|\|\|")
_EXAMPLE = 'Write a rule as "deny git push", or as deny: {command: git push}.'


class Effect(StrEnum):
    """What a rule does with what it names."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything that is given must fit. `command` is how the command begins, `exactly` the whole of it; `path` is a
    glob within the worktree, of a home (`~/…`) or absolute; `host` a glob of hosts in addresses. `approvers`: whose
    approval it takes where it asks. `source` says where the rule stands, `id` is that of one which a person added."""

    effect: Effect
    tool: str = ""
    command: tuple[str, ...] = ()
    exactly: tuple[str, ...] = ()
    path: str = ""
    host: str = ""
    approvers: tuple[Part, ...] = ()
    source: str = ""
    id: str = ""

    def __str__(self) -> str:
        """As it may be written in the settings: `deny: {command: "git push"}`."""
        given = {
            "tool": self.tool,
            "command": json.dumps(_join(self.command), ensure_ascii=False) if self.command else "",
            "exactly": json.dumps(_join(self.exactly), ensure_ascii=False) if self.exactly else "",
            "path": json.dumps(self.path, ensure_ascii=False) if self.path else "",
            "host": json.dumps(self.host, ensure_ascii=False) if self.host else "",
            "approvers": json.dumps(write_parts(self.approvers), ensure_ascii=False) if self.approvers else "",
        }
        inner = ", ".join(f"{key}: {value}" for key, value in given.items() if value)
        return f"{self.effect.value}: {{{inner}}}"


def write_rule(rule: Rule) -> dict[str, Any]:
    """The rule as its mapping, for the store."""
    given = {
        "tool": rule.tool,
        "command": list(rule.command),
        "exactly": list(rule.exactly),
        "path": rule.path,
        "host": rule.host,
        "approvers": write_parts(rule.approvers),
    }
    return {rule.effect.value: {key: value for key, value in given.items() if value}}


def _join(words: Sequence[str]) -> str:
    return " ".join(word if word == "|" else shlex.quote(word) for word in words)


def parse_rule(given: object, source: str = "") -> Rule:
    """A rule from its short form or its mapping. Raises BadInput with what to write instead."""
    if isinstance(given, str):
        rule = _read_short(given)
    elif isinstance(given, Mapping) and len(given) == 1:
        ((effect, what),) = given.items()
        rule = _read_mapping(_read_effect(effect), what)
    else:
        raise BadInput("This is no rule.", remedy=_EXAMPLE)
    return replace(_check_rule(rule), source=source)


def _read_effect(word: object) -> Effect:
    if isinstance(word, str) and word.strip().lower() in [effect.value for effect in Effect]:
        return Effect(word.strip().lower())
    raise BadInput("A rule begins with allow, ask or deny.", remedy=_EXAMPLE)


def _read_short(text: str) -> Rule:
    word, _, rest = text.strip().partition(" ")
    return _read_words(_read_effect(word.rstrip(":")), rest.strip())


def _read_words(effect: Effect, text: str) -> Rule:
    """`execute git status`, `edit docs/**`, `fetch docs.python.org`; without a tool it is a command."""
    tool, _, rest = text.partition(" ")
    if tool not in TOOLS:
        return Rule(effect, command=split_command(text) if text else ())
    rest = rest.strip()
    if not rest:
        return Rule(effect, tool)
    if tool == "execute":
        return Rule(effect, tool, split_command(rest))
    if tool in _PATH_TOOLS:
        return Rule(effect, tool, path=rest)
    if tool == "fetch":
        return Rule(effect, tool, host=rest)
    raise BadInput(f"Nothing can be said about {tool} but its name.", remedy=f"Write {effect.value} {tool}.")


def _read_mapping(effect: Effect, what: object) -> Rule:
    if isinstance(what, str):
        return _read_words(effect, what.strip())
    if not isinstance(what, Mapping):
        raise BadInput("A rule says what it is about.", remedy=_EXAMPLE)
    for key in what:
        if key not in KEYS:
            raise BadInput(f"A rule has no {_show(key)}.", remedy=suggest_word(key, KEYS))
    given: dict[str, Any] = {key: _read_text(key, what[key]) for key in ("tool", "path", "host") if key in what}
    given |= {key: _read_command(key, what[key]) for key in ("command", "exactly") if key in what}
    given |= {"approvers": _read_approvers(effect, what["approvers"])} if "approvers" in what else {}
    return Rule(effect, **given)


def _read_approvers(effect: Effect, value: object) -> tuple[Part, ...]:
    if effect is not Effect.ASK:
        raise BadInput("Only a rule that asks has approvers.", remedy="Begin it with ask, or remove approvers.")
    if parts := parse_parts(value):
        return parts
    raise BadInput("approvers says not how many of whom.", remedy="Write 2 of [role:admin, kim], or leave it out.")


def _read_text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{key} must be text.", remedy="Put it in quotes.")
    return value.strip()


def _read_command(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return split_command(_read_text(key, value))
    if isinstance(value, (list, tuple)) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise BadInput(f"{key} must be a command.", remedy="Write text, or a list of texts: [git, push].")


def split_command(text: str) -> tuple[str, ...]:
    """The words of a rule's command. Raises BadInput."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise BadInput("A quote is opened and not closed.", remedy="Close it, or write the words as a list.") from None


def _check_rule(rule: Rule) -> Rule:
    if rule.tool and rule.tool not in TOOLS:
        raise BadInput(f"There is no tool {_show(rule.tool)}.", remedy=suggest_word(rule.tool, TOOLS))
    if rule.command and rule.exactly:
        raise BadInput("A rule has command or exactly, not both.", remedy="Remove one of them.")
    if sum(len(text) for text in (*rule.command, *rule.exactly, rule.path, rule.host)) > _LONGEST:
        raise BadInput("The rule is too long.", remedy=f"At most {_LONGEST:,} characters are taken.")
    _check_command(rule)
    if any(not text.isprintable() for text in (rule.path, rule.host)):
        raise BadInput("A path or host is one line without control characters.", remedy="Remove them.")
    if "/" in rule.host or ":" in rule.host or " " in rule.host:
        raise BadInput("A host is a name without scheme, port and path.", remedy='Write it as "*.example.com".')
    return _check_allow(rule) if rule.effect is Effect.ALLOW else rule


def _check_command(rule: Rule) -> None:
    words = rule.command or rule.exactly
    if words and (not words[0].strip() or words[0] == "|" or words[-1] == "|" or words.count("|") > 1):
        raise BadInput("A command begins with its program.", remedy='A pipe is written "curl | sh".')
    if any(_SHELL_MARKS.search(word) for word in words):
        raise BadInput("A rule names one command.", remedy="Write a rule for each part; a deny rule finds all parts.")


def _check_allow(rule: Rule) -> Rule:
    if not (rule.tool or rule.command or rule.exactly or rule.path or rule.host):
        raise BadInput(
            "An allow rule must say what it allows.", remedy='Name a tool, command, path or host: "allow read".'
        )
    if any(not word or not PLAIN_WORD.fullmatch(word) or word == "|" for word in rule.command or rule.exactly):
        raise BadInput(
            "Only a plain command can be allowed: no quotes, pipes, variables or wildcards in its words.",
            remedy="Name the program and its first words.",
        )
    if rule.path.startswith(("/", "~", "..")) or "/../" in f"/{rule.path}/":
        raise BadInput(
            "Only paths within the worktree can be allowed.", remedy="Write it from the worktree on: docs/**"
        )
    return rule


def _show(value: object) -> str:
    text = " ".join(str(value).split())
    return f"“{text[:40]}”"


def suggest_word(word: object, known: Sequence[str]) -> str:
    """What was probably meant, else what there is."""
    close = get_close_matches(str(word).lower()[:40], known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else f"There is: {', '.join(known)}."
