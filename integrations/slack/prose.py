"""What agents write, in Markdown, for Slack's `markdown` block: nothing in it calls anybody or lies about an address.

https://docs.slack.dev/reference/block-kit/blocks/markdown-block
"""

from __future__ import annotations

import re

from core.text import plain

# Slack takes 12,000 in a message.
MOST = 11_500
_HEAD, _TAIL = 7_000, 3_500
# What would make a link of a text before it: `](…)`, `][…]`, `]: …`. Also the end of a text that may go on so.
_LINKED = re.compile(r"\](?=[(\[:])")
_FENCE = re.compile(r"^\s{0,3}(```|~~~)", re.MULTILINE)


def escape_prose(text: str) -> str:
    """Markdown that says what it says. A longer text begins with what a shorter one became, so that it can be
    appended to, wherever it is cut."""
    said = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    return _LINKED.sub("] ", said)


def show_prose(text: str, *, is_growing: bool) -> tuple[str, bool]:
    """What is shown of it, and whether that is cut: then its first and last lines, with how much is missing."""
    whole = escape_prose(text)
    if len(whole) <= MOST:
        return whole or "…", False
    head, tail = _begin(whole), _end(whole)
    missing = len(whole) - len(head) - len(tail)
    where = "the file comes at the end" if is_growing else "in the file"
    rest = _open(whole[: -len(tail)], tail)
    return f"{_close(head)}\n\n… ({missing:,} characters more; {where})\n\n{rest}", True


def _begin(text: str) -> str:
    at = text.rfind("\n", _HEAD // 2, _HEAD)
    return text[: at if at > 0 else _keep(text, _HEAD)]


def _end(text: str) -> str:
    at = text.find("\n", len(text) - _TAIL, len(text) - _TAIL // 2)
    return text[at + 1 if at > 0 else _keep(text, len(text) - _TAIL) :]


def _keep(text: str, at: int) -> int:
    """The same place, or the one before an entity that stands there."""
    amp = text.rfind("&", at - 4, at)
    return amp if amp > 0 and ";" not in text[amp:at] else at


def _is_open(text: str) -> bool:
    return len(_FENCE.findall(text)) % 2 == 1


def _close(head: str) -> str:
    return f"{head}\n```" if _is_open(head) else head


def _open(before: str, tail: str) -> str:
    return f"```\n{tail}" if _is_open(before) else tail
