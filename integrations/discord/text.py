"""Words for Discord: escaped, cut with a word of how much is missing; and what people typed, as they meant it."""

from __future__ import annotations

import re

from core.text import address_hints, plain

_MARKS = re.compile(r"([\\*_~`|\[\]<])")
_LINE = re.compile(r"^(\s*\d*)([#>.-])", re.MULTILINE)
_CALLS = re.compile(r"@(?=everyone|here|[!&]?\d)")
_HINT = re.compile(r"`([^`\n]+)`")
_SENT = re.compile(r"<(?P<mark>@[!&]?|#|a?:)(?P<target>[^<>\s]*)>")
_ROOM = 40


def escape(text: str) -> str:
    """Text that says what it says, and calls nobody: https://support.discord.com/hc/en-us/articles/210298617"""
    said = _MARKS.sub(r"\\\1", plain(text))
    said = _LINE.sub(r"\1\\\2", said)
    return _CALLS.sub(r"\\@", said)


def cut(text: str, most: int, where: str = "") -> str:
    """At most so many characters, with how many are missing; `where` says where they are."""
    if len(text) <= most:
        return text
    kept = text[: max(most - _ROOM - len(where), 0)]
    return f"{kept.rstrip()}… ({len(text) - len(kept):,} characters more{where})"


def say(text: str, most: int, where: str = "") -> str:
    """Escaped, and then no longer than so many characters."""
    shown, room = plain(text), most
    while len(escape(kept := cut(shown, room, where))) > most and room > 0:
        room -= max(len(escape(kept)) - most, 1)
    return escape(kept)


def fence(text: str, most: int, where: str = "") -> str:
    """Text as it is, in a block that nothing in it can end."""
    shown = plain(text).replace("```", "``ˋ")
    return f"```\n{cut(shown, most - 10, where)}\n```"


def address(text: str, command: str, most: int) -> str:
    """A hint: commands in backticks as they are typed in Discord, all else escaped."""
    said = address_hints(plain(text), f"/{command}")
    parts, at = [], 0
    for match in _HINT.finditer(said):
        parts += [escape(said[at : match.start()]), f"`{match[1]}`"]
        at = match.end()
    whole = "".join([*parts, escape(said[at:])])
    return whole if len(whole) <= most else say(said, most)


def read_sent(text: str, bot: str) -> str:
    """What a person typed: without the bot's own mention, emoji by their names."""

    def show(match: re.Match[str]) -> str:
        mark, target = match["mark"], match["target"]
        if mark.startswith("@") and target == bot:
            return ""
        return f":{target.partition(':')[0]}:" if mark.endswith(":") else f"{mark[0]}{target}"

    return _SENT.sub(show, text).strip()
