"""What a person points at in a message or view, as it stands there now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from tests.fakes.slack.records import Json, Message, View


@dataclass(frozen=True, kw_only=True)
class Picked:
    """An element that can be used, with the block it stands in."""

    element: Json
    block: Json

    @property
    def action_id(self) -> str:
        return str(self.element["action_id"])

    @property
    def block_id(self) -> str:
        return str(self.block["block_id"])

    @property
    def names(self) -> tuple[str, ...]:
        """Everything a test may call it by."""
        shown = [self.element.get("text"), self.element.get("placeholder"), self.block.get("label")]
        return (*(unescape(part["text"]) for part in shown if part), self.action_id, self.block_id)


def list_elements(shown: Message | View) -> Iterator[Picked]:
    """What can be used in a message or view as it is now, in order."""
    blocks = shown.content["blocks"] if isinstance(shown, View) else shown.blocks
    for block in blocks or ():
        for element in (*block.get("elements", ()), block.get("accessory"), block.get("element")):
            if isinstance(element, dict) and "action_id" in element:
                yield Picked(element=element, block=block)


def find_element(shown: Message | View, name: str, kinds: tuple[str, ...] = ()) -> Picked:
    """The element of that label, placeholder, action_id or block_id. Fails when there is none, or more than one."""
    there = [picked for picked in list_elements(shown) if not kinds or picked.element["type"] in kinds]
    found = [picked for picked in there if name in picked.names[:-1]] or [
        each for each in there if name == each.block_id
    ]
    assert found, f"nothing is called {name!r} here: {[picked.names[0] for picked in there]}"
    assert len(found) == 1, f"{len(found)} things are called {name!r} here: use the action_id"
    return found[0]


def offer_options(offer: Json) -> list[Json]:
    """The options of a menu or of an answer to an options load, those in groups too."""
    grouped = [option for group in offer.get("option_groups") or () for option in group["options"]]
    return list(offer.get("options") or ()) + grouped


def pick_option(offered: list[Json], name: str) -> Json:
    """The option of that text or value. Fails when there is none."""
    for option in offered:
        if name in (unescape(option["text"]["text"]), option.get("value")):
            return option
    raise AssertionError(f"no option {name!r} here: {[option['text']['text'] for option in offered]}")
