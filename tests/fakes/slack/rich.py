"""Rich text and tables: the basic rules."""

from __future__ import annotations

from tests.fakes.slack.checks import Check

_LEAVES: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "link": ("url",),
    "emoji": ("name",),
    "user": ("user_id",),
    "usergroup": ("usergroup_id",),
    "channel": ("channel_id",),
    "broadcast": ("range",),
    "color": ("value",),
    "date": ("timestamp", "format"),
}
_OPTIONAL = ("type", "style", "text", "unsafe", "unicode", "skin_tone", "url", "fallback")
_FLAT = {"rich_text_section": (), "rich_text_preformatted": ("border", "language"), "rich_text_quote": ("border",)}
_CELLS = 20


def check_rich_text(check: Check) -> None:
    check.only("type", "block_id", "elements")
    for element in check.items("elements", 1000):
        _check_part(element)


def check_table(check: Check) -> None:
    check.only("type", "block_id", "rows", "column_settings")
    rows = check.get("rows") if isinstance(check.get("rows"), list) else []
    for number, row in enumerate(rows):
        _check_row(check, number, row)
    if not 1 <= len(rows) <= 100:
        check.note("between 1 and 100 rows allowed", "rows")


def _check_row(check: Check, number: int, row: object) -> None:
    outer = Check({str(number): row}, f"{check.pointer}/rows", check.faults)
    for cell in outer.items(str(number), _CELLS):
        if cell.get("type") == "rich_text":
            check_rich_text(cell)
        elif cell.get("type") == "raw_text":
            cell.string("text", 3000, required=True)
        else:
            cell.note(f"unsupported type: {cell.get('type')}", "type")


def _check_part(check: Check) -> None:
    kind = str(check.get("type"))
    if kind == "rich_text_list":
        check.only("type", "elements", "style", "indent", "offset", "border")
        check.choice("style", ("bullet", "ordered"), required=True)
        check.number("indent", 0, 8)
        for item in check.items("elements", 1000):
            _check_part(item)
    elif kind in _FLAT:
        check.only("type", "elements", *_FLAT[kind])
        for leaf in check.items("elements", 1000, least=0):
            _check_leaf(leaf)
    else:
        check.note(f"unsupported type: {kind}", "type")


def _check_leaf(check: Check) -> None:
    kind = check.get("type")
    needed = _LEAVES.get(str(kind))
    if needed is None:
        check.note(f"unsupported type: {kind}", "type")
        return
    check.only(*_OPTIONAL, *needed)
    for key in needed:
        if key == "timestamp":
            check.has(key, required=True)
        else:
            check.string(key, 12_000, required=True)
    check.string("text", 12_000)
    if kind == "broadcast":
        check.choice("range", ("here", "channel", "everyone"))
