"""The first word of a task, where a project may stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.commands.parameters import NAME, quote_value
from core.errors import NotFound

WORD = re.compile(NAME)
_SHORTEST = 3
_ALIKE = 0.8
_ADVICE = "A task without a project is one quoted text; a project can be named in front: --project NAME."


def check_first(word: str, projects: Sequence[str], *, before_quote: bool) -> None:
    """Raises NotFound for a word that is no project and may have been meant as one: it looks like one, or stands
    before a quoted task (`before_quote`). Work in another repository would be a surprise."""
    if not projects or word in projects or not WORD.fullmatch(word):
        return
    if near := find_near(word, projects):
        raise NotFound(f"There is no project {quote_value(word)}.", remedy=f"Did you mean {near}? {_ADVICE}")
    if before_quote:
        known = ", ".join(projects)
        raise NotFound(f"There is no project {quote_value(word)}.", remedy=f"Projects: {known}. {_ADVICE}")


def find_near(word: str, projects: Sequence[str]) -> str:
    """The project that a word looks like; "" when there is none."""
    from difflib import get_close_matches

    names = {name.casefold(): name for name in projects}
    near = get_close_matches(word.casefold(), names, n=1, cutoff=_ALIKE) if len(word) >= _SHORTEST else ()
    return names[near[0]] if near else ""
