"""Permissions: from an agent's request to an Ask, and from an Answer to ACP's outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    RequestPermissionRequest,
    RequestPermissionResponse,
    TerminalToolCallContent,
    ToolCallStart,
    ToolCallUpdate,
)
from pydantic import ValidationError

from core.interfaces import Answer, Ask
from core.model import Option, RequestKind, Verdict
from integrations.acp import translate
from integrations.acp.excerpt import cut_line, cut_text, dump_json, hash_json

TITLE_LIMIT = 300
TEXT_LIMIT = 8 * 1024
FILES_LIMIT = 20

# Ids of one run: an ask that is the same after a restart must look the same.
PASSING_KEYS = frozenset(
    {"call_id", "callId", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "turn_id", "turnId", "approval_id"}
)
WANTED_KINDS: Mapping[Verdict, Sequence[str]] = {
    Verdict.ONCE: ("allow_once", "allow_always"),
    Verdict.AGENT: ("allow_always", "allow_once"),
    Verdict.DENIED: ("reject_once", "reject_always"),
}


def read_permission(params: Mapping[str, Any]) -> RequestPermissionRequest:
    """The request, with options of kinds that the schema does not know and calls that do not fit it.
    Raises ValueError when there is no call id, for then no answer could be understood."""
    try:
        return RequestPermissionRequest.model_validate(params)
    except ValidationError:
        call, options = params.get("toolCall"), params.get("options")
        return RequestPermissionRequest.model_construct(
            session_id=str(params.get("sessionId")),
            tool_call=read_call(call if isinstance(call, Mapping) else {}),
            options=[read_option(option) for option in options or () if has_id(option)],
        )


def read_call(call: Mapping[str, Any]) -> ToolCallUpdate:
    try:
        return ToolCallUpdate.model_validate(call)
    except ValidationError:
        raise ValueError("a permission request needs toolCall.toolCallId") from None


def has_id(option: Any) -> bool:
    return isinstance(option, Mapping) and isinstance(option.get("optionId"), str)


def read_option(option: Mapping[str, Any]) -> PermissionOption:
    name, kind = option.get("name"), option.get("kind")
    return PermissionOption.model_construct(
        option_id=option["optionId"],
        name=name if isinstance(name, str) else option["optionId"],
        kind=kind if isinstance(kind, str) else "",  # type: ignore[arg-type]
    )


def merge_calls(known: ToolCallUpdate | None, told: ToolCallStart | ToolCallUpdate) -> ToolCallUpdate:
    """What is known of a call by now: an update tells only what changed."""
    fields = ToolCallUpdate.model_fields
    before = {key: getattr(known, key, None) for key in fields} if known else {}
    changed = {key: value for key in fields if (value := getattr(told, key, None)) is not None}
    return ToolCallUpdate.model_construct(**{**before, **changed})


def translate_permission(request: RequestPermissionRequest) -> Ask:
    """Everything that a person must see before the answer. The same ask gives the same `detail`, apart from `call`."""
    call = request.tool_call
    title = call.title or "Use a tool"
    options = [Option(option.option_id, cut_line(option.name, TITLE_LIMIT), option.kind) for option in request.options]
    return Ask(RequestKind.PERMISSION, cut_line(title, TITLE_LIMIT), call.kind or "other", show_call(call), options)


def show_call(call: ToolCallUpdate) -> dict[str, Any]:
    given = drop_ids(call.raw_input, call.tool_call_id)
    shown = {
        "command": show_command(call),
        "folder": translate.find_folder(call),
        "paths": translate.cut_list(translate.find_paths(call), 200),
        "diff": show_edits(call),
        "text": cut_text(translate.find_text(call), TEXT_LIMIT),
        "title": cut_text(call.title or "", TEXT_LIMIT) if is_long(call.title or "") else "",
        "input": cut_text(dump_json(given), TEXT_LIMIT) if given else "",
    }
    known = {key: value for key, value in shown.items() if value}
    return {**known, "sha256": hash_json([call.title, call.kind, given, list_content(call)]), "call": call.tool_call_id}


def show_command(call: ToolCallUpdate) -> str | list[str] | None:
    """The whole command. Some agents name it in the title alone."""
    command = translate.find_command(call) or (call.title if call.kind == "execute" else None)
    return translate.cut_command(command, translate.COMMAND_LIMIT) if command else None


def show_edits(call: ToolCallUpdate) -> list[dict[str, Any]]:
    edits = translate.list_edits(call)
    shown = [translate.show_edit(edit, TEXT_LIMIT) for edit in edits[:FILES_LIMIT]]
    missing = len(edits) - len(shown)
    return [*shown, {"path": f"… {missing} files more"}] if missing else shown


def is_long(title: str) -> bool:
    return cut_line(title, TITLE_LIMIT) != title.strip()


def drop_ids(given: Any, call: str) -> Any:
    if not isinstance(given, Mapping):
        return given
    return {key: value for key, value in given.items() if key not in PASSING_KEYS and value != call}


def list_content(call: ToolCallUpdate) -> list[Any]:
    content = [item for item in call.content or () if not isinstance(item, TerminalToolCallContent)]
    shown = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in content]
    return [*shown, [place.path for place in call.locations or ()]]


# ------------------------------------------------------------------------------------------------------------ answers


def answer_permission(answer: Answer, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
    """The outcome. `_meta.callboard` says what ACP has no word for: no answer, and the reason of a denial."""
    choice = choose_option(answer, options)
    meta = describe_answer(answer, chosen=bool(choice))
    if not choice:
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"), field_meta=meta)
    return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=choice), field_meta=meta)


def choose_option(answer: Answer, options: Sequence[PermissionOption]) -> str:
    """The id of the option that is meant, "" for none. A choice never turns a denial into a permission or back."""
    if answer.verdict in (Verdict.NO_ANSWER, Verdict.CANCELLED):
        return ""
    chosen = next((option for option in options if option.option_id == answer.choice), None)
    if chosen and not contradicts(answer.verdict, chosen.kind):
        return chosen.option_id
    wanted = WANTED_KINDS.get(answer.verdict, ())
    return next((option.option_id for kind in wanted for option in options if option.kind == kind), "")


def contradicts(verdict: Verdict, kind: str) -> bool:
    opposite = {Verdict.DENIED: "allow", Verdict.ONCE: "reject", Verdict.AGENT: "reject"}.get(verdict)
    return opposite is not None and kind.startswith(opposite)


def describe_answer(answer: Answer, *, chosen: bool) -> dict[str, Any] | None:
    told = {}
    if not chosen:
        told["outcome"] = answer.verdict.value
    if answer.verdict is Verdict.DENIED and answer.text:
        told["reason"] = answer.text
    return {"callboard": told} if told else None
