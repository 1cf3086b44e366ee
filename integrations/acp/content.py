"""What a prompt is made of: words, and each file in the way that the agent takes it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.interfaces import GivenFile

LONGEST_TEXT = 100_000  # bytes; more is read from its place by the agent, as far as it needs it
LARGEST_IMAGE = 3_700_000  # bytes; models take 5 MB of base64 at most

Block = dict[str, Any]


def write_blocks(text: str, files: Sequence[GivenFile], can: Collection[str]) -> list[Block]:
    """The blocks of a prompt. `can` is what the agent said of itself: `image`, `embeddedContext`."""
    return [{"type": "text", "text": text}, *(write_file(file, can) for file in files)]


def write_file(file: GivenFile, can: Collection[str]) -> Block:
    """A picture as one, a short text with its words, everything else by its place, which each agent must take."""
    uri = PurePosixPath(file.path).as_uri()
    if file.kind.startswith("image/") and "image" in can and len(file.content) <= LARGEST_IMAGE:
        data = base64.b64encode(file.content).decode()
        return {"type": "image", "mimeType": file.kind, "data": data, "uri": uri}
    if file.kind.startswith("text/") and "embeddedContext" in can and len(file.content) <= LONGEST_TEXT:
        text = file.content.decode("utf-8", "replace")
        return {"type": "resource", "resource": {"uri": uri, "mimeType": file.kind, "text": text}}
    size = len(file.content)
    return {"type": "resource_link", "uri": uri, "name": file.name, "mimeType": file.kind, "size": size}
