"""Text from outside, made safe to show. Nothing is hidden: what a terminal would obey or not show becomes visible."""

from __future__ import annotations

import re
from collections.abc import Collection

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
# Control characters but \t and \n, and what reorders or hides text: bidi marks, zero width, soft hyphen, tags, fillers.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# Commands stand in backticks, without the name of any program.
_COMMAND = re.compile(r"`(?P<verb>[a-z]+)(?P<rest> [^`\n]*)?`")


def reveal(text: str) -> str:
    """Every control, direction and invisible character written out (`\\x1b`, `\\u202e`); for what is to be approved."""
    return _UNSEEN.sub(_write_out, text.replace("\r\n", "\n"))


def plain(text: str) -> str:
    """The same, without the colour sequences that tools print; for everything else that is shown."""
    return reveal(_COLOURS.sub("", text))


def one_line(text: str) -> str:
    """Plain, on one line."""
    return " ".join(plain(text).split())


def address_hints(text: str, program: str, verbs: Collection[str] | None = None) -> str:
    """The same text with the program's name before every command: `list` -> `./callboard list`. With `verbs` only
    those that begin with one of them, because other things stand in backticks as well."""

    def address(found: re.Match[str]) -> str:
        is_command = verbs is None or found["verb"] in verbs
        return f"`{program} {found['verb']}{found['rest'] or ''}`" if is_command else found[0]

    return _COMMAND.sub(address, text)


def _write_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
