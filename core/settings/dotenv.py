"""Writes variables into the text of a .env file; every other line stays as it is."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from dotenv.parser import parse_stream

from core.errors import BadInput

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]*")


def set_variables(text: str, values: Mapping[str, str]) -> str:
    """The text with these variables, each once, in its old place if it has one. Raises BadInput for a value that is
    not one plain word."""
    if wrong := [name for name, value in values.items() if not _PLAIN.fullmatch(value)]:
        raise BadInput(f"{', '.join(wrong)}: this cannot stand in a .env file.", remedy="Copy it again, in one line.")
    written: set[str] = set()
    parts: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        if binding.key is None or binding.key not in values:
            parts.append(original)
        elif binding.key not in written:
            written.add(binding.key)
            start = original[: len(original) - len(original.lstrip("\n"))]
            parts.append(f"{start}{binding.key}={values[binding.key]}\n")
    made = "".join(parts)
    fresh = [f"{name}={value}\n" for name, value in values.items() if name not in written]
    return made + ("\n" if fresh and made and not made.endswith("\n") else "") + "".join(fresh)
