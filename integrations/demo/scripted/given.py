"""What a prompt holds beside its words: the project's instructions, and files that a person gave. Neither is played."""

from __future__ import annotations

import base64
import os
from urllib.parse import unquote, urlsplit

from .script import CONTEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Block = dict[str, Any]

INSTRUCTIONS = "--- Instructions of this project ---\n"
TASK = "\n--- End of the instructions."
FILES = "--- Files that came with this message ---"


def part_prompt(blocks: Sequence[Block]) -> tuple[str, dict[str, Any]]:
    """The words to play, and what was given with them: {instructions, files}."""
    text = "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    instructions, words = part_instructions(text)
    files = [describe_file(block) for block in blocks if block.get("type") != "text"]
    return cut_list(words), {"instructions": instructions, "files": files}


def part_instructions(text: str) -> tuple[str, str]:
    if not text.startswith(INSTRUCTIONS) or TASK not in text:
        return "", text
    instructions, _, rest = text.removeprefix(INSTRUCTIONS).partition(TASK)
    return instructions, rest.partition("\n")[2].lstrip("\n")


def cut_list(words: str) -> str:
    """Without the list of the files; what is there for context stays."""
    before, mark, after = words.partition(FILES)
    context = after.partition(CONTEXT)
    return before.rstrip() + (f"\n\n{CONTEXT}{context[2]}" if context[1] else "") if mark else words


def describe_file(block: Block) -> str:
    """`notes.txt: resource, text/plain, 12 bytes`."""
    inner = block.get("resource") or block
    uri, kind, way = str(inner.get("uri") or ""), inner.get("mimeType"), block.get("type")
    name = block.get("name") or os.path.basename(unquote(urlsplit(uri).path)) or "?"
    return f"{name}: {way}, {kind}, {measure_file(block, inner, uri)}"


def measure_file(block: Block, inner: Block, uri: str) -> str:
    if "data" in block:
        return f"{len(base64.b64decode(block['data']))} bytes"
    if "text" in inner:
        return f"{len(str(inner['text']).encode())} bytes"
    try:
        return f"{os.path.getsize(unquote(urlsplit(uri).path))} bytes in its place"
    except OSError:
        return "not in its place"
