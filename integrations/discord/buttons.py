"""Buttons and menus as components, within Discord's limits. Pure.

https://discord.com/developers/docs/components/reference#button
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from core.messages import Button
from core.text import one_line

Component = dict[str, Any]
MOST_ROWS, MOST_OPTIONS, LABEL = 5, 25, 80
_A_ROW = 5
_PRIMARY, _SECONDARY, _DANGER = 1, 2, 4


def lay_buttons(buttons: Sequence[Button], before: list[Component]) -> tuple[list[Component], int]:
    """Rows of buttons, and a menu for those of one `menu`; and how many are not shown. `before` are the rows that the
    message has already: these are added there."""
    rows: list[Component] = []
    shown = 0
    for row, count in _group_rows(buttons):
        if len(before) >= MOST_ROWS:
            break
        rows.append({"type": 1, "components": row})
        before.append(rows[-1])
        shown += count
    _tell_apart(before)
    return rows, len(buttons) - shown


def _tell_apart(rows: Sequence[Component]) -> None:
    """Two buttons that do the same get different ids: what stands behind the second colon says nothing."""
    seen: set[str] = set()
    for item in (item for row in rows for item in row["components"]):
        kind, _, action = item["custom_id"].partition(":")
        bare = action.partition(":")[0]
        ids = (f"{kind}:{bare}{end}" for end in ("", *(f":{number}" for number in range(2, 40))))
        item["custom_id"] = next(id for id in ids if id not in seen)
        seen.add(item["custom_id"])


def _group_rows(buttons: Sequence[Button]) -> Iterator[tuple[list[Component], int]]:
    """Each row, and for how many buttons it stands."""
    for menu, grouped in groupby(buttons, lambda button: button.menu):
        group = list(grouped)
        if menu:
            # Of choices that do the same the first is shown: Discord takes no twins.
            options = list({button.command: button for button in reversed(group)}.values())[::-1][:MOST_OPTIONS]
            yield [_draw_menu(menu, options)], len(group) if len(group) <= MOST_OPTIONS else len(options)
            continue
        for at in range(0, len(group), _A_ROW):
            row = group[at : at + _A_ROW]
            yield [draw_button(button) for button in row], len(row)


def draw_button(button: Button) -> Component:
    """`ask` opens a form, `sure` asks once more, `act` does it."""
    kind = "ask" if button.prompt else "sure" if button.confirm else "act"
    return {
        "type": 2,
        "style": _PRIMARY if button.primary else _SECONDARY,
        "label": shorten_label(button.label),
        "custom_id": f"{kind}:{button.command[:90]}",
    }


def draw_danger(label: str, action: str) -> Component:
    """What does it after all."""
    return {"type": 2, "style": _DANGER, "label": shorten_label(label), "custom_id": f"act:{action[:90]}"}


def _draw_menu(menu: str, group: Sequence[Button]) -> Component:
    options = [{"label": shorten_label(button.label), "value": button.command[:100]} for button in group]
    return {
        "type": 3,
        "custom_id": f"pick:{group[0].command[:90]}",
        "placeholder": one_line(menu)[:150],
        "options": options,
    }


def shorten_label(label: str) -> str:
    """As a button can show it."""
    line = one_line(label)
    return (line if len(line) <= LABEL else f"{line[: LABEL - 1].rstrip()}…") or "…"
