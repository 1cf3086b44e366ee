"""What a shell makes of braces and of escapes in `$'…'`. Pure."""

from __future__ import annotations

import re

from core.rules.part import HOLE

OPEN, COMMA, CLOSE = "\ue001", "\ue002", "\ue003"
_KEPT_OPEN, _KEPT_CLOSE = "\ue004", "\ue005"
_INNERMOST = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_MOST_WORDS = 64


def decode_escape(match: re.Match[str]) -> str:
    r"""What `$'…'` makes of one escape: `\x72`, `\162`, `\u0072`, `\n`."""
    hexadecimal = match[1] or match[2] or match[3]
    if hexadecimal or match[4]:
        code = int(hexadecimal, 16) if hexadecimal else int(match[4], 8) & 0xFF
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
    if match[5]:
        return chr(ord(match[5]) & 0x1F) if ord(match[5]) < 128 else ""
    return _ESCAPES.get(match[6], match[6] if match[6] in "\\'\"?" else f"\\{match[6]}")


def expand_braces(word: str) -> list[str]:
    """`{a,b}c` as `ac` and `bc`, at most 64 of them; `{1..9}` is a hole."""
    done: list[str] = []
    left = [word]
    while left:
        found = _INNERMOST.search(left[0])
        if found is None or len(left) + len(done) > _MOST_WORDS:
            done.append(left.pop(0) if found is None else HOLE)
            left = left if found is None else left[1:]
            continue
        before, after = left[0][: found.start()], left[0][found.end() :]
        left[:1] = [f"{before}{choice}{after}" for choice in _list_choices(found[1])]
    return done


def _list_choices(inner: str) -> list[str]:
    if COMMA in inner:
        return inner.split(COMMA)
    return [HOLE] if ".." in inner else [f"{_KEPT_OPEN}{inner}{_KEPT_CLOSE}"]


def restore_braces(text: str) -> str:
    """Braces that nothing came of, as they were written."""
    for mark, char in ((OPEN, "{"), (COMMA, ","), (CLOSE, "}"), (_KEPT_OPEN, "{"), (_KEPT_CLOSE, "}")):
        text = text.replace(mark, char)
    return text
