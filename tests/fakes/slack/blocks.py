"""What Slack would say of blocks, messages and views: pure functions, every limit in one place.

`find_faults(blocks)` returns Slack's own words for each fault, [] when Slack would take the blocks. `judge_message` and
`judge_view` do the same for a whole message or view and say which error code the call is answered with.

Lengths are counted in code points of the text as it is sent (`&lt;` is four).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.fakes.slack.checks import EITHER, Check, find_twins
from tests.fakes.slack.elements import IN_ACTIONS, IN_INPUT, IN_SECTION, check_element, check_image
from tests.fakes.slack.rich import check_rich_text, check_table

Surface = Literal["message", "modal", "home"]
MOST_BLOCKS: dict[str, int] = {"message": 50, "modal": 100, "home": 100}
MARKDOWN = 12_000
# Undocumented: about here `chat.postMessage` begins to answer `msg_blocks_too_long`.
MESSAGE = 13_200
TEXT = 40_000


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The error a call is answered with, and Slack's remarks (`response_metadata.messages`)."""

    error: str
    messages: tuple[str, ...] = ()


def find_faults(blocks: Any, surface: Surface = "message") -> list[str]:
    """What Slack refuses in these blocks, each with the JSON pointer to where it is."""
    faults: list[str] = []
    root = Check({"blocks": blocks}, "", faults)
    checks = list(root.items("blocks", MOST_BLOCKS[surface], least=0))
    for check in checks:
        _check_block(check, surface)
    find_twins(checks, "block_id")
    if sum(len(str(check.get("text", ""))) for check in checks if check.get("type") == "markdown") > MARKDOWN:
        root.note(f"markdown blocks must be less than {MARKDOWN + 1} characters together", "blocks")
    if sum(check.get("type") == "table" for check in checks) > 1:
        root.note("only one table allowed", "blocks")
    return faults


def judge_message(message: Mapping[str, Any]) -> Refusal | None:
    """What `chat.postMessage`, `chat.update` and the like would refuse; None when they would take it."""
    text, blocks = message.get("text") or "", message.get("blocks")
    markdown = message.get("markdown_text") or ""
    if markdown and (text or blocks):
        return Refusal(error="markdown_text_conflict")
    if not text and not blocks and not markdown and not message.get("attachments"):
        return Refusal(error="no_text")
    if len(text) > TEXT or len(markdown) > MARKDOWN:
        return Refusal(error="msg_too_long")
    return _judge_blocks(blocks) or _judge_metadata(message.get("metadata"))


def judge_view(view: Any, kind: Surface) -> Refusal | None:
    """What `views.open` ("modal") and `views.publish` ("home") would refuse; None when they would take it."""
    faults: list[str] = []
    check = Check(view, "/view", faults)
    if check.is_object():
        _check_view(check, kind)
        found = find_faults(view.get("blocks"), kind)
        faults += [fault.replace("json-pointer:", "json-pointer:/view", 1) for fault in found]
        if len(json.dumps(view)) > 250_000:
            return Refusal(error="view_too_large")
    return Refusal(error="invalid_arguments", messages=tuple(faults)) if faults else None


def measure_message(blocks: Sequence[Any]) -> int:
    """Characters of all the texts in the blocks."""
    return sum(map(len, list_texts(blocks)))


def list_texts(part: Any) -> Iterator[str]:
    """Every string under a `text`, in order, wherever it stands."""
    if isinstance(part, list):
        for item in part:
            yield from list_texts(item)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from list_texts(value)


def _judge_blocks(blocks: Any) -> Refusal | None:
    if blocks is None:
        return None
    if faults := find_faults(blocks):
        return Refusal(error="invalid_blocks", messages=tuple(faults))
    return Refusal(error="msg_blocks_too_long") if measure_message(blocks) > MESSAGE else None


def _judge_metadata(metadata: Any) -> Refusal | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("event_type"), str):
        return Refusal(error="invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), Mapping) or len(metadata["event_type"]) > 255:
        return Refusal(error="invalid_metadata_format")
    return Refusal(error="metadata_too_large") if len(json.dumps(metadata)) > 8_000 else None


_VIEW = ("type", "blocks", "private_metadata", "callback_id", "external_id")
_MODAL = ("title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled")


def _check_view(check: Check, kind: Surface) -> None:
    if check.get("type") != kind:
        check.note(f"unsupported type: {check.get('type')}", "type")
    check.only(*_VIEW, *(_MODAL if kind == "modal" else ()))
    check.string("private_metadata", 3000, least=0)
    check.string("callback_id", 255, least=0)
    check.string("external_id", 255, least=0)
    if kind == "modal":
        _check_modal(check)


def _check_modal(check: Check) -> None:
    check.text("title", 24)
    check.text("submit", 24, required=False)
    check.text("close", 24, required=False)
    check.truth("clear_on_close", "notify_on_close", "submit_disabled")
    blocks = check.get("blocks") or ()
    asks = any(isinstance(block, Mapping) and block.get("type") == "input" for block in blocks)
    if asks and not check.has("submit"):
        check.note("missing required field: submit")


def _check_block(check: Check, surface: Surface) -> None:
    kind = check.get("type")
    judge = _KINDS.get(str(kind))
    if judge is None or (kind in ("markdown", "table") and surface != "message"):
        check.note(f"unsupported type: {kind}", "type")
        return
    check.string("block_id", 255)
    judge(check)


def _check_section(check: Check) -> None:
    check.only("type", "block_id", "text", "fields", "accessory", "expand")
    if not check.has("text") and not check.has("fields"):
        check.note("missing required field: text")
    check.text("text", 3000, EITHER, required=False)
    for field in check.items("fields", 10, required=False):
        field.text_object(2000)
    if check.has("accessory") and check.child("accessory").is_object():
        check_element(check.child("accessory"), IN_SECTION)


def _check_header(check: Check) -> None:
    check.only("type", "block_id", "text")
    check.text("text", 150)


def _check_divider(check: Check) -> None:
    check.only("type", "block_id")


def _check_context(check: Check) -> None:
    check.only("type", "block_id", "elements")
    for element in check.items("elements", 10):
        if element.get("type") == "image":
            check_image(element)
        else:
            element.text_object(3000)


def _check_actions(check: Check) -> None:
    check.only("type", "block_id", "elements")
    elements = list(check.items("elements", 25))
    for element in elements:
        check_element(element, IN_ACTIONS)
    find_twins(elements, "action_id")


def _check_picture(check: Check) -> None:
    check_image(check, "block_id", "title")
    check.text("title", 2000, required=False)


def _check_input(check: Check) -> None:
    check.only("type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
    check.text("label", 2000)
    check.text("hint", 2000, required=False)
    check.truth("optional", "dispatch_action")
    if check.has("element", required=True) and check.child("element").is_object():
        check_element(check.child("element"), IN_INPUT)


def _check_markdown(check: Check) -> None:
    check.only("type", "block_id", "text")
    check.string("text", MARKDOWN, required=True)


_KINDS: dict[str, Callable[[Check], None]] = {
    "section": _check_section,
    "header": _check_header,
    "divider": _check_divider,
    "context": _check_context,
    "actions": _check_actions,
    "image": _check_picture,
    "input": _check_input,
    "markdown": _check_markdown,
    "rich_text": check_rich_text,
    "table": check_table,
}
