"""Words for Slack: escaped, cut with a word of how much is missing, commands as they are typed there."""

from __future__ import annotations

import re
from collections.abc import Collection

from core.text import address_hints, plain

_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_SENT = re.compile(r"<(?P<mark>[@#!]?)(?P<target>[^|>\n]*)(?:\|(?P<label>[^>\n]*))?>")
_ROOM = 40


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
    kept = text[: max(most - _ROOM - len(where), 0)]
    return f"{kept.rstrip()}… ({len(text) - len(kept):,} characters more{where})"


def say(text: str, most: int, where: str = "") -> str:
    """Escaped, and then no longer than so many characters."""
    shown = plain(text)
    room = most
    while len(escape(kept := cut(shown, room, where))) > most:
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
