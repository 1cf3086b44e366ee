"""Words for Slack: escaped, cut with a word of how much is missing, commands as they are typed there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from core.text import address_hints, plain

_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_SENT = re.compile(r"<(?P<mark>[@#!]?)(?P<target>[^|>\n]*)(?:\|(?P<label>[^>\n]*))?>")
_ROOM = 40
_LONGEST_WORD = 300
Shorten = Callable[[str, int, str], str]


def escape(text: str) -> str:
    """Text that says what it says, and calls nobody: https://docs.slack.dev/messaging/formatting-message-text"""
    said = plain(text)
    for letter, entity in _ENTITIES:
        said = said.replace(letter, entity)
    return said


def cut(text: str, most: int, where: str = "") -> str:
    """At most so many characters, with how many are missing; `where` says where they are."""
    if len(text) <= most:
        return text
    kept = _keep_words(text, max(most - _ROOM - len(where), 0))
    return f"{kept.rstrip()}… ({len(text) - len(kept):,} characters more{where})"


def _keep_words(text: str, at: int) -> str:
    """The beginning, up to a whole word: half of an id or a link is another one."""
    blank = max(text.rfind(" ", 0, at + 1), text.rfind("\n", 0, at + 1))
    return text[: blank if at - blank < _LONGEST_WORD and blank > 0 else at]


def cut_middle(text: str, most: int, where: str = "") -> str:
    """The same with its first and its last lines, and how many characters are missing between."""
    if len(text) <= most:
        return text
    room = max(most - _ROOM - len(where) - 2, 0)
    head = text[: text.rfind("\n", room // 2, room * 2 // 3) + 1] or _keep_words(text, room * 2 // 3)
    last = max(len(text) - room // 3, len(head))
    at = text.find("\n", last, last + room // 6)
    tail = text[at + 1 if at >= 0 else last :]
    missing = len(text) - len(head) - len(tail)
    return f"{head.rstrip()}\n… ({missing:,} characters more{where})\n{tail}"


def say(text: str, most: int, where: str = "", shorten: Shorten = cut) -> str:
    """Escaped, and then no longer than so many characters."""
    shown = plain(text)
    room = most
    while len(escape(kept := shorten(shown, room, where))) > most:
        room -= max(len(escape(kept)) - most, 1)
    return escape(kept)


def address(text: str, command: str, verbs: Collection[str] | None = None) -> str:
    """Commands in backticks as they are typed in Slack."""
    return address_hints(text, command, verbs)


def read_sent(text: str, bot: str) -> str:
    """What a person typed, from what Slack made of it: without the bot's own mention, links as they were."""

    def show(match: re.Match[str]) -> str:
        mark, target, label = match["mark"], match["target"], match["label"]
        if mark == "@":
            return "" if target == bot else f"@{label or target}"
        if mark == "#":
            return f"#{label or target}"
        if mark == "!":
            return f"@{(label or target).lstrip('@')}"
        # What Slack made a link of by itself reads as it was typed; any other label could lie.
        made = label and target in (f"http://{label}", f"https://{label}", f"mailto:{label}")
        return label if made else target.removeprefix("mailto:")

    said = _SENT.sub(show, text)
    for letter, entity in reversed(_ENTITIES):
        said = said.replace(entity, letter)
    return said.strip()
