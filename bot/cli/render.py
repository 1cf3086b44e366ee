"""Replies as people see them in a terminal: colours on a terminal, plain text in a pipe. Text is never markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from bot.commands import load_registry
from core.messages import ADVICE
from core.text import address_hints, one_line, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

TONES = {"good": "green", "busy": "cyan", "asking": "yellow", "bad": "red", "plain": "white"}
DIFF_STYLES = (
    ("+++", "bold"),
    ("---", "bold"),
    ("@@", "cyan"),
    ("diff ", "bold"),
    ("+", "green"),
    ("-", "red"),
)


def print_reply(reply: Mapping[str, Any], program: str) -> None:
    """Show a reply (as JSON of the API) on standard output."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        show_reply(make_console(sys.stdout), reply, program)
    else:
        write_plain(sys.stdout, "".join(f"{line}\n" for line in describe_reply(reply, program)))


def write_plain(stream: TextIO, text: str) -> None:
    """To a stream that may know fewer characters than the text has."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


# ---------------------------------------------------------------------------------------------------------- in a pipe


def describe_reply(reply: Mapping[str, Any], program: str) -> list[str]:
    """The reply as plain lines."""
    lines = plain(str(reply["text"])).split("\n") if reply.get("text") else []
    for card in reply.get("cards") or ():
        lines += ["", *describe_card(card, program)] if lines else describe_card(card, program)
    if table := reply.get("table"):
        lines += describe_table(list_cells(table, program))
    if reply.get("secret"):
        lines.append(one_line(str(reply["secret"])))
    if hint := say_hint(reply, program):
        lines.append(hint)
    for attachment in reply.get("attachments") or ():
        lines += plain(str(attachment.get("text", ""))).rstrip("\n").split("\n")
    return lines


def say_hint(reply: Mapping[str, Any], program: str) -> str:
    """What to do next, as it is typed."""
    return address_hints(plain(str(reply.get("hint") or "")), program)


def list_cells(table: Mapping[str, Any], program: str) -> list[list[str]]:
    """Titles and rows as they are shown, with commands in advice as they are typed."""
    titles = [one_line(str(title)) for title in table.get("columns") or ()]
    advice = titles.index(ADVICE) if ADVICE in titles else -1
    rows = [[one_line(str(cell)) for cell in row] for row in table.get("rows") or ()]
    for row in rows:
        if 0 <= advice < len(row):
            row[advice] = address_hints(row[advice], program, load_registry().verbs)
    return [titles, *rows]


def describe_card(card: Mapping[str, Any], program: str) -> list[str]:
    lines = [one_line(str(card.get("title", "")))]
    lines += [f"  {line}" for text in card.get("lines") or () for line in plain(str(text)).split("\n")]
    fields = [(one_line(str(label)), plain(str(value))) for label, value in card.get("fields") or ()]
    width = max((len(label) for label, _ in fields), default=0)
    lines += [f"  {label:{width}}  {value}" for label, value in fields]
    if card.get("code"):
        lines += [f"    {line}" for line in plain(str(card["code"])).split("\n")]
    lines += [f"  {label}: {typed}" for label, typed in list_buttons(card, program)]
    return [*lines, f"  {one_line(str(card['footer']))}"] if card.get("footer") else lines


def list_buttons(card: Mapping[str, Any], program: str) -> list[tuple[str, str]]:
    """What a button would do, as it is typed."""
    buttons = card.get("buttons") or ()
    return [
        (one_line(str(item.get("label", ""))), f"{program} {one_line(str(item.get('command', '')))}{_say_prompt(item)}")
        for item in buttons
    ]


def _say_prompt(button: Mapping[str, Any]) -> str:
    return ' "…"' if button.get("prompt") else ""


def describe_table(rows: Sequence[Sequence[str]]) -> list[str]:
    count = max((len(row) for row in rows), default=0)
    widths = [max((len(row[index]) for row in rows if index < len(row)), default=0) for index in range(count)]
    return ["  ".join(cell.ljust(widths[index]) for index, cell in enumerate(row)).rstrip() for row in rows]


# ------------------------------------------------------------------------------------------------------ on a terminal


def make_console(stream: TextIO) -> Console:
    """A console that takes nothing in a text for markup, a link or an emoji name."""
    from rich.console import Console

    return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=False)


def show_reply(console: Console, reply: Mapping[str, Any], program: str) -> None:
    from rich.text import Text

    if reply.get("text"):
        console.print(Text(plain(str(reply["text"]))))
    for card in reply.get("cards") or ():
        console.print(draw_card(card, program))
    if table := reply.get("table"):
        console.print(draw_table(list_cells(table, program)))
    if reply.get("secret"):
        console.print(Text(one_line(str(reply["secret"])), "bold"), soft_wrap=True)
    if hint := say_hint(reply, program):
        console.print(Text(hint, "dim"), soft_wrap=True)
    for attachment in reply.get("attachments") or ():
        console.print(draw_attachment(attachment), soft_wrap=True)


def draw_card(card: Mapping[str, Any], program: str) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    colour = TONES.get(str(card.get("tone")), "white")
    parts: list[RenderableType] = [Text(plain(str(line))) for line in card.get("lines") or ()]
    if fields := card.get("fields"):
        parts.append(draw_fields(fields))
    if card.get("code"):
        parts.append(draw_code(plain(str(card["code"]))))
    parts += [Text.assemble((f"{label}: ", "dim"), typed) for label, typed in list_buttons(card, program)]
    if card.get("footer"):
        parts.append(Text(one_line(str(card["footer"])), "dim"))
    title = Text(one_line(str(card.get("title", ""))), f"bold {colour}")
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour)


def draw_fields(fields: Sequence[Sequence[Any]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for label, value in fields:
        grid.add_row(Text(one_line(str(label)), "dim"), Text(plain(str(value)), overflow="fold"))
    return grid


def draw_table(cells: Sequence[Sequence[str]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for title in cells[0]:
        drawn.add_column(Text(title), overflow="fold")
    for row in cells[1:]:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def draw_attachment(attachment: Mapping[str, Any]) -> RenderableType:
    from rich.text import Text

    text = plain(str(attachment.get("text", ""))).rstrip("\n")
    name = str(attachment.get("name", ""))
    return draw_code(text) if name.endswith((".diff", ".patch")) or text.startswith("diff --git") else Text(text)


def draw_code(text: str) -> RenderableType:
    """Text in which the lines of a patch are coloured."""
    from rich.text import Text

    drawn = Text(overflow="fold")
    for number, line in enumerate(text.split("\n")):
        style = next((style for start, style in DIFF_STYLES if line.startswith(start)), "")
        drawn.append(("\n" if number else "") + line, style)
    return drawn
