"""From ACP's session updates to lines of a transcript. Pure; every value that leaves is plain, bounded JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from acp.schema import (
    AgentMessageChunk,
    AgentPlanContentUpdate,
    AgentPlanUpdate,
    AgentThoughtChunk,
    ContentToolCallContent,
    CurrentModeUpdate,
    EmbeddedResourceContentBlock,
    FileEditToolCallContent,
    PlanUpdateItems,
    ResourceContentBlock,
    SessionInfoUpdate,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
)

from core.errors import PermanentFailure
from core.interfaces import TurnEnd
from integrations.acp.excerpt import cut_text, dump_json, hash_json

MESSAGE_LIMIT = 256 * 1024
OUTPUT_LIMIT = 8 * 1024
COMMAND_LIMIT = 32 * 1024

Call = ToolCallStart | ToolCallProgress | ToolCallUpdate
Heard = tuple[str, dict[str, Any]]

FOLDER_KEYS = ("cwd", "workdir", "working_directory", "workingDirectory", "directory", "dir_path")
PATH_KEYS = ("file_path", "filePath", "path", "abs_path", "absolute_path", "notebook_path")
OUTPUT_KEYS = ("formatted_output", "aggregated_output", "output", "stdout", "text")


def translate_update(update: Any) -> Heard | None:
    """What a listener hears of a session update; None for what is not for a transcript."""
    translate = TRANSLATIONS.get(type(update))
    return translate(update) if translate else None


def mend_update(update: Mapping[str, Any]) -> Heard | None:
    """What can be saved of an update that does not fit the schema: real agents send null and kinds of their own."""
    kind = str(update.get("sessionUpdate", ""))[:100]
    mend = MENDINGS.get(kind)
    return mend(update) if mend else ("note", {"text": f"The agent sent an update that is not known: {kind or '?'}"})


def read_end(result: Mapping[str, Any], cost: float | None) -> TurnEnd:
    """The end of a turn from the prompt's result and the last cost that was told. The cost is the session's so far, the
    tokens are the turn's, as ACP counts them. Raises PermanentFailure when no reason is given."""
    reason = result.get("stopReason")
    if not isinstance(reason, str) or not reason:
        raise PermanentFailure("The agent broke the protocol: its turn ended without a reason.")
    usage = result.get("usage")
    tokens = read_count(usage.get("totalTokens")) if isinstance(usage, Mapping) else None
    return TurnEnd(reason, cost=cost, tokens=tokens)


# ------------------------------------------------------------------------------------------------------------- parts


def show_block(block: Any) -> str:
    if isinstance(block, TextContentBlock):
        return block.text
    if isinstance(block, ResourceContentBlock):
        return f"[{block.name}: {block.uri}]"
    if isinstance(block, EmbeddedResourceContentBlock):
        return f"[resource: {block.resource.uri}]"
    return f"[{block.type}]"


def show_words(text: str) -> dict[str, Any]:
    return {"text": cut_text(text, MESSAGE_LIMIT)}


def read_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def read_amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e12 else None


def find_command(call: Call) -> str | list[str] | None:
    """The whole command of a call, with its arguments; a list stays a list."""
    given = call.raw_input if isinstance(call.raw_input, Mapping) else {}
    command = next((given[key] for key in ("command", "cmd") if given.get(key)), None)
    arguments = given.get("args")
    if isinstance(command, str):
        return [command, *arguments] if is_words(arguments) else command
    return command if is_words(command) else None


