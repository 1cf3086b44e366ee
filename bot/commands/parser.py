"""Chat text to an invocation, and back.

- “ ” ‘ ’ „ « » are read as quotes, a leading — or – as `--`, odd spaces as spaces. Inside quotes `\\"` is a quote.
- Options stand before the first word of the text, or at the very end of its last line; an option in the middle of a
  text belongs to the text, and so does one within quotes or code. Everything after a bare `--` is text, as it is.
- A text keeps its quotes, line breaks and code; only a pair that encloses all of it is taken off.
- A leading project is taken only when it is exactly a known project; a word that looks like one is refused, and so is
  one that is none before a quoted text. In an agent's thread the agent may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.commands.leading import check_first
from bot.commands.parameters import AGENT, AGENT_NAME, ASKER, EVERY, FLEET, MAX_TEXT, SPENDER, Parameter
from bot.commands.registry import Command, Registry, read_arguments, read_value, shorten_name
from core.errors import BadInput

QUOTES = (('"“”„', '"“”'), ("'‘’‚", "'‘’"), ("«»", "«»"))
CLOSERS = {opener: closers for openers, closers in QUOTES for opener in openers}
UNSEEN = "\u200b\u2060\ufeff"
DASHES = ("--", "—", "–")
DASH = "(?P<dash>--|—|–)"
OPTION = re.compile(DASH + r"(?P<name>[A-Za-z][A-Za-z0-9_–—-]*)(?P<equals>=)?")
VALUE = r'(?P<value>"[^"\n]*"|“[^“”\n]*”|[^\s"“”\'`«»–—-][^\s"“”\'`«»]*)'
TRAILING = re.compile(r"(?:^|\s)" + DASH + r"(?P<name>[A-Za-z][A-Za-z0-9_–—-]*)(?:(?:=|[^\S\n]+)" + VALUE + ")?$")
SUBJECT = re.compile(rf"[`#@]*({AGENT_NAME}|[rR]-[0-9A-Za-z]+)`?", re.IGNORECASE)
CALM = re.compile(r"[A-Za-z0-9](?!.*(--|—|–))", re.DOTALL)
TAIL = 600


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a place already says: the known projects, the place's own project, the agent whose thread it is."""

    projects: Sequence[str] = ()
    project: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command and its arguments as plain JSON, validated; what was left out is not in it."""

    command: Command
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Token:
    """One word, or one quoted string, and where it ends."""

    value: str
    end: int
    quoted: bool = False


@dataclass(slots=True)
class Reading:
    """How far a line was read. `verbatim`: a bare `--` was passed."""

    command: Command
    line: str
    position: int
    defaults: Defaults
    found: dict[str, Any] = field(default_factory=dict)
    verbatim: bool = False

    def peek(self) -> Token | None:
        return scan_token(self.line, self.position)

    def take(self) -> Token | None:
        token = self.peek()
        if token:
            self.position = token.end
        return token

    def add(self, item: Parameter, value: object) -> None:
        if item.name in self.found:
            raise BadInput(f"{item.option} is there twice.", remedy=self.command.remedy)
        self.found[item.name] = read_value(self.command, item, value)


def parse_line(registry: Registry, line: str, defaults: Defaults | None = None) -> Invocation:
    """What a line means. Raises NotFound for an unknown verb (with the nearest ones) and BadInput for anything else
    that does not fit, with usage line and example; never anything but a UserError."""
    if len(line) > MAX_TEXT:
        raise BadInput(f"The line has {len(line):,} characters.", remedy=f"At most {MAX_TEXT:,} are taken.")
    command, position = find_command(registry, line)
    reading = Reading(command, line, position, defaults or Defaults())
    for item in command.positionals:
        read_options(reading)
        if item.rest_of_line:
            read_rest(reading, item)
        else:
            read_positional(reading, item)
    read_options(reading)
    if extra := reading.take():
        raise BadInput(f"{command.name} takes no {shorten_name(extra.value)}.", remedy=command.remedy)
    return Invocation(command, read_arguments(command, reading.found))


def find_command(registry: Registry, line: str) -> tuple[Command, int]:
    """The command that a line begins with, and where its words end."""
    first = scan_token(line, 0)
    if first is None:
        raise BadInput("Say what to do.", remedy="`help` shows all commands.")
    second = scan_token(line, first.end)
    if second and (found := registry.find(f"{first.value} {second.value}")):
        return found, second.end
    group = registry.groups.get(first.value.casefold())
    if group and not (registry.find(first.value) and is_alone(second)):
        names = ", ".join(f"`{item.name}`" for item in group)
        raise BadInput(f"{first.value} needs another word.", remedy=f"Try {names}.")
    return registry.get(first.value), first.end


def is_alone(second: Token | None) -> bool:
    """Whether nothing but options follows a first word."""
    return second is None or (not second.quoted and OPTION.match(second.value) is not None)


def read_options(reading: Reading) -> None:
    """Take the options, and a bare `--`, that stand here."""
    while not reading.verbatim and (token := reading.peek()) and not token.quoted:
        if token.value in DASHES:
            reading.position, reading.verbatim = token.end, True
            return
        match = OPTION.match(token.value)
        item = find_option(reading, match) if match else None
        if not match or not item:
            return
        read_option(reading, item, token, match)


def find_option(reading: Reading, match: re.Match[str]) -> Parameter | None:
    """The option that is named. An unknown one after a typographic dash is text; after `--` it is a mistake."""
    name = re.sub("[–—]", "-", match["name"])
    item = reading.command.find_parameter(name)
    if item and (item.leading or not item.positional):
        return item
    if match["dash"] != "--":
        return None
    known = ", ".join(option.option for option in reading.command.options) or "none"
    remedy = f"Options: {known}. Put -- before a text that begins so. {reading.command.remedy}"
    raise BadInput(f"{reading.command.name} has no option {shorten_name('--' + name)}.", remedy=remedy)


def read_option(reading: Reading, item: Parameter, token: Token, match: re.Match[str]) -> None:
    if match["equals"]:
        reading.position = skip_spaces(reading.line, reading.position) + match.end()
        value = scan_token(reading.line, reading.position) if reading.position < token.end else None
    else:
        reading.position = token.end
        value = Token("true", token.end) if item.is_flag else reading.peek()
    if value is None or (not value.quoted and OPTION.match(value.value)):
        raise BadInput(f"{item.option} needs a value.", remedy=reading.command.remedy)
    reading.position = value.end
    reading.add(item, value.value)


def read_positional(reading: Reading, item: Parameter) -> None:
    """One word, or what the place says instead of it."""
    if item.name in reading.found:
        return
    token = None if reading.verbatim and item.leading else reading.peek()
    if item.leading:
        known = token and token.value in reading.defaults.projects
        fallback = reading.defaults.project
        check_leading(reading, token)
    else:
        known = token and is_named(item, token.value)
        fallback = reading.defaults.agent if item.type in (AGENT, FLEET, ASKER, SPENDER) else ""
    if token and (known or not (fallback or item.leading)):
        reading.position = token.end
        reading.add(item, token.value)
    elif fallback:
        reading.add(item, fallback)


def is_named(item: Parameter, word: str) -> bool:
    """Whether a word may be the agent that is meant, and none is to be guessed."""
    if item.type is FLEET and word.casefold() == EVERY:
        return True
    return item.type not in (AGENT, FLEET, ASKER) or bool(SUBJECT.fullmatch(word))


def check_leading(reading: Reading, token: Token | None) -> None:
    """Raises NotFound for a first word that may have been meant as a project."""
    if token and not token.quoted:
        check_first(token.value, reading.defaults.projects, before_quote=is_quoted(reading.line, token.end))


def is_quoted(line: str, start: int) -> bool:
    """Whether all that stands there is one quoted text of some words, and options."""
    text = scan_token(line, start)
    after = scan_token(line, text.end) if text else None
    several = text is not None and text.quoted and " " in text.value
    return several and (after is None or OPTION.match(after.value) is not None)


def read_rest(reading: Reading, item: Parameter) -> None:
    """The text: all that is left, without the options at its end and without quotes around all of it."""
    text = reading.line[reading.position :].strip()
    reading.position = len(reading.line)
    if not reading.verbatim:
        text = text.strip(UNSEEN).strip()
        while not is_enclosed(text) and (shorter := cut_option(reading, text)) is not None:
            text = shorter
        text = text[1:-1] if is_enclosed(text) else text
    if text:
        reading.add(item, text)


def cut_option(reading: Reading, text: str) -> str | None:
    """Take one known option off the end of a text; the text without it, None when there is none."""
    start = max(text.rfind("\n"), len(text) - TAIL, 0)
    match = TRAILING.search(text, start)
    item = reading.command.find_parameter(re.sub("[–—]", "-", match["name"])) if match else None
    if not match or not item or (item.positional and not item.leading) or item.is_flag != (match["value"] is None):
        return None
    before = text[: match.start()]
    if before.count("```") % 2 or before[before.rfind("\n") + 1 :].count("`") % 2:
        return None
    value = match["value"] or "true"
    reading.add(item, value[1:-1] if value[0] in CLOSERS else value)
    return before.rstrip()


def is_enclosed(text: str) -> bool:
    """Whether one pair of quotes holds all of it."""
    closers = CLOSERS.get(text[:1])
    if not closers or len(text) < 2:
        return False
    return text[-1] in closers and not any(closer in text[1:-1] for closer in closers)


def skip_spaces(line: str, start: int) -> int:
    while start < len(line) and (line[start].isspace() or line[start] in UNSEEN):
        start += 1
    return start


def scan_token(line: str, start: int) -> Token | None:
    """The word or quoted string at or after `start`; None at the end. A quote that is not closed is a character."""
    start = skip_spaces(line, start)
    if start == len(line):
        return None
    if closers := CLOSERS.get(line[start]):
        pattern = re.compile(rf"((?:[^\\{closers}]|\\.)*)[{closers}](?=\s|$)", re.DOTALL)
        if match := pattern.match(line, start + 1):
            return Token(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), match.end(), quoted=True)
    end = start
    while end < len(line) and not line[end].isspace():
        end += 1
    return Token(line[start:end].rstrip(UNSEEN), end)


def format_line(invocation: Invocation) -> str:
    """What a person would type: `parse_line` gives the same invocation."""
    words, rest = [invocation.command.name], ""
    for item in invocation.command.parameters:
        value = invocation.arguments.get(item.name)
        if value is None:
            continue
        if item.rest_of_line:
            rest = str(value)
        else:
            words.append(format_value(item, value))
    if rest:
        words.extend([rest] if is_calm(invocation, rest) else ["--", rest])
    return " ".join(words)


def is_calm(invocation: Invocation, text: str) -> bool:
    """Whether a text can be read as nothing but text."""
    open_project = any(item.leading and item.name not in invocation.arguments for item in invocation.command.parameters)
    return bool(CALM.match(text)) and not open_project


def format_value(item: Parameter, value: object) -> str:
    if item.is_flag:
        return item.option if value else f"{item.option}=no"
    shown = quote_word(str(value))
    return shown if item.positional and not item.leading else f"{item.option} {shown}"


def quote_word(word: str) -> str:
    """A word as it is typed: in quotes where it would be read as something else."""
    if re.fullmatch(r"[A-Za-z0-9][\w.,:/@+-]*", word, re.ASCII):
        return word
    return '"' + re.sub(r'(["“”\\])', r"\\\1", word) + '"'
