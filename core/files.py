"""Files that people give with their words: what they are called, what they are, and how much is taken. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

MOST_FILES = 20
LARGEST_FILE = 5_000_000  # bytes
LARGEST_ALL = 10_000_000  # bytes, of one message
TEXT = "text/plain"
UNKNOWN = "application/octet-stream"
_LONGEST_NAME = 120  # bytes, so that every file system takes it
_LONGEST_END = 20
_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_REFUSED = frozenset('/\\:*?"<>|`')


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file as its message has it: `kind` is its MIME type by what is in it, `size` is in bytes, `sha256` finds its
    content."""

    name: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Blob:
    """What is in a file, kept once however many messages have it. `stored_at` is when it last came in."""

    sha256: str
    content: bytes
    stored_at: datetime


def refer_to(name: str, content: bytes) -> FileRef:
    """The reference to a file that came in, under a name that is safe to write and to show."""
    import hashlib  # loads OpenSSL, which the command line has no use for

    return FileRef(clean_name(name), judge_kind(content), len(content), hashlib.sha256(content).hexdigest())


def judge_kind(content: bytes) -> str:
    """Its MIME type by its first bytes: a name says what somebody wants it to be."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for mark, kind in _MARKS:
        if content.startswith(mark):
            return kind
    return TEXT if is_text(content) else UNKNOWN


def is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def clean_name(name: str) -> str:
    """A name without folders, control characters, marks that turn text around or anything a shell or a file system
    takes for more; never empty, "." or ".."."""
    plain = unicodedata.normalize("NFC", name)
    kept = "".join("_" if letter in _REFUSED or not letter.isprintable() else letter for letter in plain).strip()
    if kept.startswith(("-", "~")):
        kept = f"_{kept[1:]}"
    return _shorten_name(kept.rstrip(". ")).rstrip(". ") or "file"


def _shorten_name(name: str) -> str:
    """Its beginning and its ending."""
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    stem, dot, end = name.rpartition(".")
    end = f".{end}" if dot and stem and len(end.encode()) < _LONGEST_END else ""
    room = _LONGEST_NAME - len(end.encode())
    return (stem if end else name).encode()[:room].decode(errors="ignore") + end


def part_names(files: Sequence[FileRef]) -> tuple[FileRef, ...]:
    """The same with no name twice, whatever the case: `a.txt`, `a-2.txt`."""
    taken: set[str] = set()
    parted: list[FileRef] = []
    for file in files:
        name, number = file.name, 1
        while name.casefold() in taken:
            number += 1
            name = _number_name(file.name, number)
        taken.add(name.casefold())
        parted.append(replace(file, name=name))
    return tuple(parted)


def _number_name(name: str, number: int) -> str:
    stem, dot, end = name.rpartition(".")
    return f"{stem}-{number}.{end}" if dot and stem else f"{name}-{number}"


def say_size(size: int) -> str:
    """`12 bytes`, `3.4 kB`, `1.2 MB`."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
