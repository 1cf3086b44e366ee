"""Three model APIs read into one form, and written from one: Gemini, OpenAI chat completions, Anthropic Messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.agents.script import Asked, Called, Said, Turn

Body = Mapping[str, Any]
FOLDER = re.compile(r"(?:orking directory: |Workspace Directories:\*\*\n +- )(/.*)$", re.MULTILINE)
USAGE = (11, 7)


def find_folder(text: str) -> str:
    """Agents tell the model where they work, each in words of its own."""
    found = FOLDER.search(text)
    return found[1] if found else ""


def join_texts(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    return "\n".join(str(part["text"]) for part in parts or () if isinstance(part, dict) and "text" in part)


def gather_texts(*sources: Any) -> str:
    return "\n".join(join_texts(source) for source in sources)


# ---------------------------------------------------------------------------------------------------------- Gemini


def read_gemini(body: Body) -> Asked:
    turns = [read_gemini_part(content, part) for content in body.get("contents", ()) for part in content["parts"]]
    tools = [item["name"] for tool in body.get("tools", ()) for item in tool.get("functionDeclarations", ())]
    system = (body.get("systemInstruction") or {}).get("parts")
    words = gather_texts(system, *(turn.text for turn in turns))
    return Asked("gemini", turns, tools, find_folder(words), body)


def read_gemini_part(content: Body, part: Body) -> Turn:
    result = json.dumps(part["functionResponse"]["response"]) if "functionResponse" in part else None
    return Turn(content.get("role", "user"), str(part.get("text", "")), result)


def write_gemini(said: Said | Called, model: str) -> dict[str, Any]:
    part = {"text": said.text} if isinstance(said, Said) else {"functionCall": name_call(said)}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": USAGE[0], "candidatesTokenCount": USAGE[1], "totalTokenCount": sum(USAGE)}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": said.id}


def name_call(called: Called) -> dict[str, Any]:
    return {"id": called.id, "name": called.tool, "args": dict(called.arguments)}


def stream_gemini(said: Said | Called, model: str) -> Iterator[str]:
    yield f"data: {json.dumps(write_gemini(said, model))}\n\n"


# ---------------------------------------------------------------------------------------------------------- OpenAI


def read_openai(body: Body) -> Asked:
    turns = [read_openai_turn(message) for message in body.get("messages", ())]
    tools = [tool["function"]["name"] for tool in body.get("tools", ())]
    return Asked("openai", turns, tools, find_folder(gather_texts(*(turn.text for turn in turns))), body)


def read_openai_turn(message: Body) -> Turn:
    text = join_texts(message.get("content"))
    return Turn("tool", result=text) if message["role"] == "tool" else Turn(message["role"], text)


def make_openai_call(called: Called) -> dict[str, Any]:
    function = {"name": called.tool, "arguments": json.dumps(called.arguments)}
    return {"index": 0, "id": called.id, "type": "function", "function": function}


def write_openai(said: Said | Called, model: str) -> dict[str, Any]:
    message = make_openai_message(said)
    choice = {"index": 0, "message": message, "finish_reason": finish_openai(said)}
    return {**head_openai(said, model, "chat.completion"), "choices": [choice], "usage": count_openai()}


def make_openai_message(said: Said | Called) -> dict[str, Any]:
    if isinstance(said, Said):
        return {"role": "assistant", "content": said.text}
    return {"role": "assistant", "content": None, "tool_calls": [make_openai_call(said)]}


def finish_openai(said: Said | Called) -> str:
    return "stop" if isinstance(said, Said) else "tool_calls"


def head_openai(said: Said | Called, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{said.id}", "object": kind, "created": 0, "model": model}


def count_openai() -> dict[str, int]:
    return {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}


def stream_openai(said: Said | Called, model: str) -> Iterator[str]:
    head = head_openai(said, model, "chat.completion.chunk")
    first = {"index": 0, "delta": make_openai_message(said), "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": finish_openai(said)}
    for rest in ({"choices": [first]}, {"choices": [last]}, {"choices": [], "usage": count_openai()}):
        yield f"data: {json.dumps({**head, **rest})}\n\n"
    yield "data: [DONE]\n\n"


# ------------------------------------------------------------------------------------------------------- Anthropic


def read_anthropic(body: Body) -> Asked:
    turns = [turn for message in body.get("messages", ()) for turn in read_anthropic_turns(message)]
    tools = [tool["name"] for tool in body.get("tools", ())]
    words = gather_texts(body.get("system"), *(turn.text for turn in turns))
    return Asked("anthropic", turns, tools, find_folder(words), body)


def read_anthropic_turns(message: Body) -> list[Turn]:
    content = message.get("content") or []
    if isinstance(content, str):
        return [Turn(message["role"], content)]
    return [read_anthropic_part(message["role"], part) for part in content]


def read_anthropic_part(role: str, part: Body) -> Turn:
    result = join_texts(part.get("content")) if part["type"] == "tool_result" else None
    return Turn(role, str(part.get("text", "")), result)


def make_anthropic_block(said: Said | Called) -> dict[str, Any]:
    if isinstance(said, Said):
        return {"type": "text", "text": said.text}
    return {"type": "tool_use", "id": said.id, "name": said.tool, "input": dict(said.arguments)}


def write_anthropic(said: Said | Called, model: str) -> dict[str, Any]:
    return {**head_anthropic(said, model), "content": [make_anthropic_block(said)], "stop_reason": stop_anthropic(said)}


def head_anthropic(said: Said | Called, model: str) -> dict[str, Any]:
    usage = {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}
    head = {"id": f"msg_{said.id}", "type": "message", "role": "assistant", "model": model, "content": []}
    return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}


def stop_anthropic(said: Said | Called) -> str:
    return "end_turn" if isinstance(said, Said) else "tool_use"


def stream_anthropic(said: Said | Called, model: str) -> Iterator[str]:
    for event in list_anthropic(said, model):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def list_anthropic(said: Said | Called, model: str) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": head_anthropic(said, model)}
    block = make_anthropic_block(said)
    empty = {**block, "text": ""} if isinstance(said, Said) else {**block, "input": {}}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    yield {"type": "content_block_delta", "index": 0, "delta": make_anthropic_delta(said)}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": stop_anthropic(said), "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": USAGE[1]}}
    yield {"type": "message_stop"}


def make_anthropic_delta(said: Said | Called) -> dict[str, Any]:
    if isinstance(said, Said):
        return {"type": "text_delta", "text": said.text}
    return {"type": "input_json_delta", "partial_json": json.dumps(said.arguments)}
