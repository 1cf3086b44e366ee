"""Differences, as files with lines that have a sign and numbers. Pure: a patch of git in, rows out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@(.*)", re.DOTALL)
_OCTAL = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_CUT = "[callboard: "
_NOTES = ("new file", "deleted file", "old mode", "new mode", "similarity", "rename ", "copy ", "Binary files", "GIT ")


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `sign` is "+", "-", " ", or "@" for where a hunk begins; numbers are 0 on the side that has none."""

    sign: str
    text: str
    old: int = 0
    new: int = 0


@dataclass(slots=True)
class File:
    """What happened to one file. `notes` are git's own words: renamed, binary, another mode."""

    path: str
    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Patch:
    """A difference. `missing` counts lines that are not shown, `cut` says what was left out before."""

    files: Sequence[File]
    missing: int = 0
    cut: str = ""


def read_patch(text: str, limit: int) -> Patch:
    """Git's output; at most `limit` rows of it."""
    files: list[File] = []
    cut = ""
    room = limit
    missing = 0
    at = [0, 0]
    for raw in text.split("\n"):
        # Within a hunk each line has a sign, so that none of these is content.
        if raw.startswith("diff --git "):
            files.append(File(_name_file(raw)))
            at = [0, 0]
        elif raw.startswith(_CUT):
            cut = raw[len(_CUT) :].rstrip("]")
        elif files and room:
            room -= _take_line(files[-1], raw, at)
        elif files and raw:
            missing += 1
    return Patch(files, missing, cut)


def _take_line(file: File, raw: str, at: list[int]) -> int:
    """Add one line to its file; 1 if it is a row."""
    if match := _HUNK.match(raw):
        at[:] = int(match[1]), int(match[2])
        file.lines.append(Line("@", match[3].strip()))
        return 1
    if not at[0] and not at[1]:
        _take_header(file, raw)
        return 0
    if raw[:1] not in ("+", "-", " ", "\\"):
        return 0
    file.lines.append(_number_line(file, raw, at))
    return 1


def _number_line(file: File, raw: str, at: list[int]) -> Line:
    sign, text = raw[:1], raw[1:]
    if sign == "\\":
        return Line("\\", text.strip())
    line = Line(sign, text, at[0] if sign != "+" else 0, at[1] if sign != "-" else 0)
    at[0] += sign != "+"
    at[1] += sign != "-"
    file.added += sign == "+"
    file.removed += sign == "-"
    return line


def _take_header(file: File, raw: str) -> None:
    if raw.startswith(("--- ", "+++ ")):
        name = unquote_name(raw[4:].rstrip("\t"))
        if name != "/dev/null":
            file.path = name[2:] if name[:2] in ("a/", "b/") else name
    elif raw.startswith(("rename to ", "copy to ")):
        file.path = unquote_name(raw.partition(" to ")[2])
        file.notes.append(raw)
    elif raw.startswith(_NOTES):
        file.notes.append(raw)


def _name_file(raw: str) -> str:
    """The name in a `diff --git` line, which is twice the same where no other line says it."""
    names = raw.removeprefix("diff --git ")
    if names.endswith('"'):
        return unquote_name('"' + names[:-1].rpartition(' "')[2] + '"').removeprefix("b/")
    half = len(names) // 2
    return names[half + 1 :].removeprefix("b/")


def unquote_name(name: str) -> str:
    """A file name as git writes it, with its quotes and escapes undone."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    bare = _OCTAL.sub(_undo_escape, name[1:-1].encode("utf-8", "replace"))
    return bare.decode("utf-8", "replace")


def _undo_escape(match: re.Match[bytes]) -> bytes:
    word = match[1]
    if len(word) == 3:
        return bytes([int(word, 8) & 0xFF])
    return _ESCAPES.get(word, word)


def read_edits(edits: Any) -> Sequence[File]:
    """What a request for permission would change: each file's old and new text."""
    given = edits if isinstance(edits, list) else [edits]
    return [_read_edit(edit) for edit in given if isinstance(edit, Mapping)]


def _read_edit(edit: Mapping[str, Any]) -> File:
    file = File(str(edit.get("path", "")))
    old, new = (str(edit.get(side) or "").split("\n") for side in ("old", "new"))
    if new[-1] == "" and ("old" not in edit or old[-1] == ""):
        old, new = old[:-1], new[:-1]
    if "old" not in edit:
        file.notes.append("new file, or the whole text of one")
    for line in _compare(old if "old" in edit else [], new):
        at = [line.old, line.new]
        file.lines.append(line if line.sign == "@" else _number_line(file, line.sign + line.text, at))
    return file


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    at = [0, 0]
    for number, raw in enumerate(difflib.unified_diff(old, new, lineterm="")):
        if number < 2:
            continue
        if match := _HUNK.match(raw):
            at[:] = max(1, int(match[1])), max(1, int(match[2]))
            yield Line("@", match[3].strip())
        else:
            yield Line(raw[:1], raw[1:], at[0], at[1])
            at[0] += raw[:1] != "+"
            at[1] += raw[:1] != "-"
