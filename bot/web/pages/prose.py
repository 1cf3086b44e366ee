"""What an agent wrote, as text and code. Nothing else of its marks means anything here. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_FENCES = ("```", "~~~")


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines; `is_code` if they stood between fences."""

    text: str
    is_code: bool = False


def part_prose(text: str) -> Sequence[Block]:
    """Text and fenced code in their order. A fence that is never closed goes to the end."""
    blocks: list[Block] = []
    held: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = line.strip()[:3]
        if (fence and line.strip() == fence) or (not fence and mark in _FENCES):
            _end_block(blocks, held, is_code=bool(fence))
            fence = "" if fence else mark
            held = []
        else:
            held.append(line)
    _end_block(blocks, held, is_code=bool(fence))
    return blocks


def _end_block(blocks: list[Block], lines: Sequence[str], *, is_code: bool) -> None:
    text = "\n".join(lines) if is_code else "\n".join(lines).strip("\n")
    if text.strip():
        blocks.append(Block(text, is_code))
