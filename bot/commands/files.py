"""Files in a call: read as they came, then kept by content, so that the call itself carries references alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.errors import BadInput
from core.files import LARGEST_ALL, LARGEST_FILE, MOST_FILES, Blob, FileRef, part_names, refer_to, say_size

if TYPE_CHECKING:
    from bot.commands.registry import Command

FILES = "files"
_LONGEST_NAME = 1_000
_FORMS = ({"name", "text"}, {"name", "base64"})
_STORED = {"name", "kind", "size", "sha256"}


def read_files(value: object) -> list[dict[str, Any]]:
    """Files as they came, or as they were stored with a call. Raises BadInput."""
    if not isinstance(value, list) or len(value) > MOST_FILES:
        raise BadInput(f"Files are a list of at most {MOST_FILES}, each with a name, and its text or base64.")
    found = [_read_file(item) for item in value]
    if sum(measure_file(item) for item in found) > LARGEST_ALL:
        raise BadInput(f"The files are larger than {say_size(LARGEST_ALL)} together.", remedy="Give fewer of them.")
    return found


def _read_file(item: object) -> dict[str, Any]:
    if not isinstance(item, Mapping) or set(item) not in (*_FORMS, _STORED):
        raise BadInput("A file has a name, and its text or base64.")
    if any(not isinstance(value, int if key == "size" else str) for key, value in item.items()):
        raise BadInput("A file's name and content are text.")
    name = str(item["name"])
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable() or name in (".", ".."):
        raise BadInput("A file has no name that can be used.", remedy="A name is one line, with no folder in it.")
    if "/" in name or "\\" in name:
        raise BadInput(f"“{name[:60]}” is no file name.", remedy="A name has no folder in it.")
    if measure_file(item) > LARGEST_FILE:
        raise BadInput(
            f"{name[:60]} is larger than {say_size(LARGEST_FILE)}.", remedy="Put it where the agent finds it."
        )
    return dict(item)


def measure_file(item: Mapping[str, Any]) -> int:
    """Bytes, without reading base64: as good as exact, and it costs nothing."""
    if "base64" in item:
        return len(item["base64"]) * 3 // 4
    return len(item["text"].encode("utf-8", "replace")) if "text" in item else int(item["size"])


def bind_files(value: list[dict[str, Any]]) -> tuple[FileRef, ...]:
    """What a handler gets."""
    return part_names([FileRef(**item) if set(item) == _STORED else refer_to(*_open_file(item)) for item in value])


def stow_files(command: Command, arguments: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], list[Blob]]:
    """The arguments of a call with references in the place of its files, and their contents. Raises BadInput for a
    reference that came in: nobody reaches a file by its hash."""
    stowed, blobs = dict(arguments), []
    for item in command.parameters:
        for file in stowed.get(item.name, ()) if item.type.name == FILES else ():
            if "sha256" in file:
                raise BadInput("A file has a name, and its text or base64.")
            name, content = _open_file(file)
            blobs.append(Blob(refer_to(name, content).sha256, content, now))
        if item.type.name == FILES and item.name in stowed:
            stowed[item.name] = [_write_ref(ref) for ref in bind_files(stowed[item.name])]
    return stowed, blobs


def _open_file(item: Mapping[str, Any]) -> tuple[str, bytes]:
    if "text" in item:
        return item["name"], item["text"].encode("utf-8", "replace")
    try:
        return item["name"], base64.b64decode(item["base64"], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"{item['name'][:60]} is not base64.") from None


def _write_ref(ref: FileRef) -> dict[str, Any]:
    return {"name": ref.name, "kind": ref.kind, "size": ref.size, "sha256": ref.sha256}


def say_files(files: tuple[FileRef, ...]) -> str:
    """` with a.txt and b.png`, "" when there are none."""
    if not files:
        return ""
    *first, last = [file.name for file in files]
    return f" with {', '.join(first)} and {last}" if first else f" with {last}"
