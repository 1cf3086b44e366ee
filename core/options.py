"""Options of a question, and the words that stand for them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from core.model import Option

_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}", re.ASCII)


def pick_option(options: Sequence[Option], text: str) -> str:
    """The id of the option that words stand for: its id, its name, or its number from 1; "" for none of them. What
    is said exactly comes first."""
    word = text.strip().casefold()
    numbered = [str(number) for number in range(1, len(options) + 1)]
    for words in (
        [option.id.casefold() for option in options],
        [option.name.strip().casefold() for option in options],
        numbered,
    ):
        if word in words:
            return options[words.index(word)].id
    return ""


def read_fields(text: str) -> dict[str, Any] | None:
    """The fields of a form, filled in as a JSON object; None for any other words."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def name_option(options: Sequence[Option], option: Option) -> str:
    """A word that can be typed and stands for this option, whatever it is called; "" when there is none."""
    words = (option.id, str(options.index(option) + 1))
    return next((word for word in words if _SIMPLE.fullmatch(word) and pick_option(options, word) == option.id), "")
