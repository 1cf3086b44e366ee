"""Cards and replies as components v2, within Discord's limits. Pure.

https://discord.com/developers/docs/components/reference
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.messages import Attachment, Button, Card, Reply, Table, Tone
from core.text import one_line, plain
from integrations.discord.buttons import Component, draw_danger, lay_buttons
from integrations.discord.text import address, cut, fence, say

MOST_TEXT, MOST_FILES = 3_900, 3
_MOST_CARDS, _TITLE = 2, 250
_ABOVE = " in the file"
_COLOURS = {
    Tone.BUSY: 0x3B82F6,
    Tone.ASKING: 0xEAB308,
    Tone.GOOD: 0x22C55E,
    Tone.BAD: 0xEF4444,
    Tone.PLAIN: 0x9CA3AF,
}
_DOTS = {Tone.BUSY: "🔵", Tone.ASKING: "🟡", Tone.GOOD: "🟢", Tone.BAD: "🔴", Tone.PLAIN: "⚪"}


@dataclass(slots=True)
class Drawn:
    """What a message is made of; `files` hold what was cut."""

    components: list[Component]
    files: list[Attachment] = field(default_factory=list)


@dataclass(slots=True)
class Ink:
    """How much of a message's room is left, in characters; and the rows of buttons that it has."""

    left: int = MOST_TEXT
    rows: list[Component] = field(default_factory=list)

    def take(self, most: int) -> int:
        """Room for a text of at most so many characters."""
        room = max(min(most, self.left), 0)
        self.left -= room
        return room


def draw_card(card: Card, key: str) -> Drawn:
    """A card as a message that can be found again by its key."""
    return Drawn([_contain(card, _lay_card(card, Ink()), mark_message(key))])


def draw_reply(reply: Reply, key: str, command: str) -> Drawn:
    """A reply as a message, with what is too long for one as files."""
    ink, files = Ink(), list(reply.attachments)
    inner: list[Component] = []
    if reply.text.strip():
        inner.append(_lay_text(reply.text, ink, files))
    if reply.table:
        inner.append(_lay_table(reply.table, ink, files))
    inner += [_contain(card, _lay_card(card, ink)) for card in reply.cards[:_MOST_CARDS]]
    if (missing := len(reply.cards) - _MOST_CARDS) > 0:
        inner.append(_text(f"… {missing} more"))
    if reply.hint.strip():
        inner.append(_text(f"-# {address(reply.hint.replace(chr(10), ' '), command, max(ink.take(600), 60))}"))
    drawn = Drawn([], files[:MOST_FILES])
    inner += _lay_files(files)
    drawn.components = _mark(inner or [_text("…")], key)
    return drawn


def mark_message(key: str) -> int:
    """The number by which a message is found again: the id of its first component, 31 bits.

    https://discord.com/developers/docs/components/reference#anatomy-of-a-component
    """
    return int(hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:7], 16) + 1_000


def name_file(name: str) -> str:
    """As it can be named in `attachment://…`."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
    return kept.lstrip(".")[-80:] or "file.txt"


def _mark(components: list[Component], key: str) -> list[Component]:
    components[0]["id"] = mark_message(key)
    return components


def _contain(card: Card, inner: Iterator[Component], number: int = 0) -> Component:
    made: Component = {"type": 17, "accent_color": _COLOURS[card.tone], "components": [*inner]}
    return made | ({"id": number} if number else {})


def _lay_text(text: str, ink: Ink, files: list[Attachment]) -> Component:
    room = ink.take(2_400)
    shown = say(text, room, _ABOVE)
    if len(plain(text)) > room or shown.endswith(f"{_ABOVE})"):
        files.append(Attachment("text.txt", text))
    return _text(shown)


def _lay_card(card: Card, ink: Ink) -> Iterator[Component]:
    title = say(one_line(card.title), ink.take(_TITLE)) or "…"
    yield _text(f"{_DOTS[card.tone]} **{title}**")
    if (lines := "\n".join(line for line in card.lines if line.strip())) and ink.left > 100:
        yield _text(say(lines, ink.take(1_200)))
    if card.code.strip() and ink.left > 100:
        yield _text(fence(card.code, ink.take(1_200)))
    if card.fields and ink.left > 100:
        told = one_line(" · ".join(f"{label}: {value}" for label, value in card.fields))
        yield _text(f"-# {say(told, ink.take(500))}")
    yield from _lay_buttons(card.buttons, ink)
    if card.footer.strip() and ink.left > 60:
        yield _text(f"-# {say(one_line(card.footer), ink.take(300))}")


def _lay_buttons(buttons: Sequence[Button], ink: Ink) -> Iterator[Component]:
    rows, missing = lay_buttons(buttons, ink.rows)
    yield from rows
    if missing:
        yield _text(f"-# … {missing} more buttons")


def draw_sure(question: str, label: str, action: str) -> list[Component]:
    """What is asked before something is done that needs a second thought."""
    row = {"type": 1, "components": [draw_danger(label or "Yes", action)]}
    return [_text(say(question, 1_500)), row]


def draw_words(text: str) -> list[Component]:
    """A line of the bot's own."""
    return [_text(say(text, 1_500))]


def _lay_table(table: Table, ink: Ink, files: list[Attachment]) -> Component:
    text, room = write_table(table), ink.take(1_800)
    if len(text) + 10 > room:
        files.append(Attachment("table.txt", text))
    return _text(fence(text, room, _ABOVE))


def _lay_files(files: Sequence[Attachment]) -> Iterator[Component]:
    for number, item in enumerate(files[:MOST_FILES]):
        yield {"type": 13, "file": {"url": f"attachment://{number}-{name_file(item.name)}"}}
    if len(files) > MOST_FILES:
        yield _text(f"-# … {len(files) - MOST_FILES} more files")


def write_table(table: Table) -> str:
    """A table in columns of one width each."""
    rows = [[one_line(value) for value in row] for row in (table.columns, *table.rows)]
    widths = [min(max(len(row[at]) for row in rows if at < len(row)), 60) for at in range(len(table.columns))]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def _text(text: str) -> Component:
    return {"type": 10, "content": text if text.strip() else "…"}


def shorten(text: str, most: int) -> str:
    """One line of at most so many characters, for labels and choices."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def cut_words(text: str, most: int) -> str:
    """Words for a form that takes at most so many."""
    return cut(text, most)