def is_words(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def find_folder(call: Call) -> str | None:
    return next(iter(find_strings(call.raw_input, FOLDER_KEYS)), None)


def find_paths(call: Call) -> list[str]:
    """Every file that the call names, in the order of their appearance."""
    located = [place.path for place in call.locations or ()]
    changed = [item.path for item in list_edits(call)]
    return list(dict.fromkeys([*located, *changed, *find_strings(call.raw_input, PATH_KEYS)]))


def find_strings(given: Any, keys: Sequence[str]) -> list[str]:
    if not isinstance(given, Mapping):
        return []
    return [value for key in keys if isinstance(value := given.get(key), str) and value]


def list_edits(call: Call) -> list[FileEditToolCallContent]:
    return [item for item in call.content or () if isinstance(item, FileEditToolCallContent)]


def show_edit(edit: FileEditToolCallContent, limit: int) -> dict[str, Any]:
    shown = {"path": edit.path}
    if edit.old_text is not None:
        shown["old"] = cut_text(edit.old_text, limit)
    return {**shown, "new": cut_text(edit.new_text, limit)}


def find_text(call: Call) -> str:
    blocks = [item.content for item in call.content or () if isinstance(item, ContentToolCallContent)]
    return "\n".join(show_block(block) for block in blocks)


def find_output(call: Call) -> str:
    """What the call printed: its content, or what its raw output says."""
    if text := find_text(call):
        return text
    raw = call.raw_output
    if raw is None or isinstance(raw, str):
        return raw or ""
    return next(iter(find_strings(raw, OUTPUT_KEYS)), None) or dump_json(raw)


def cut_command(command: str | list[str], limit: int) -> str | list[str]:
    """The command, or its beginning and the hash of the whole: two long commands never look the same."""
    whole = command if isinstance(command, str) else dump_json(command)
    shown = cut_text(whole, limit)
    return command if shown == whole else f"{shown} (sha256 {hash_json(command)})"


def cut_list(names: list[str], limit: int) -> list[str]:
    """The first names, and a last one that says how many are missing, with the hash of them all."""
    if len(names) <= limit:
        return names
    return [*names[:limit], f"… {len(names) - limit:,} more (sha256 {hash_json(names)})"]


# ----------------------------------------------------------------------------------------------------------- updates


def translate_message(update: AgentMessageChunk) -> Heard:
    return "message", show_words(show_block(update.content))


def translate_thought(update: AgentThoughtChunk) -> Heard:
    return "thought", show_words(show_block(update.content))


def translate_call(call: ToolCallStart | ToolCallProgress) -> Heard:
    """A tool call or its change: only the keys that the agent told."""
    data: dict[str, Any] = {"call": call.tool_call_id}
    told = {"title": call.title and cut_text(call.title, OUTPUT_LIMIT), "kind": call.kind, "status": call.status}
    data |= {key: value for key, value in told.items() if value is not None}
    if command := find_command(call):
        data["command"] = cut_command(command, OUTPUT_LIMIT)
    if paths := find_paths(call):
        data["paths"] = cut_list(paths, 50)
    if output := find_output(call):
        data["output"] = cut_text(output, OUTPUT_LIMIT)
    if edits := list_edits(call):
        data["diff"] = show_edit(edits[0], OUTPUT_LIMIT)
    return "tool", data


def translate_plan(update: AgentPlanUpdate | PlanUpdateItems) -> Heard:
    entries = [
        {"content": cut_text(entry.content, OUTPUT_LIMIT), "status": entry.status, "priority": entry.priority}
        for entry in update.entries
    ]
    return "plan", {"entries": entries}


def translate_plan_content(update: AgentPlanContentUpdate) -> Heard:
    if isinstance(update.plan, PlanUpdateItems):
        return translate_plan(update.plan)
    words = getattr(update.plan, "content", None) or getattr(update.plan, "uri", "")
    return "note", {"text": cut_text(f"Plan: {words}", OUTPUT_LIMIT)}


def translate_usage(update: UsageUpdate) -> Heard:
    cost = update.cost
    return "usage", show_usage(cost and cost.amount, cost and cost.currency, update.used, update.size)


def show_usage(amount: Any, currency: Any, used: Any, size: Any) -> dict[str, Any]:
    """The session's cost so far, and the tokens in its context window. What was not told is left out."""
    told = {
        "cost": read_amount(amount),
        "currency": currency if isinstance(currency, str) else None,
        "context": read_count(used),
        "window": read_count(size),
    }
    return {key: value for key, value in told.items() if value is not None}


def translate_mode(update: CurrentModeUpdate) -> Heard:
    return "mode", {"mode": update.current_mode_id}


def translate_title(update: SessionInfoUpdate) -> Heard | None:
    return ("title", {"title": cut_text(update.title, 500)}) if update.title else None


def mend_words(kind: str) -> Callable[[Mapping[str, Any]], Heard]:
    def mend(update: Mapping[str, Any]) -> Heard:
        content = update.get("content")
        what = content.get("type") if isinstance(content, Mapping) else "content"
        return kind, {"text": f"[{str(what)[:100]}]"}

    return mend


def mend_call(update: Mapping[str, Any]) -> Heard:
    keys = (("call", "toolCallId"), ("title", "title"), ("kind", "kind"), ("status", "status"))
    known = {name: update[key] for name, key in keys if isinstance(update.get(key), str)}
    if "call" not in known:
        return "note", {"text": "The agent sent a tool call without an id."}
    return "tool", {name: cut_text(value, OUTPUT_LIMIT) for name, value in known.items()}


def mend_usage(update: Mapping[str, Any]) -> Heard:
    told = update.get("cost")
    cost = told if isinstance(told, Mapping) else {}
    return "usage", show_usage(cost.get("amount"), cost.get("currency"), update.get("used"), update.get("size"))


def mend_nothing(_update: Mapping[str, Any]) -> None:
    return None


TRANSLATIONS: Mapping[type, Callable[[Any], Heard | None]] = {
    AgentMessageChunk: translate_message,
    AgentThoughtChunk: translate_thought,
    ToolCallStart: translate_call,
    ToolCallProgress: translate_call,
    AgentPlanUpdate: translate_plan,
    AgentPlanContentUpdate: translate_plan_content,
    UsageUpdate: translate_usage,
    CurrentModeUpdate: translate_mode,
    SessionInfoUpdate: translate_title,
}

MENDINGS: Mapping[str, Callable[[Mapping[str, Any]], Heard | None]] = {
    "agent_message_chunk": mend_words("message"),
    "agent_thought_chunk": mend_words("thought"),
    "tool_call": mend_call,
    "tool_call_update": mend_call,
    "usage_update": mend_usage,
    "user_message_chunk": mend_nothing,
    "available_commands_update": mend_nothing,
    "config_option_update": mend_nothing,
    "session_info_update": mend_nothing,
}
