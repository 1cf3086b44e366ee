"""Tables of what agents send and what people are shown. Payloads are as they come from real agents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from acp.schema import ElicitationSchema, RequestPermissionResponse, SessionNotification
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.errors import PermanentFailure
from core.interfaces import Answer
from core.model import Option, RequestKind, Verdict
from integrations.acp.excerpt import cut_line, cut_text, hash_json
from integrations.acp.lines import Splitter
from integrations.acp.offer import list_offers, pick_offer
from integrations.acp.permission import answer_permission, read_permission, translate_permission
from integrations.acp.question import answer_question, read_form, translate_question
from integrations.acp.translate import mend_update, read_end, translate_update
from tests.integrations.acp.fake import OPTIONS


def read(update: dict[str, Any]) -> Any:
    return SessionNotification.model_validate({"sessionId": "s", "update": update}).update


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def block(words: str) -> dict[str, Any]:
    return {"type": "content", "content": text(words)}


UPDATES = [
    ({"sessionUpdate": "agent_message_chunk", "content": text("hi")}, ("message", {"text": "hi"})),
    ({"sessionUpdate": "agent_thought_chunk", "content": text("hm")}, ("thought", {"text": "hm"})),
    ({"sessionUpdate": "user_message_chunk", "content": text("me")}, None),
    (
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "image", "data": "AA", "mimeType": "image/png"}},
        ("message", {"text": "[image]"}),
    ),
    (
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "resource_link", "name": "a", "uri": "file:///a"}},
        ("message", {"text": "[a: file:///a]"}),
    ),
    (
        {
            "sessionUpdate": "agent_message_chunk",
            "content": {"type": "resource", "resource": {"uri": "file:///b", "text": "…"}},
        },
        ("message", {"text": "[resource: file:///b]"}),
    ),
    (
        {
            "sessionUpdate": "tool_call",
            "toolCallId": "c1",
            "title": "Run tests",
            "kind": "execute",
            "status": "pending",
            "rawInput": {"command": "npm test", "description": "Run"},
        },
        (
            "tool",
            {"call": "c1", "title": "Run tests", "kind": "execute", "status": "pending", "command": "npm test"},
        ),
    ),
    (
        {"sessionUpdate": "tool_call_update", "toolCallId": "c1", "status": "completed", "content": [block("ok")]},
        ("tool", {"call": "c1", "status": "completed", "output": "ok"}),
    ),
    (
        {"sessionUpdate": "tool_call_update", "toolCallId": "c1", "rawOutput": {"formatted_output": "3 passed"}},
        ("tool", {"call": "c1", "output": "3 passed"}),
    ),
    (
        {"sessionUpdate": "tool_call_update", "toolCallId": "c1", "rawOutput": {"b": 1, "a": None}},
        ("tool", {"call": "c1", "output": '{"a": null, "b": 1}'}),
    ),
    (
        {
            "sessionUpdate": "tool_call",
            "toolCallId": "c2",
            "title": "Edit",
            "kind": "edit",
            "locations": [{"path": "/w/a.py", "line": 3}],
            "content": [{"type": "diff", "path": "/w/a.py", "oldText": "a", "newText": "b"}],
            "rawInput": {"file_path": "/w/b.py"},
        },
        (
            "tool",
            {
                "call": "c2",
                "title": "Edit",
                "kind": "edit",
                "paths": ["/w/a.py", "/w/b.py"],
                "diff": {"path": "/w/a.py", "old": "a", "new": "b"},
            },
        ),
    ),
    (
        {"sessionUpdate": "plan", "entries": [{"content": "one", "priority": "high", "status": "pending"}, {"x": 1}]},
        ("plan", {"entries": [{"content": "one", "status": "pending", "priority": "high"}]}),
    ),
    (
        {"sessionUpdate": "usage_update", "used": 5, "size": 9, "cost": {"amount": 1, "currency": "USD"}},
        ("usage", {"cost": 1.0, "currency": "USD", "context": 5, "window": 9}),
    ),
    ({"sessionUpdate": "current_mode_update", "currentModeId": "code"}, ("mode", {"mode": "code"})),
    ({"sessionUpdate": "session_info_update", "title": "Fix it"}, ("title", {"title": "Fix it"})),
    ({"sessionUpdate": "session_info_update"}, None),
    ({"sessionUpdate": "available_commands_update", "availableCommands": []}, None),
    ({"sessionUpdate": "config_option_update", "configOptions": []}, None),
]


@pytest.mark.parametrize(("update", "heard"), UPDATES, ids=range(len(UPDATES)))
def test_updates(update: dict[str, Any], heard: Any) -> None:
    assert translate_update(read(update)) == heard


ODD = [
    ({"sessionUpdate": "usage_update", "used": None, "size": None}, ("usage", {})),
    (
        {"sessionUpdate": "usage_update", "used": -1, "cost": {"amount": float("nan"), "currency": 3}},
        ("usage", {}),
    ),
    ({"sessionUpdate": "agent_message_chunk", "content": {"type": "hologram"}}, ("message", {"text": "[hologram]"})),
    ({"sessionUpdate": "agent_thought_chunk"}, ("thought", {"text": "[content]"})),
    ({"sessionUpdate": "tool_call", "toolCallId": "c", "title": None}, ("tool", {"call": "c"})),
    ({"sessionUpdate": "tool_call"}, ("note", {"text": "The agent sent a tool call without an id."})),
    ({"sessionUpdate": "user_message_chunk", "content": 5}, None),
    ({"sessionUpdate": "x" * 500}, ("note", {"text": f"The agent sent an update that is not known: {'x' * 100}"})),
    ({}, ("note", {"text": "The agent sent an update that is not known: ?"})),
]


@pytest.mark.parametrize(("update", "heard"), ODD, ids=range(len(ODD)))
def test_odd_updates(update: dict[str, Any], heard: Any) -> None:
    with pytest.raises(ValidationError):
        read(update)
    assert mend_update(update) == heard


def test_what_is_long_is_cut_and_says_so() -> None:
    update = {
        "sessionUpdate": "tool_call",
        "toolCallId": "c",
        "title": "t",
        "kind": "execute",
        "content": [block("ä" * 10_000), {"type": "diff", "path": "p", "newText": "n" * 9_000}],
        "rawInput": {"command": "c" * 9_000},
    }
    _, data = translate_update(read(update)) or ("", {})
    assert data["output"].endswith("ä\n… 11,808 bytes more")
    assert data["diff"]["new"].endswith("n\n… 808 bytes more")
    assert "808 bytes more (sha256 " in data["command"]


# --------------------------------------------------------------------------------------------------------- the figures


@pytest.mark.parametrize(
    ("result", "tokens"),
    [
        ({"stopReason": "end_turn"}, None),
        ({"stopReason": "end_turn", "usage": None}, None),
        ({"stopReason": "end_turn", "usage": {"totalTokens": 7}}, 7),
        ({"stopReason": "end_turn", "usage": {"totalTokens": "7"}}, None),
        ({"stopReason": "end_turn", "usage": {"totalTokens": True}}, None),
    ],
)
def test_ends(result: dict[str, Any], tokens: int | None) -> None:
    assert read_end(result, 0.5).tokens == tokens


@pytest.mark.parametrize("result", [{}, {"stopReason": None}, {"stopReason": 5}])
def test_an_end_needs_a_reason(result: dict[str, Any]) -> None:
    with pytest.raises(PermanentFailure):
        read_end(result, None)


# --------------------------------------------------------------------------------------------------------- permissions


def ask_for(call: dict[str, Any], **rest: Any) -> Any:
    return translate_permission(read_permission({"sessionId": "s", "toolCall": call, "options": OPTIONS, **rest}))


CLAUDE = {
    "toolCallId": "toolu_01",
    "title": "`git push --force`",
    "kind": "execute",
    "rawInput": {"command": "git push --force", "description": "Push"},
    "content": [block("Push")],
}
CODEX = {
    "toolCallId": "call_1",
    "title": "Run git push",
    "kind": "execute",
    "rawInput": {"call_id": "call_1", "turn_id": "7", "command": ["bash", "-lc", "git push"], "cwd": "/w"},
}
GEMINI = {
    "toolCallId": "run_shell_command-1712",
    "title": "git push [current working directory /w]",
    "kind": "execute",
    "content": [],
    "locations": [],
}
SERVER = {"toolCallId": "c", "title": "Run", "kind": "execute", "rawInput": {"command": "git", "args": ["push", "-f"]}}


@pytest.mark.parametrize(
    ("call", "command"),
    [
        (CLAUDE, "git push --force"),
        (CODEX, ["bash", "-lc", "git push"]),
        (GEMINI, "git push [current working directory /w]"),
        (SERVER, ["git", "push", "-f"]),
    ],
)
def test_the_whole_command_is_shown(call: dict[str, Any], command: Any) -> None:
    assert ask_for(call).detail["command"] == command


def test_a_permission_shows_what_it_is_for() -> None:
    ask = ask_for(CODEX)
    assert (ask.kind, ask.title, ask.tool) == (RequestKind.PERMISSION, "Run git push", "execute")
    assert ask.detail["folder"] == "/w"
    assert ask.detail["input"] == '{"command": ["bash", "-lc", "git push"], "cwd": "/w"}'
    assert ask.options == [
        Option("yes", "Allow", "allow_once"),
        Option("always", "Always", "allow_always"),
        Option("no", "Reject", "reject_once"),
    ]


def test_the_same_ask_after_a_restart_looks_the_same() -> None:
    again = {**CODEX, "toolCallId": "call_2", "rawInput": {**CODEX["rawInput"], "call_id": "call_2", "turn_id": "9"}}
    terminal = {**CODEX, "content": [{"type": "terminal", "terminalId": "t-77"}]}
    first = {**ask_for(CODEX).detail, "call": ""}
    assert first == {**ask_for(again).detail, "call": ""} == {**ask_for(terminal).detail, "call": ""}


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("key", ["command", "content", "id", "query"])
def test_another_ask_never_looks_the_same(key: str, size: int) -> None:
    one, two = (ask_for({**CLAUDE, "rawInput": {key: "x" * size + end}}) for end in "ab")
    assert {**one.detail, "call": ""} != {**two.detail, "call": ""}
    if key == "command":
        assert one.detail["command"] != two.detail["command"]
    diffs = [[{"type": "diff", "path": "p", "newText": "x" * size + end}] for end in "ab"]
    one, two = (ask_for({"toolCallId": "c", "kind": "edit", "title": "Edit", "content": diff}) for diff in diffs)
    assert one.detail != two.detail


def test_a_long_title_is_one_line_and_whole_in_the_detail() -> None:
    ask = ask_for({"toolCallId": "c", "title": "Fetch\n" + "x" * 1_000, "kind": "fetch"})
    assert ask.title == "Fetch…"
    assert ask.detail["title"].endswith("x" * 1_000)


def test_many_files_are_counted() -> None:
    content = [{"type": "diff", "path": f"f{number}", "newText": ""} for number in range(300)]
    detail = ask_for({"toolCallId": "c", "content": content}).detail
    assert detail["diff"][-1] == {"path": "… 280 files more"}
    assert detail["paths"][-1].startswith("… 100 more (sha256 ")


ANSWERS = [
    (Answer(Verdict.ONCE), ["once", "always", "no"], "once", None),
    (Answer(Verdict.ONCE), ["always", "no"], "always", None),
    (Answer(Verdict.AGENT), ["once", "always", "no"], "always", None),
    (Answer(Verdict.AGENT), ["once", "no"], "once", None),
    (Answer(Verdict.DENIED), ["once", "never", "no"], "no", None),
    (Answer(Verdict.DENIED), ["once", "never"], "never", None),
    (Answer(Verdict.DENIED, text="why"), ["once", "no"], "no", {"reason": "why"}),
    (Answer(Verdict.DENIED, text="why"), ["once"], "", {"outcome": "denied", "reason": "why"}),
    (Answer(Verdict.DENIED, choice="once"), ["once", "no"], "no", None),
    (Answer(Verdict.ONCE, choice="no"), ["once", "no"], "once", None),
    (Answer(Verdict.ONCE, choice="always"), ["once", "always"], "always", None),
    (Answer(Verdict.ANSWERED, choice="odd"), ["once", "odd"], "odd", None),
    (Answer(Verdict.ANSWERED, choice="gone"), ["once"], "", {"outcome": "answered"}),
    (Answer(Verdict.ONCE), ["no"], "", {"outcome": "once"}),
    (Answer(Verdict.ONCE), ["odd"], "", {"outcome": "once"}),
    (Answer(Verdict.NO_ANSWER, choice="once"), ["once"], "", {"outcome": "no answer"}),
    (Answer(Verdict.CANCELLED), ["once"], "", {"outcome": "cancelled"}),
]
KINDS = {"once": "allow_once", "always": "allow_always", "no": "reject_once", "never": "reject_always", "odd": "odd"}


@pytest.mark.parametrize(("answer", "offered", "chosen", "meta"), ANSWERS, ids=range(len(ANSWERS)))
def test_answers_to_permissions(answer: Answer, offered: list[str], chosen: str, meta: Any) -> None:
    options = [{"optionId": name, "name": name, "kind": KINDS[name]} for name in offered]
    request = read_permission({"sessionId": "s", "toolCall": {"toolCallId": "c"}, "options": options})
    response: RequestPermissionResponse = answer_permission(answer, request.options)
    outcome = {"outcome": "selected", "optionId": chosen} if chosen else {"outcome": "cancelled"}
    wanted = {"outcome": outcome, **({"_meta": {"callboard": meta}} if meta else {})}
    assert response.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True) == wanted


# ----------------------------------------------------------------------------------------------------------- questions

COLOUR = {"colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]}}
SURE = {"sure": {"type": "boolean", "description": "It cannot be undone."}}
FORM = {
    "name": {"type": "string"},
    "count": {"type": "integer", "default": 1},
    "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    "note": {"type": "string"},
}


def form_of(properties: dict[str, Any], required: tuple[str, ...] = ()) -> tuple[dict[str, Any], Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    assert ElicitationSchema.model_validate(schema)
    params = {"message": "Which?", "sessionId": "s", "toolCallId": "c", "requestedSchema": schema}
    return params, read_form(params)


@pytest.mark.parametrize(
    ("properties", "options"),
    [
        (COLOUR, [Option("r", "Red"), Option("g", "Green")]),
        ({"x": {"type": "string", "enum": ["a", "b"]}}, [Option("a", "a"), Option("b", "b")]),
        (SURE, [Option("true", "Yes"), Option("false", "No")]),
        ({"x": {"type": "string"}}, []),
        (FORM, []),
        ({}, []),
    ],
)
def test_questions(properties: dict[str, Any], options: list[Option]) -> None:
    params, form = form_of(properties, tuple(properties)[:1])
    ask = translate_question(params, form)
    assert (ask.kind, ask.title, ask.tool) == (RequestKind.QUESTION, "Which?", "question")
    assert list(ask.options) == options
    assert ask.detail["call"] == "c"
    if not options:
        assert list(ask.detail["fields"]) == list(properties)
        assert ask.detail["required"] == list(properties)[:1]
    json.dumps(ask.detail)


REPLIES = [
    (COLOUR, (), Answer(Verdict.ANSWERED, choice="g"), {"colour": "g"}),
    (COLOUR, (), Answer(Verdict.ANSWERED, text="GREEN "), {"colour": "g"}),
    (COLOUR, (), Answer(Verdict.ANSWERED, text="something else"), {"colour": "something else"}),
    (SURE, (), Answer(Verdict.ANSWERED, choice="false"), {"sure": False}),
    (SURE, (), Answer(Verdict.ANSWERED, text="Yes"), {"sure": True}),
    (SURE, ("sure",), Answer(Verdict.ANSWERED, text="perhaps"), "decline"),
    (FORM, ("name",), Answer(Verdict.ANSWERED, text="Ada"), {"name": "Ada", "count": 1}),
    (FORM, ("note",), Answer(Verdict.ANSWERED, text="Ada"), {"note": "Ada", "count": 1}),
    (
        FORM,
        (),
        Answer(Verdict.ANSWERED, fields={"count": "3", "tags": "a, b", "other": 1}),
        {"count": 3, "tags": ["a", "b"]},
    ),
    (
        FORM,
        (),
        Answer(Verdict.ANSWERED, fields={"count": "2.5", "name": "x"}, text="more"),
        {"count": 1, "name": "x", "note": "more"},
    ),
    (FORM, ("name",), Answer(Verdict.ANSWERED, fields={"note": "x"}), "decline"),
    ({"x": {"type": "number"}}, (), Answer(Verdict.ANSWERED, text="2.5"), {"x": 2.5}),
    (COLOUR, (), Answer(Verdict.DENIED, text="no"), "decline"),
    (COLOUR, (), Answer(Verdict.NO_ANSWER), "cancel"),
    (COLOUR, (), Answer(Verdict.CANCELLED), "cancel"),
]


@pytest.mark.parametrize(("properties", "required", "answer", "wanted"), REPLIES, ids=range(len(REPLIES)))
def test_answers_to_questions(properties: Any, required: Any, answer: Answer, wanted: Any) -> None:
    params, form = form_of(properties, required)
    response = answer_question(answer, params, form)
    if isinstance(wanted, str):
        assert response.action == wanted
    else:
        assert response.model_dump(exclude_none=True) == {"action": "accept", "content": wanted}


def test_no_answer_is_not_a_denial() -> None:
    params, form = form_of(COLOUR)
    metas = [
        answer_question(Answer(verdict), params, form).field_meta for verdict in (Verdict.NO_ANSWER, Verdict.DENIED)
    ]
    assert metas == [{"callboard": {"outcome": "no answer"}}, None]


# --------------------------------------------------------------------------------------------------------------- texts


@given(st.text(), st.integers(0, 50))
def test_cut_text_keeps_the_limit_and_counts_the_rest(words: str, limit: int) -> None:
    cut = cut_text(words, limit)
    data = words.encode("utf-8", "replace")
    if len(data) <= limit:
        assert cut == words
        return
    kept, _, told = cut.rpartition("\n… ")
    assert len(kept.encode()) <= limit
    assert int(told.removesuffix(" bytes more").replace(",", "")) + len(kept.encode()) == len(data)


def test_cut_line() -> None:
    assert cut_line("  one  ", 10) == "one"
    assert cut_line("one\ntwo", 10) == "one…"
    assert cut_line("x" * 20, 10) == "x" * 9 + "…"
    assert cut_line("", 10) == ""


def test_hashes_do_not_depend_on_the_order_of_keys() -> None:
    assert hash_json({"a": 1, "b": [2]}) == hash_json({"b": [2], "a": 1}) != hash_json({"a": 1, "b": [3]})
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert hash_json(deep) != hash_json(deep)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=20), st.integers(1, 7))
def test_lines_come_out_as_they_went_in(lines: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    splitter = Splitter(1_000)
    found = [line for at in range(0, len(stream), size) for line in splitter.feed(stream[at : at + size])]
    assert found == [(line, len(line)) for line in lines]
    assert splitter.finish() == (b"rest", 4)


def test_of_a_long_line_the_head_is_kept() -> None:
    splitter = Splitter(10)
    assert splitter.feed(b"0123456789") == []
    assert splitter.feed(b"abc") == []
    assert splitter.feed(b"def\nshort\n") == [(b"0123456789", 16), (b"short", 5)]


def test_offers_survive_odd_shapes() -> None:
    odd = {
        "configOptions": [5, {"id": "model", "options": [{"value": 3}, 7, {"options": [{"value": "a"}]}]}],
        "models": 3,
    }
    assert [offer.id for offer in list_offers("model", odd, "s")] == ["a"]
    many = {"models": {"availableModels": [{"modelId": f"m{number}"} for number in range(50)]}}
    with pytest.raises(PermanentFailure, match="m29 and 20 more"):
        pick_offer("model", "x", list_offers("model", many, "s"))
