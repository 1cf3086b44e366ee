"""The home tab: a card with parts as a view. Pure.

Limits: https://docs.slack.dev/reference/views/home-tab-views, https://docs.slack.dev/reference/methods/views.publish
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from core.messages import Card
from core.text import one_line
from integrations.slack.blocks import draw_card
from integrations.slack.text import address, cut, escape

Block = dict[str, Any]
MOST_BLOCKS = 100
# Slack takes 250 kB of JSON.
MOST_BYTES = 200_000
_TITLE = 150
_SPARE = 4


def draw_home(card: Card, command: str) -> dict[str, Any]:
    """A page of sections. What has no room for all of it is left out whole, and said to be missing: nobody is asked
    about half a card."""
    blocks: list[Block] = []
    room = MOST_BYTES
    left = 0
    for piece in _list_pieces(card, command):
        size = len(json.dumps(piece))
        if left or len(blocks) + len(piece) > MOST_BLOCKS - _SPARE or size > room:
            left += 1
            continue
        blocks += piece
        room -= size
    if left:
        blocks.append(_say(f"… {left} more; {command} list shows all agents."))
    return {"type": "home", "blocks": blocks or [_say("…")]}


def _list_pieces(card: Card, command: str) -> Iterator[list[Block]]:
    """What stands or falls together: a section's head, and each of its cards."""
    for number, section in enumerate(card.parts):
        head = [*([{"type": "divider"}] if number else []), _draw_title(section.title)]
        yield [*head, *_draw_body(section, command)]
        for part in section.parts:
            yield draw_card(part).blocks


def _draw_body(section: Card, command: str) -> list[Block]:
    """A section's own lines and buttons, without the title above them."""
    footer = address(section.footer, command)
    body = Card("", section.tone, section.lines, section.fields, section.code, section.buttons, footer)
    return draw_card(body).blocks[1:]


def _draw_title(title: str) -> Block:
    shown = cut(one_line(title) or "…", _TITLE)
    return {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": False}}


def _say(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": escape(text)}]}
