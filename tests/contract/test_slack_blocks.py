"""The stand-in Slack takes what Slack takes and refuses what Slack refuses: blocks, messages, views."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.slack.blocks import find_faults, judge_message, judge_view


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(text: str = "Stop", id: str = "stop", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(text), "action_id": id, **more}


def actions(*elements: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def option(value: str = "v", text: str = "t") -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def menu(count: int, **more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "m", "options": [option(str(n)) for n in range(count)], **more}


def confirm(**more: Any) -> dict[str, Any]:
    parts = {"title": plain("t" * 100), "text": mrkdwn("x" * 300), "confirm": plain("y" * 30), "deny": plain("n" * 30)}
    return parts | more


def ask(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "label": plain("l" * 2000), "hint": plain("h" * 2000), "element": element, **more}


def rich(*leaves: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(leaves)}]}


FULL: dict[str, Any] = {
    "section": section("x" * 3000),
    "fields": {"type": "section", "fields": [mrkdwn("f" * 2000)] * 10},
    "accessory": section(accessory=menu(100)),
    "header": {"type": "header", "text": plain("h" * 150)},
    "divider": {"type": "divider"},
    "context": {"type": "context", "elements": [mrkdwn("c")] * 10},
    "actions": actions(*(button("b" * 75, f"{n:0>255}", value="v" * 2000) for n in range(25))),
    "link": actions(button(url="https://x.org/".ljust(3000, "x"), style="primary", confirm=confirm())),
    "option": actions({**menu(0), "options": [option("v" * 75, "t" * 75)]}),
    "groups": actions({"type": "static_select", "option_groups": [{"label": plain("g"), "options": [option()]}]}),
    "external": actions({"type": "external_select", "action_id": "e", "min_query_length": 0}),
    "ticks": actions({"type": "checkboxes", "options": [option(str(n)) for n in range(10)]}),
    "radio": actions({"type": "radio_buttons", "options": [option(str(n)) for n in range(10)]}),
    "overflow": actions({"type": "overflow", "options": [option(str(n)) for n in range(5)]}),
    "input": ask({"type": "plain_text_input", "multiline": True, "max_length": 3000}),
    "image": {"type": "image", "image_url": "https://x.org/a.png", "alt_text": "a" * 2000, "title": plain("t")},
    "markdown": {"type": "markdown", "text": "m" * 12_000},
    "rich": rich({"type": "text", "text": "x", "style": {"bold": True}}, {"type": "link", "url": "https://x.org"}),
    "table": {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 100},
}
BAD: dict[str, tuple[Any, str]] = {
    "section": (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    "empty": (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "no text": ({"type": "section"}, "missing required field: text"),
    "kind of text": ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
    "text as string": ({"type": "section", "text": "x"}, "must provide an object"),
    "block": ({"type": "sections"}, "unsupported type: sections [json-pointer:/blocks/0/type]"),
    "property": (section(colour="red"), "invalid additional property: colour"),
    "fields": ({"type": "section", "fields": [mrkdwn("x")] * 11}, "no more than 10 items"),
    "field": ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "less than 2001"),
    "header": ({"type": "header", "text": plain("h" * 151)}, "less than 151"),
    "context": ({"type": "context", "elements": [mrkdwn("x")] * 11}, "no more than 10 items"),
    "context button": ({"type": "context", "elements": [button()]}, "unsupported type: button"),
    "actions": (actions(*(button(id=str(n)) for n in range(26))), "no more than 25 items"),
    "no actions": (actions(), "no fewer than 1"),
    "button text": (actions(button("b" * 76)), "less than 76"),
    "button value": (actions(button(value="v" * 2001)), "less than 2001"),
    "button url": (actions(button(url="u" * 3001)), "less than 3001"),
    "button style": (actions(button(style="green")), "must be one of"),
    "action id": (actions(button(id="i" * 256)), "less than 256"),
    "twins": (actions(button(), button()), "action_id `stop` already exists"),
    "confirm title": (actions(button(confirm=confirm(title=plain("t" * 101)))), "less than 101"),
    "confirm text": (actions(button(confirm=confirm(text=plain("t" * 301)))), "less than 301"),
    "confirm yes": (actions(button(confirm=confirm(confirm=plain("t" * 31)))), "less than 31"),
    "confirm no": (actions(button(confirm=confirm(deny=plain("t" * 31)))), "less than 31"),
    "menu": (actions(menu(101)), "no more than 100 items"),
    "no menu": (actions(menu(0)), "no fewer than 1"),
    "option text": (actions({**menu(0), "options": [option(text="t" * 76)]}), "less than 76"),
    "option value": (actions({**menu(0), "options": [option("v" * 76)]}), "less than 76"),
    "option twins": (actions({**menu(0), "options": [option(), option()]}), "unique values"),
    "initial": (actions(menu(2, initial_option=option("9"))), "must match one of the options"),
    "ticks": (actions({"type": "checkboxes", "options": [option(str(n)) for n in range(11)]}), "no more than 10"),
    "input in actions": (actions({"type": "plain_text_input"}), "unsupported type: plain_text_input"),
    "label": (ask({"type": "plain_text_input"}, label=plain("l" * 2001)), "less than 2001"),
    "initial value": (ask({"type": "plain_text_input", "initial_value": "x" * 3001}), "less than 3001"),
    "max length": (ask({"type": "plain_text_input", "max_length": 3001}), "between 1 and 3000"),
    "image": ({"type": "image", "image_url": "https://x.org/a.png"}, "missing required field: alt_text"),
    "image url": ({"type": "image", "image_url": "a.png", "alt_text": "a"}, "invalid url"),
    "markdown": ({"type": "markdown", "text": "m" * 12_001}, "less than 12001"),
    "rich": (rich({"type": "bold", "text": "x"}), "unsupported type: bold"),
    "table": ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}, "no more than 20"),
}


@pytest.mark.parametrize("name", FULL)
def test_blocks_at_their_limits_are_taken(name: str) -> None:
    assert find_faults([FULL[name]]) == []


@pytest.mark.parametrize("name", BAD)
def test_blocks_over_a_limit_are_refused(name: str) -> None:
    block, words = BAD[name]
    assert [fault for fault in find_faults([block]) if words in fault], find_faults([block])


def test_blocks_are_counted() -> None:
    assert find_faults([section()] * 50) == []
    assert find_faults([section()] * 51) == ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]
    assert find_faults([section()] * 100, "modal") == []
    assert find_faults([section()] * 101, "home") != []


def test_block_ids_are_unique() -> None:
    assert "block_id `b` already exists" in find_faults([section(block_id="b"), section(block_id="b")])[0]


def test_markdown_counts_together_and_stands_in_messages_only() -> None:
    assert find_faults([{"type": "markdown", "text": "m" * 6001}] * 2) != []
    assert find_faults([{"type": "markdown", "text": "m"}], "modal") != []


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"text": "x", "blocks": [section("x" * 2640)] * 5}, ""),
        ({"text": "x", "blocks": [section("x" * 2641)] * 5}, "msg_blocks_too_long"),
        ({"text": "x" * 40_000}, ""),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "markdown_text": "x"}, "markdown_text_conflict"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"text": "x", "metadata": {"event_type": "card", "event_payload": {"id": "1"}}}, ""),
        ({"text": "x", "metadata": {"event_payload": {}}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "card", "event_payload": {"id": "1" * 8000}}}, "metadata_too_large"),
    ],
)
def test_messages(message: dict[str, Any], error: str) -> None:
    refusal = judge_message(message)
    assert (refusal.error if refusal else "") == error


def view(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("t" * 24), "blocks": [section()], **more}


FORM = [ask({"type": "plain_text_input", "action_id": "task"}, block_id="task")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (view(submit=plain("s" * 24), close=plain("c" * 24), private_metadata="p" * 3000, callback_id="c" * 255), ""),
        (view(blocks=FORM, submit=plain("Go")), ""),
        (view(blocks=FORM), "missing required field: submit"),
        (view(title=plain("t" * 25)), "less than 25"),
        (view(submit=plain("s" * 25)), "less than 25"),
        (view(close=plain("c" * 25)), "less than 25"),
        (view(private_metadata="p" * 3001), "less than 3001"),
        (view(callback_id="c" * 256), "less than 256"),
        (view(type="home"), "unsupported type: home"),
        (view(blocks=[section("x" * 3001)]), "[json-pointer:/view/blocks/0/text/text]"),
        ({"type": "modal", "title": plain("t")}, "missing required field: blocks"),
        ("modal", "must provide an object"),
    ],
)
def test_views(given: Any, words: str) -> None:
    refusal = judge_view(given, "modal")
    found = " ".join(refusal.messages) if refusal else ""
    assert words in found
    assert bool(words) == bool(refusal)


JUNK = [
    *(
        {"type": "actions", "elements": [element]}
        for element in ({"type": []}, {"type": "static_select", "options": 1})
    ),
    {"type": "table", "rows": 1},
    {"type": "rich_text", "elements": [{"type": {}}]},
    ask({"type": "plain_text_input", "max_length": "x", "initial_value": "x"}),
    actions({"type": "static_select", "option_groups": [1]}),
]


@pytest.mark.parametrize("block", JUNK)
def test_junk_in_a_block_is_refused_without_a_crash(block: Any) -> None:
    assert find_faults([block])


@pytest.mark.parametrize(
    "blocks", [None, "x", [1], [None], [{"type": 1}], [{"type": []}], [{"type": "section", "text": 1}], [[]]]
)
def test_junk_is_refused_without_a_crash(blocks: Any) -> None:
    assert find_faults(blocks)
