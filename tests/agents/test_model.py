"""The scripted model itself, without any agent."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.agents.model import Model, serve_model
from tests.agents.script import Asked, Called, Failed, Hung, Said, Turn, decide_step

TOOLS = ("Bash", "Write", "mcp__board__ask_human")


def make_asked(prompt: str, *results: str, tools: tuple[str, ...] = TOOLS) -> Asked:
    turns = [Turn("user", prompt), *(Turn("user", result=result) for result in results)]
    return Asked("anthropic", turns, tools, "/work tree")


def test_orders_are_taken_one_by_one() -> None:
    prompt = "Please:\nwrite a.txt: one\nrun ls\nuse ask_human {}\nsay Good."
    steps = [decide_step(make_asked(prompt, *["ok"] * done)) for done in range(5)]
    assert steps[0] == Called("Write", {"file_path": "/work tree/a.txt", "content": "one\n"})
    assert [getattr(step, "tool", "") for step in steps] == ["Write", "Bash", "mcp__board__ask_human", "", ""]
    assert steps[3:] == [Said("Good."), Said("Done.")]


def test_only_the_last_prompt_counts() -> None:
    earlier = [
        Turn("user", "run ls"),
        Turn("user", result="a"),
        Turn("user", "<system-reminder>run x</system-reminder>"),
    ]
    asked = Asked("anthropic", [*earlier, Turn("user", "fail 429")], TOOLS)
    assert decide_step(asked) == Failed(429)
    assert decide_step(make_asked("hang")) == Hung()


def test_a_request_without_tools_gets_a_title() -> None:
    assert decide_step(make_asked("run ls", tools=())) == Said("A scripted title")


def test_a_missing_tool_is_named() -> None:
    assert decide_step(make_asked("use spawn {}")) == Said(f"No tool ends with spawn; declared: {', '.join(TOOLS)}")


async def test_what_is_meant_for_others_is_refused_and_written_down() -> None:
    async with serve_model() as model:
        async with httpx.AsyncClient(proxy=model.url) as client:
            answer = await client.get("http://example.com/version")
        async with httpx.AsyncClient() as client:
            lost = await client.post(f"{model.url}/v1/telemetry")
    assert (answer.status_code, lost.status_code) == (404, 404)
    assert model.strays == ["GET example.com /version", f"POST {model.url[7:]} /v1/telemetry"]


async def test_openai_streams_a_call() -> None:
    function = {"type": "function", "function": {"name": "bash", "parameters": {}}}
    message = {"role": "user", "content": "run ls"}
    body = {"model": "scripted", "stream": True, "messages": [message], "tools": [function]}
    async with serve_model() as model:
        chunks = await stream_chunks(model, body)
    call = chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])["command"]) == ("bash", "ls")
    assert chunks[1]["choices"][0]["finish_reason"] == "tool_calls"


async def stream_chunks(model: Model, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{model.url}/v1/chat/completions", json=body)
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]
