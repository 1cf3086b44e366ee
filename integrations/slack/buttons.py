"""Buttons and menus as Block Kit, within its limits. Pure.

Limits: https://docs.slack.dev/reference/block-kit/block-elements
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from core.messages import Button
from core.text import plain

Block = dict[str, Any]
MOST_BUTTONS, MOST_OPTIONS = 25, 100
LABEL = 75
_CONFIRM, _A_ROW, _MENU = 300, 5, 150
# The other words of a confirmation.
_SURE = 50
ROOM = 4_800


def lay_buttons(buttons: Sequence[Button], before: int, room: int = ROOM) -> Iterator[Block]:
    """Rows of buttons, and a menu for those of one `menu`; `before` is how many the message has already, `room` how
    many characters all their texts may have."""
    groups = list(_fit(_group(buttons)[:MOST_BUTTONS], room))
    drawn = [_draw(group, number) for number, group in enumerate(groups, before + 1)]
    rows = iter(_choose_first(drawn, before))
    while row := list(islice(rows, _A_ROW)):
        yield {"type": "actions", "elements": row}
    if missing := len(buttons) - sum(map(len, groups)):
        yield {"type": "context", "elements": [{"type": "mrkdwn", "text": f"… {missing} more buttons"}]}


def _fit(groups: Sequence[Sequence[Button]], room: int) -> Iterator[Sequence[Button]]:
    """As many of them as there is room for; of a menu as many choices."""
    for group in groups:
        fitting: list[Button] = []
        for button in group[:MOST_OPTIONS]:
            room -= _measure(button, is_first=not fitting)
            if room >= 0:
                fitting.append(button)
        if fitting:
            yield fitting


def _measure(button: Button, *, is_first: bool) -> int:
    """No less than the characters that it takes: control characters are written out."""
    asked = min(len(plain(button.confirm)), _CONFIRM) + _SURE if button.confirm else 0
    return min(len(plain(button.label)) + 1, LABEL) + asked + (min(len(button.menu), _MENU) if is_first else 0)


def measure_buttons(part: Any) -> int:
    """Characters of all their texts."""
    if isinstance(part, dict):
        return sum(
            len(value) if key == "text" and isinstance(value, str) else measure_buttons(value)
            for key, value in part.items()
        )
    return sum(map(measure_buttons, part)) if isinstance(part, list) else 0


def _group(buttons: Sequence[Button]) -> list[list[Button]]:
    found: list[list[Button]] = []
    for menu, grouped in groupby(buttons, lambda button: button.menu):
        # Of choices that do the same the first is shown: Slack takes no twins.
        group = (
            list({button.command: button for button in reversed(list(grouped))}.values())[::-1]
            if menu
            else list(grouped)
        )
        found += [group] if menu else [[button] for button in group]
    return found


def _draw(group: Sequence[Button], number: int) -> Block:
    return _draw_menu(group, number) if group[0].menu else _draw_button(group[0], number)


def _draw_button(button: Button, number: int) -> Block:
    element: Block = {
        "type": "button",
        "text": plain_text(button.label, LABEL),
        "value": button.command[:2_000],
        "action_id": f"{'ask' if button.prompt else 'act'}:{number}",
    }
    if button.primary:
        element["style"] = "primary"
    if button.confirm:
        element["confirm"] = _confirm(button)
    return element


def _draw_menu(group: Sequence[Button], number: int) -> Block:
    return {
        "type": "static_select",
        "action_id": f"pick:{number}",
        "placeholder": plain_text(group[0].menu, _MENU),
        "options": [draw_option(button.label, button.command) for button in group],
    }


def draw_option(label: str, value: str) -> Block:
    """One choice of a menu."""
    return {"text": plain_text(label, LABEL), "value": value[:LABEL]}


def _choose_first(elements: Sequence[Block], before: int) -> Sequence[Block]:
    """One button of a message is the first choice."""
    is_free = before == 0
    for element in elements:
        if element.get("style") and not is_free:
            del element["style"]
        is_free = is_free and not element.get("style")
    return elements


def _confirm(button: Button) -> Block:
    return {
        "title": plain_text("Are you sure?", 100),
        "text": plain_text(button.confirm, _CONFIRM),
        "confirm": plain_text(button.label, 30),
        "deny": plain_text("Cancel", 30),
    }


def plain_text(text: str, most: int) -> Block:
    """A text without markup, on one line."""
    shown = " ".join(plain(text).split()) or "…"
    shown = shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"
    return {"type": "plain_text", "text": shown, "emoji": False}
