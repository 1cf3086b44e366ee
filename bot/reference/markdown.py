"""Pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def write_head(title: str, source: str, about: str) -> str:
    """Title, where the page comes from, and what it is about."""
    return f"# {title}\n\n<!-- Written by `python -m bot.reference` from {source}; edit that. -->\n\n{about}\n"


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(escape_cell, line))} |" for line in lines)


def escape_cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def join_code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
