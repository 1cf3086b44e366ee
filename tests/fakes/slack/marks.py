"""Slack's markup: whom it calls, what it links, and how a person sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

MENTION = re.compile(r"<(?:!(?:channel|here|everyone)(?:\|[^>]*)?|@[UW][A-Z0-9]+(?:\|[^>]*)?|!subteam\^[^>]+)>")
LINK = re.compile(r"<((?:https?://|mailto:|tel:)[^<>|\s]+)(?:\|([^<>]*))?>")
_DATE = re.compile(r"<!date\^\d+\^[^<>|^]*(?:\^([^<>|]+))?\|([^<>]*)>")
_MARKDOWN_LINK = re.compile(r"\[([^\]\n]*)\]\(\s*<?([a-zA-Z][\w+.-]*:[^)\s>]+)>?[^)]*\)")
_NAMED = re.compile(r"(?<![\w.])@(?:channel|here|everyone)\b")
_TOKEN = re.compile(r"<([^<>]*)>")
Name = Callable[[str], str]


def find_mentions(part: Any, *, named: bool = False) -> list[str]:
    """Everything in a message, blocks or view that would call people. `named` for `link_names` and `parse=full`."""
    found = []
    for kind, text in list_marked(part):
        found += MENTION.findall(text)
        found += _NAMED.findall(text) if named and kind != "rich" else []
    return found


def find_links(part: Any) -> list[tuple[str, str]]:
    """Links that show other words than their address: (address, words)."""
    found: list[tuple[str, str]] = []
    for kind, text in list_marked(part):
        found += [(url, label) for url, label in LINK.findall(text) if label and unescape(label) != unescape(url)]
        found += [(url, label) for url, label in _DATE.findall(text) if url]
        if kind == "markdown":
            found += [(url, label) for label, url in _MARKDOWN_LINK.findall(text) if label != url]
    return found


def list_marked(part: Any) -> Iterator[tuple[str, str]]:
    """Every text that Slack reads for markup, with its kind: mrkdwn, markdown, or rich (put into markup here)."""
    if isinstance(part, str):
        yield "mrkdwn", part
    elif isinstance(part, list):
        for item in part:
            if not isinstance(item, str):
                yield from list_marked(item)
    elif isinstance(part, Mapping):
        yield from _list_object(part)


def _list_object(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, text = str(part.get("type")), part.get("text")
    if kind in ("mrkdwn", "markdown") and isinstance(text, str):
        yield kind, text
    elif kind in _RICH:
        yield "rich", _RICH[kind](part)
    else:
        for value in part.values():
            if not isinstance(value, str):
                yield from list_marked(value)


_RICH: dict[Any, Callable[[Mapping[str, Any]], str]] = {
    "user": lambda part: f"<@{part.get('user_id')}>",
    "usergroup": lambda part: f"<!subteam^{part.get('usergroup_id')}>",
    "broadcast": lambda part: f"<!{part.get('range')}>",
    "link": lambda part: f"<{part.get('url')}|{part.get('text', '')}>",
}


_TYPED = re.compile(
    r"(<[@#!][^<>]+>)|(https?://[^\s<>|]+)|(?<![\w@./-])((?:[\w-]+\.)+(?:com|dev|io|md|net|org|py|rs|sh))\b"
)


def wire_text(text: str) -> str:
    """What apps are told of what somebody types: `& < >` escaped, addresses and what looks like one linked.

    Mentions and channels are typed as Slack writes them, `<@U1>`. A file name like `main.py` becomes a link too.
    """
    parts, last = [], 0
    for found in _TYPED.finditer(text):
        parts += [escape_text(text[last : found.start()]), _wire_token(found)]
        last = found.end()
    return "".join(parts) + escape_text(text[last:])


def _wire_token(found: re.Match[str]) -> str:
    mention, url, bare = found.groups()
    if mention:
        return mention
    return f"<{escape_text(url)}>" if url else f"<http://{bare}|{bare}>"


_RAW = re.compile(r"&(?!(?:amp|lt|gt);)|[<>]")


def escape_raw(text: str) -> str:
    """What stands unescaped in a plain text, escaped: so Slack keeps it, and so apps get it back."""
    return _RAW.sub(lambda found: escape_text(found[0]), text)


def escape_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def show_text(text: str, name: Name = str) -> str:
    """A mrkdwn text as a person sees it; `name` gives the shown name of an id. Formatting marks stay."""

    def show(found: re.Match[str]) -> str:
        body, _, label = found[1].partition("|")
        if body.startswith(("@", "#")):
            return f"{body[0]}{name(body[1:])}"
        if body.startswith("!"):
            return label or f"@{body[1:].partition('^')[0]}"
        return label or body

    return unescape(_TOKEN.sub(show, text))


def show_markdown(text: str) -> str:
    """A Markdown text as a person sees it: links as their words. Other marks stay."""
    return unescape(_MARKDOWN_LINK.sub(r"\1", text))


def show_blocks(blocks: Any, name: Name = str) -> str:
    """All visible text of blocks, a line each: buttons in brackets, what a menu shows, labels, hints."""
    lines = [line for block in blocks or () for line in _show_part(block, name)]
    return "\n".join(line for line in lines if line)


def _show_part(part: Any, name: Name) -> Iterator[str]:
    kind = str(part.get("type")) if isinstance(part, Mapping) else ""
    if kind in _SHOWN:
        yield _SHOWN[kind](part, name)
    elif kind in _ONE_LINE:
        yield _ONE_LINE[kind].join(" ".join(_show_part(item, name)) for item in part.get("elements", ()))
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key not in _UNSEEN:
                yield from _show_part(value, name)
    elif isinstance(part, list):
        for item in part:
            yield from _show_part(item, name)


def _show_menu(part: Mapping[str, Any], name: Name) -> str:
    chosen = part.get("initial_option") or {}
    shown = chosen.get("text") or part.get("placeholder") or {}
    return f"[{unescape(shown.get('text', ''))} ▾]"


_UNSEEN = ("confirm", "metadata", "initial_option", "initial_options")
_ONE_LINE = {"rich_text_section": "", "rich_text_preformatted": "", "rich_text_quote": "", "context": " "}
_MENUS = [f"{many}{kind}_select" for many in ("", "multi_") for kind in ("static", "external", "users", "channels")]
_SHOWN: dict[Any, Callable[[Mapping[str, Any], Name], str]] = {
    "plain_text": lambda part, name: unescape(part.get("text", "")),
    "mrkdwn": lambda part, name: show_text(part.get("text", ""), name),
    "markdown": lambda part, name: show_markdown(part.get("text", "")),
    "text": lambda part, name: part.get("text", ""),
    "raw_text": lambda part, name: part.get("text", ""),
    "button": lambda part, name: f"[{unescape(part['text']['text'])}]",
    **dict.fromkeys(_MENUS, _show_menu),
    "overflow": lambda part, name: "[⋯]",
    "image": lambda part, name: f"({part.get('alt_text', '')})",
    "link": lambda part, name: part.get("text") or part.get("url", ""),
    "emoji": lambda part, name: f":{part.get('name')}:",
    "user": lambda part, name: f"@{name(part.get('user_id', ''))}",
    "broadcast": lambda part, name: f"@{part.get('range')}",
}
