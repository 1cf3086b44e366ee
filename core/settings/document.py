"""Reads callboard.yaml: plain YAML (text, numbers, true and false, lists, mappings), with the line of every key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from core.settings.problem import KeyPath, Problem, refuse, show_key

MAX_BYTES = 1_048_576
MAX_NODES = 20_000
MAX_DEPTH = 20
WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
DECIMAL = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))([eE][-+]?[0-9]{1,3})?")
WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


@dataclass(slots=True)
class Document:
    """A file as data. `lines` says where each key stands (from 1); `problems` are repeated keys."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_text(file: Path, label: str) -> str:
    """The text of a small file. Raises BadSettings when it is missing, not a file, too large or not UTF-8."""
    try:
        if not S_ISREG(file.stat().st_mode):
            refuse(label, "this is not a file.", "Name a file.")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        refuse(
            label, "there is no such file.", "Check the path, or write one: callboard config example > callboard.yaml"
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path cannot be used"
        refuse(label, f"this file cannot be read ({reason}).", "Make it readable for the user who runs callboard.")
    if len(content) > MAX_BYTES:
        refuse(label, "the file is larger than 1 MiB.", "This is probably another file; check the path.")
    return decode_text(content, label)


def decode_text(content: bytes, label: str) -> str:
    """UTF-8, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refuse(f"{label}:{line}", "the file is not UTF-8 text.", "Save it as UTF-8.")


def read_document(file: Path, label: str) -> Document:
    """The configuration file as data. Raises BadSettings when it cannot be read as a mapping."""
    return parse_document(read_text(file, label), label)


def parse_document(text: str, label: str) -> Document:
    """YAML text as data. Raises BadSettings, with line and column, for what is not YAML or not plain."""
    document = Document()
    try:
        data = _Reader(yaml.parse(text, Loader=yaml.SafeLoader), label, document).read()
    except yaml.MarkedYAMLError as error:
        _refuse_syntax(error, label)
    except yaml.YAMLError:
        refuse(label, "the file holds characters that text does not have.", "This is probably a binary file.")
    except (ValueError, OverflowError):
        refuse(label, "the file holds an escape or number that YAML does not know.", "Look at the \\x, \\u and \\U.")
    if data is None:
        return document
    if not isinstance(data, dict):
        refuse(f"{label}:1", "the file must hold keys with values, such as `limits:`.", "See: callboard config example")
    document.data = data
    return document


def _refuse_syntax(error: yaml.MarkedYAMLError, label: str) -> None:
    mark = error.problem_mark or error.context_mark
    where = f"{label}:{mark.line + 1}:{mark.column + 1}" if mark else label
    reason = error.problem or "it cannot be read"
    if "'\\t'" in reason:
        refuse(where, "there is a tab where spaces are needed.", "Indent with spaces.")
    refuse(where, f"this is not YAML: {reason}.", "Look at this line and the one above: colons, quotes, indentation.")


class _Reader:
    """Builds the data from the parser's events, within bounds of depth and size, aliases counted as often as used."""

    def __init__(self, events: Iterator[Event], label: str, document: Document) -> None:
        self._events = events
        self._label = label
        self._document = document
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def read(self) -> Any:
        data = None
        for event in self._events:
            if isinstance(event, StreamStartEvent | DocumentEndEvent | StreamEndEvent):
                continue
            if not isinstance(event, DocumentStartEvent) or self._nodes:
                self._refuse(event, "a second document starts here (---).", "Keep one document in the file.")
            data = self._build(next(self._events), ())
        return data

    def _build(self, event: Event, path: KeyPath) -> Any:
        self._count(event, 1)
        if len(path) > MAX_DEPTH:
            self._refuse(event, "this is nested too deeply.", "No setting is that deep.")
        if isinstance(event, AliasEvent):
            return self._repeat(event)
        before = self._nodes
        value = self._build_value(event, path)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _build_value(self, event: Event, path: KeyPath) -> Any:
        if getattr(event, "tag", None) not in TEXT_TAGS:
            self._refuse(event, "tags (such as !!int or !name) are not used here.", "Remove the tag.")
        if isinstance(event, MappingStartEvent):
            return self._build_mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._build_list(path)
        return self._build_scalar(event)

    def _build_mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._read_key(event)
            value = self._build(next(self._events), (*path, key))
            if key in values:
                first = self._document.lines[(*path, key)]
                self._repeat_key(event, (*path, key), first)
                continue
            values[key] = value
            self._document.lines[(*path, key)] = read_line(event)
        return values

    def _build_list(self, path: KeyPath) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            step = (*path, str(len(values)))
            self._document.lines[step] = read_line(event)
            values.append(self._build(event, step))
        return values

    def _build_scalar(self, event: Event) -> Any:
        text: str = getattr(event, "value", "")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._refuse(event, "this text holds half a character (a surrogate).", "Write the character itself.")
        plain = isinstance(event, ScalarEvent) and event.implicit[0] and event.tag is None
        return read_scalar(text) if plain else text

    def _read_key(self, event: Event) -> str:
        self._count(event, 1)
        if not isinstance(event, ScalarEvent) or event.tag not in TEXT_TAGS:
            self._refuse(event, "a key must be plain text.", "Put it in quotes when it starts with a sign.")
        if event.value == "<<":
            self._refuse(event, "merge keys (<<) are not used here.", "Repeat the keys, or use a whole alias.")
        self._build_scalar(event)
        return str(event.value)

    def _repeat(self, event: AliasEvent) -> Any:
        if event.anchor is None or event.anchor not in self._anchors:
            self._refuse(
                event, "this alias (*) stands for nothing.", "Define it above with &, or put quotes around it."
            )
        value, size = self._anchors[event.anchor]
        self._count(event, size)
        return value

    def _repeat_key(self, event: Event, path: KeyPath, first: int) -> None:
        where = f"{self._label}:{read_line(event)}: {'.'.join(map(show_key, path))}"
        self._document.problems.append(
            Problem(where, f"this key is there twice; the first is on line {first}.", "Remove one.")
        )

    def _count(self, event: Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(event, f"the file holds more than {MAX_NODES} values.", "Use fewer entries or aliases.")

    def _refuse(self, event: Event, message: str, remedy: str) -> NoReturn:
        column = event.start_mark.column + 1 if event.start_mark else 1
        refuse(f"{self._label}:{read_line(event)}:{column}", message, remedy)


def read_line(event: Event) -> int:
    """The line of an event, from 1."""
    return event.start_mark.line + 1 if event.start_mark else 1


def read_scalar(text: str) -> Any:
    """An unquoted value: number, true, false, nothing, else text. `yes`, `on`, dates and `0x1` stay text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text
