"""Changes callboard.yaml by whole lines: what is not the entry of which the change is stays byte for byte as it is.

The places come from the parser's own marks. The result is read again and must say what the old text said and the
change, nothing else; where that fails, or the file is written in a way that is not understood here, the change is
refused with the lines to write by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from core.errors import Conflict
from core.settings.document import parse_document, read_scalar
from core.settings.problem import BadSettings

STEP = 2
MARK = "# Written by command; comments and order are kept."
_PLAIN = re.compile(r"[A-Za-z0-9/~_][A-Za-z0-9./~_@+-]*")
# YAML takes these for line breaks as well, editors do not.
_ODD_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


class CannotEdit(Conflict):
    """The file is not changed by this program. `lines` is what a person may write."""

    def __init__(self, reason: str, lines: str, remedy: str) -> None:
        super().__init__(reason, remedy=remedy)
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Node:
    """A value as it stands: `start` and `end` are places in the text, `end` that of the last thing within."""

    event: Event
    start: int
    column: int
    end: int
    entries: tuple[tuple[Node, Node], ...] = ()

    @property
    def is_block(self) -> bool:
        return isinstance(self.event, MappingStartEvent) and not self.event.flow_style

    @property
    def is_empty(self) -> bool:
        return isinstance(self.event, ScalarEvent) and self.start == self.end and self.event.value == ""

    def find(self, key: str) -> tuple[Node, Node] | None:
        """Key and value of an entry."""
        return next((pair for pair in self.entries if getattr(pair[0].event, "value", None) == key), None)


def insert_entry(text: str, section: str, name: str, fields: Mapping[str, str]) -> str:
    """The text with `section.name` at the section's end; the section is made when there is none.

    Raises CannotEdit, with the lines to write; BadSettings when the text is none of ours; ValueError when it is there.
    """
    before = parse_document(text, "callboard.yaml")
    entries = _read_section(before.data, section)
    if name in entries:
        raise ValueError(f"{section}.{name} is there already")
    lines = write_entry(name, fields, STEP, STEP)
    made = _insert_lines(text, section, name, fields)
    wanted = {**before.data, section: {**entries, name: dict(fields)}}
    if made is None or before.problems or not _says(made, wanted):
        raise _refuse(f"{section}.{name} cannot be written into this file.", f"{section}:\n" + "\n".join(lines), "Add")
    return made


def remove_entry(text: str, section: str, name: str) -> str:
    """The text without `section.name` and the comments within it. Raises CannotEdit, BadSettings, and KeyError when it
    is not there."""
    before = parse_document(text, "callboard.yaml")
    entries = _read_section(before.data, section)
    if name not in entries:
        raise KeyError(f"{section}.{name}")
    rest = {key: value for key, value in entries.items() if key != name}
    made = _remove_lines(text, section, name)
    wanted = {key: value for key, value in before.data.items() if key != section}
    fits = made is not None and not before.problems
    if not fits or not _says(made or "", wanted | ({section: rest} if rest else {}), section):
        raise _refuse(f"{section}.{name} cannot be taken out of this file.", f"{section}.{name}", "Remove")
    return made or ""


def _read_section(data: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    found = data.get(section)
    return found if isinstance(found, Mapping) else {}


def write_entry(name: str, fields: Mapping[str, str], column: int, step: int) -> list[str]:
    """The lines of an entry, without line ends."""
    inner = " " * (column + step)
    return [f"{' ' * column}{name}:", *(f"{inner}{key}: {write_scalar(value)}" for key, value in fields.items())]


def write_scalar(value: str) -> str:
    """A text as YAML, in quotes where it could be read as something else."""
    if _PLAIN.fullmatch(value) and read_scalar(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _refuse(reason: str, lines: str, verb: str) -> CannotEdit:
    return CannotEdit(reason, lines, f"{verb} it by hand, then `reload`:\n{lines}")


def _says(text: str, wanted: Mapping[str, Any], empty: str = "") -> bool:
    """Whether the text holds exactly this; a section named `empty` may be there with nothing in it."""
    try:
        found = parse_document(text, "")
    except BadSettings:
        return False
    data = {key: value for key, value in found.data.items() if key != empty or value}
    return not found.problems and data == wanted


# ------------------------------------------------------------------------------------------------------------- lines


def _insert_lines(text: str, section: str, name: str, fields: Mapping[str, str]) -> str | None:
    root = read_nodes(text)
    if _ODD_BREAKS.search(text) or (root is not None and not root.is_block):
        return None
    end = _find_break(text)
    pair = root.find(section) if root else None
    if pair is None:
        column = root.column if root else 0
        lines = [" " * column + MARK, f"{' ' * column}{section}:", *write_entry(name, fields, column + STEP, STEP)]
        return _put(text, len(text), ["", *lines] if text else lines, end)
    key, value = pair
    if value.is_empty:
        column = key.column + STEP
        return _put(text, _find_end(text, key.end, column), write_entry(name, fields, column, STEP), end)
    if not value.is_block:
        return None
    first_key, first_value = value.entries[0]
    step = first_value.column - first_key.column if first_value.is_block else STEP
    return _put(
        text, _find_end(text, value.end, value.column), write_entry(name, fields, value.column, max(step, 1)), end
    )


def _put(text: str, at: int, lines: list[str], end: str) -> str:
    """Whole lines at a place; a text that has no line end at its end gets none."""
    if at == len(text) and text and not text.endswith("\n"):
        return text + "".join(end + line for line in lines)
    return text[:at] + "".join(line + end for line in lines) + text[at:]


def _remove_lines(text: str, section: str, name: str) -> str | None:
    root = read_nodes(text)
    pair = root.find(section) if root and root.is_block else None
    entry = pair[1].find(name) if pair and pair[1].is_block else None
    if pair is None or entry is None or _ODD_BREAKS.search(text):
        return None
    key, value = entry
    start, stop = _find_start(text, key.start), _find_end(text, value.end, key.column)
    if text[start : key.start].strip(" "):
        return None
    if len(pair[1].entries) == 1:
        start = _find_made(text, _find_start(text, pair[0].start), start)
    if stop == len(text) and not text.endswith("\n"):
        start -= len(re.search(r"\r?\n?\Z", text[:start])[0])  # type: ignore[index]
    return text[:start] + text[stop:]


def _find_made(text: str, section: int, entry: int) -> int:
    """Where to cut when the last entry goes: with the section and what `insert_entry` wrote above it, or after it."""
    above = re.search(rf"(^|\n)(\r?\n)?[ ]*{re.escape(MARK)}\r?\n\Z", text[:section])
    if above is None or text[section:entry].count("\n") != 1:
        return entry
    return above.end(1) if above[2] or above.start() == 0 else entry


def _find_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _find_end(text: str, at: int, column: int) -> int:
    """After the line of a place, and after the comments below it that stand further in than `column`."""
    if at and text[at - 1] != "\n":
        at = text.find("\n", at) + 1 or len(text)
    while match := re.compile(rf"[ ]{{{column + 1},}}#[^\n]*(\n|$)").match(text, at):
        at = match.end()
    return at


def _find_break(text: str) -> str:
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


# ------------------------------------------------------------------------------------------------------------- nodes


def read_nodes(text: str) -> Node | None:
    """The document with the places of everything; None when it is empty. The text was parsed before: it is bounded."""
    events = (event for event in yaml.parse(text, Loader=yaml.SafeLoader))
    for event in events:
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            node = _read_node(events, event)
            return None if node.is_empty else node
    return None


def _read_node(events: Iterator[Event], event: Event) -> Node:
    start, column = event.start_mark.index, event.start_mark.column  # type: ignore[union-attr]
    if isinstance(event, MappingStartEvent):
        return _read_mapping(events, event, start, column)
    end = _find_stop(event)
    while isinstance(event, SequenceStartEvent):
        item = next(events)
        if isinstance(item, SequenceEndEvent):
            return Node(event, start, column, _find_stop(item) if event.flow_style else end)
        end = _read_node(events, item).end
    return Node(event, start, column, end)


def _find_stop(event: Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def _read_mapping(events: Iterator[Event], event: MappingStartEvent, start: int, column: int) -> Node:
    entries: list[tuple[Node, Node]] = []
    while not isinstance(item := next(events), MappingEndEvent):
        key = _read_node(events, item)
        entries.append((key, _read_node(events, next(events))))
    end = _find_stop(item) if event.flow_style or not entries else entries[-1][1].end
    return Node(event, start, column, end, tuple(entries))
