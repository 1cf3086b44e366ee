"""Cards and replies as Block Kit, within its limits. Pure.

Limits: https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.messages import Attachment, Card, Reply, Table, Tone
from core.text import plain
from integrations.slack.buttons import ROOM, Block, lay_buttons, measure_buttons
from integrations.slack.prose import show_prose
from integrations.slack.text import address, cut, cut_middle, escape, say

MOST_BLOCKS = 50
# Of all texts together; Slack refuses some 13,200, and each text is shown a few words of.
MOST_TEXT = 11_000
_MOST_CARDS = 6
_SECTION, _MOST_SECTION = 2_900, 3_000
_TITLE = 300
_ABOVE = " in the file"
_DOTS = {
    Tone.BUSY: ":large_blue_circle:",
    Tone.ASKING: ":large_yellow_circle:",
    Tone.GOOD: ":large_green_circle:",
    Tone.BAD: ":red_circle:",
    Tone.PLAIN: ":white_circle:",
}


@dataclass(slots=True)
class Drawn:
    """What a message is made of. `text` is what notifications and screen readers say; `files` hold what was cut,
    `prose` is all of it where that is an agent's words."""

    blocks: list[Block]
    text: str
    files: list[Attachment] = field(default_factory=list)
    prose: str = ""


@dataclass(slots=True)
class Ink:
    """How much of a message's room is left."""

    left: int = MOST_TEXT

    def take(self, most: int) -> int:
        """Room for a text of at most so many characters."""
        room = max(min(most, self.left), 60)
        self.left -= room
        return room


def draw_card(card: Card) -> Drawn:
    """A card as a message."""
    if card.prose:
        return _draw_prose(card)
    buttons = list(lay_buttons(card.buttons, 0))
    blocks = list(_lay_card(card, Ink(MOST_TEXT - measure_buttons(buttons)), buttons))
    return Drawn(blocks[:MOST_BLOCKS], escape(cut(plain(card.title), _TITLE)) or "…")


def _draw_prose(card: Card) -> Drawn:
    shown, is_cut = show_prose(card.prose, is_growing=card.growing)
    name = re.sub(r"[^a-z0-9]+", "-", card.title.lower()).strip("-") or "words"
    files = [Attachment(f"{name}.md", card.prose)] if is_cut else []
    return Drawn([{"type": "markdown", "text": shown}], escape(cut(plain(card.prose), _TITLE)) or "…", files, shown)


def draw_reply(reply: Reply, command: str) -> Drawn:
    """A reply as a message, with what is too long for one as files."""
    acts = _lay_acts(reply.cards[:_MOST_CARDS])
    ink, files = Ink(MOST_TEXT - sum(map(measure_buttons, acts))), list(reply.attachments)
    blocks: list[Block] = []
    if reply.text.strip():
        blocks += _lay_text(reply.text, ink, files)
    for card, buttons in zip(reply.cards, acts, strict=False):
        blocks += _lay_card(card, ink, buttons)
    if missing := len(reply.cards) - _MOST_CARDS:
        blocks += [_section(f"… {missing} more")] if missing > 0 else []
    if reply.table:
        blocks += _lay_table(reply.table, ink, files)
    if reply.hint:
        blocks.append(_context(say(address(plain(reply.hint), command), ink.take(1_000))))
    text = escape(cut(plain(reply.text or (reply.cards[0].title if reply.cards else "")), _TITLE))
    names = ", ".join(file.name for file in files) or "…"
    return Drawn(
        blocks[:MOST_BLOCKS] or [_section(escape(cut(names, _TITLE)))], text or escape(cut(names, _TITLE)), files
    )


def _lay_acts(cards: Sequence[Card]) -> list[list[Block]]:
    """The buttons of each card: what can be done comes before what is said."""
    acts: list[list[Block]] = []
    before = 0
    for card in cards:
        acts.append(list(lay_buttons(card.buttons, before, ROOM // len(cards))))
        before += len(card.buttons)
    return acts


def _lay_text(text: str, ink: Ink, files: list[Attachment]) -> Iterator[Block]:
    room = ink.take(2 * _SECTION)
    shown = say(text, room, _ABOVE, cut_middle)
    if len(escape(text)) > room:
        files.append(Attachment("text.txt", text))
    parts = [shown] if len(shown) <= _SECTION else _part(shown)
    yield from (_section(part) for part in parts if part.strip())


def _part(text: str) -> list[str]:
    """Pieces of a section each, cut between lines where that can be, never within an entity."""
    parts = []
    while len(text) > _SECTION:
        at = text.rfind("\n", _SECTION // 2, _SECTION)
        at = at if at > 0 else text.rfind(" ", _SECTION // 2, _SECTION)
        if at <= 0:
            amp = text.rfind("&", _SECTION - 8, _SECTION)
            at = amp if amp > 0 else _SECTION
        parts.append(text[:at])
        text = text[at:]
    return [*parts, text]


def _lay_card(card: Card, ink: Ink, buttons: Sequence[Block]) -> Iterator[Block]:
    title = say(card.title, min(_TITLE, ink.take(_TITLE))) or "…"
    yield _section(f"{_DOTS[card.tone]} *{title.replace('*', '∗')}*" if title.strip() else _DOTS[card.tone])
    if lines := "\n".join(line for line in card.lines if line.strip()):
        parts = _part(say(lines, ink.take(_SECTION)))
        yield from [_section(_show_times(part, card.times)) for part in parts if part.strip()]
    if card.code.strip():
        yield _code(card.code, ink.take(3_000))
    if card.fields:
        told = " · ".join(f"{label}: {value}" for label, value in card.fields)
        yield _context(say(told, ink.take(1_500)))
    yield from buttons
    if card.footer.strip():
        yield _context(say(card.footer, ink.take(500)))


def _show_times(text: str, times: Sequence[tuple[str, int]]) -> str:
    """Moments as everybody's own clock shows them, as far as there is room."""
    for words, moment in times:
        shown = text.replace(words, f"<!date^{int(moment)}^{{date_short_pretty}}, {{time}}|{words}>", 1)
        text = shown if words == escape(words) and len(shown) <= _MOST_SECTION else text
    return text


def _lay_table(table: Table, ink: Ink, files: list[Attachment]) -> Iterator[Block]:
    text = write_table(table)
    room = ink.take(3_000)
    if len(text) > room:
        files.append(Attachment("table.txt", text))
    yield _code(text, room, _ABOVE)


def write_table(table: Table) -> str:
    """A table in columns of one width each."""
    rows = [[" ".join(plain(value).split()) for value in row] for row in (table.columns, *table.rows)]
    widths = [min(max(len(row[at]) for row in rows if at < len(row)), 60) for at in range(len(table.columns))]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or "…"}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text or "…"}]}


def _code(text: str, most: int, where: str = "") -> Block:
    """Text as it is: within preformatted text Slack reads nothing as markup."""
    shown = (cut_middle if where else cut)(plain(text), most, where) or "…"
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]}],
    }
