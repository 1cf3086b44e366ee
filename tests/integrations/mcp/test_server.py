"""The server as a real process, with the PyPI client as its peer and a desk behind it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.errors import TemporaryFailure
from core.interfaces import Answer, ToolServer
from core.model import RequestKind, Verdict
from integrations.mcp import integration
from integrations.mcp.desk import NO_ANSWER

SERVER = Path(__file__).parents[3] / "integrations" / "mcp" / "server.py"
COMMAND = [sys.executable, "-I", "-S", str(SERVER)]


@asynccontextmanager
async def connect(tools: ToolServer, **env: str) -> AsyncIterator[Any]:
    from mcp import ClientSession, StdioServerParameters, stdio_client

    command, *arguments = tools.command
    parameters = StdioServerParameters(command=command, args=arguments, env={**tools.env, **env})
    async with asyncio.timeout(30), stdio_client(parameters) as (reader, writer), ClientSession(reader, writer) as peer:
        await peer.initialize()
        yield peer


def read(result: Any) -> str:
    return "\n".join(part.text for part in result.content)


def talk(
    lines: list[bytes], env: Mapping[str, str] | None = None
) -> tuple[list[Any], subprocess.CompletedProcess[bytes]]:
    """Say lines, close stdin, return what was answered."""
    done = subprocess.run(
        COMMAND, input=b"\n".join([*lines, b""]), capture_output=True, timeout=20, env=dict(env or {}), check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done


def request(method: str, params: Any = None, id: Any = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}).encode()


def call(name: Any, arguments: Any) -> bytes:
    return request("tools/call", {"name": name, "arguments": arguments})


def test_the_integration_has_a_name() -> None:
    assert integration.name == "mcp"


async def test_lists_two_tools(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        tools = (await peer.list_tools()).tools
    assert [tool.name for tool in tools] == ["ask_human", "report"]
    assert all(tool.description and not tool.input_schema["additionalProperties"] for tool in tools)


async def test_negotiates_the_newest_version_of_the_handshake(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        assert peer.protocol_version == "2025-11-25"
        assert "ask_human" in peer.instructions


async def test_a_client_of_the_newest_era_falls_back(desk: Any, listener: Any) -> None:
    from mcp import Client, StdioServerParameters, stdio_client

    tools = desk.issue("web-1", listener)
    command, *arguments = tools.command
    parameters = StdioServerParameters(command=command, args=arguments, env=dict(tools.env))
    async with asyncio.timeout(20), Client(stdio_client(parameters)) as client:
        assert read(await client.call_tool("report", {"text": "Here."})) == "noted"


async def test_asks_with_options_and_gets_the_words_of_the_choice(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        arguments = {"question": "Which colour?", "options": ["red", "blue"], "context": "The logo."}
        asking = asyncio.create_task(peer.call_tool("ask_human", arguments))
        ask, future = await listener.next_ask()
        future.set_result(Answer(Verdict.ANSWERED, choice="2", text="but dark"))
        result = await asking
    assert (ask.kind, ask.title, ask.tool) == (RequestKind.QUESTION, "Which colour?", "ask_human")
    assert [(option.id, option.name) for option in ask.options] == [("1", "red"), ("2", "blue")]
    assert ask.detail == {"context": "The logo."}
    assert (read(result), result.is_error) == ("blue\nbut dark", False)


async def test_no_answer_is_said_and_is_no_error(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Anybody?"}))
        _, future = await listener.next_ask()
        future.set_result(Answer(Verdict.NO_ANSWER))
        result = await asking
    assert (read(result), result.is_error) == (NO_ANSWER, False)
    assert "not a refusal" in NO_ANSWER


async def test_a_failure_of_the_bot_is_an_error_in_words(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Anybody?"}))
        _, future = await listener.next_ask()
        future.set_exception(TemporaryFailure("The store is busy."))
        result = await asking
    assert (read(result), result.is_error) == ("The store is busy.", True)


async def test_reports_while_an_ask_is_pending(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Go on?"}))
        _, future = await listener.next_ask()
        reported = await peer.call_tool("report", {"text": "Half done.", "progress": 50})
        future.set_result(Answer(Verdict.ANSWERED, text="yes"))
        answered = await asking
    assert (read(reported), read(answered)) == ("noted", "yes")
    assert listener.heard == [("report", {"text": "Half done. (50 %)"})]


async def test_signs_of_life_while_a_person_thinks(desk: Any, listener: Any) -> None:
    beats: asyncio.Queue[tuple[float, str | None]] = asyncio.Queue()

    async def keep(progress: float, total: float | None, message: str | None) -> None:
        beats.put_nowait((progress, message))

    async with connect(desk.issue("web-1", listener), CALLBOARD_BEAT="0.05") as peer:
        asking = asyncio.create_task(
            peer.call_tool("ask_human", {"question": "Go on?"}, progress_callback=keep, read_timeout_seconds=20)
        )
        _, future = await listener.next_ask()
        seen = [await beats.get(), await beats.get(), await beats.get()]
        future.set_result(Answer(Verdict.ANSWERED, text="yes"))
        await asking
    assert seen == [(1, "Waiting for a person"), (2, "Waiting for a person"), (3, "Waiting for a person")]


async def test_a_cancelled_call_withdraws_the_ask(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Go on?"}))
        _, future = await listener.next_ask()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(10):
                await future
        assert read(await peer.call_tool("report", {"text": "Still here."})) == "noted"


async def test_the_end_of_the_agent_cancels_its_ask(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Go on?"}))
        _, future = await listener.next_ask()
        asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await future


async def test_asks_again_after_the_bot_came_back(desk: Any, listener: Any, socket_path: Path) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Go on?", "options": ["yes", "no"]}))
        first, _ = await listener.next_ask()
        await desk.close()
        assert not socket_path.exists()
        await desk.start(socket_path)
        second, future = await listener.next_ask()
        future.set_result(Answer(Verdict.ANSWERED, choice="1"))
        assert read(await asking) == "yes"
    assert first == second


async def test_a_withdrawn_ask_is_not_repeated(desk: Any, listener: Any, socket_path: Path) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        asking = asyncio.create_task(peer.call_tool("ask_human", {"question": "Go on?"}))
        await listener.next_ask()
        await desk.close()
        asking.cancel()
        await asyncio.wait([asking])
        await desk.start(socket_path)
        assert read(await peer.call_tool("report", {"text": "Back."})) == "noted"
    assert listener.asked.empty()


async def test_a_wrong_token_is_told(desk: Any, listener: Any) -> None:
    tools = desk.issue("web-1", listener)
    async with connect(tools, CALLBOARD_TOKEN="guess") as peer:
        result = await peer.call_tool("ask_human", {"question": "Anybody?"})
    assert result.is_error
    assert "Unknown token" in read(result)
    assert listener.asked.empty()


async def test_a_token_after_its_run_is_told(desk: Any, listener: Any) -> None:
    async with connect(desk.issue("web-1", listener)) as peer:
        assert read(await peer.call_tool("report", {"text": "Here."})) == "noted"
        desk.revoke("web-1")
        result = await peer.call_tool("report", {"text": "Here?"})
    assert result.is_error
    assert "Unknown token" in read(result)
    assert len(listener.heard) == 1


async def test_each_token_acts_for_its_own_agent(desk: Any, make_listener: Any) -> None:
    one, two = make_listener(), make_listener()
    first, second = desk.issue("web-1", one), desk.issue("web-2", two)
    async with connect(first) as peer, connect(second) as other:
        await peer.call_tool("report", {"text": "I am one."})
        await other.call_tool("report", {"text": "I am two."})
    assert one.heard == [("report", {"text": "I am one."})]
    assert two.heard == [("report", {"text": "I am two."})]


async def test_a_bot_out_of_reach_is_told(tmp_path: Path) -> None:
    env = {"CALLBOARD_SOCKET": str(tmp_path / "nowhere"), "CALLBOARD_TOKEN": "x", "CALLBOARD_PATIENCE": "0.3"}
    async with connect(ToolServer("callboard", COMMAND, env)) as peer:
        result = await peer.call_tool("ask_human", {"question": "Anybody?"})
    assert result.is_error
    assert "cannot be reached" in read(result)


# ------------------------------------------------------------------------------------------------- hostile input


def test_without_an_environment_it_says_so() -> None:
    answers, done = talk([call("report", {"text": "x"})])
    assert answers[0]["result"]["isError"]
    assert "CALLBOARD_SOCKET" in answers[0]["result"]["content"][0]["text"]
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_speaks_the_version_that_is_asked_for(version: str) -> None:
    answers, _ = talk([request("initialize", {"protocolVersion": version})])
    assert answers[0]["result"]["protocolVersion"] == version


@pytest.mark.parametrize("version", ["1999-01-01", 7, None, ["2025-06-18"], {}])
def test_offers_its_newest_version_for_any_other(version: Any) -> None:
    answers, _ = talk([request("initialize", {"protocolVersion": version})])
    assert answers[0]["result"]["protocolVersion"] == "2025-11-25"


HOSTILE: list[tuple[bytes, int]] = [
    (b"junk", -32700),
    (b"\xff\xfe\x00", -32700),
    (b'{"jsonrpc": "2.0", "id": 1', -32700),
    (b"[" * 200_000, -32700),
    (b'{"a":' * 100_000, -32700),
    (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b', "method": "ping"}', -32700),
    (b"x" * (2 << 20), -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * (2 << 20) + b'"}', -32600),
    (b"[]", -32600),
    (b"7", -32600),
    (b"null", -32600),
    (b'"text"', -32600),
    (b"{}", -32600),
    (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
    (b'{"jsonrpc": "2.0", "id": [1], "method": "ping"}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}', -32600),
    (request("resources/list"), -32601),
    (request("\ud800"), -32601),
    (request("server/discover"), -32601),
    (call("rm", {}), -32602),
    (call(None, {}), -32602),
    (call(["report"], {}), -32602),
    (call("report", ["text"]), -32602),
    (call("report", "text"), -32602),
]


@pytest.mark.parametrize(("line", "code"), HOSTILE, ids=[f"{line[:40]!r}" for line, _ in HOSTILE])
def test_answers_a_hostile_line_with_an_error_and_goes_on(line: bytes, code: int) -> None:
    answers, done = talk([line, request("ping", id="after")])
    assert [answer.get("error", {}).get("code") for answer in answers] == [code, None]
    assert answers[-1] == {"jsonrpc": "2.0", "id": "after", "result": {}}
    assert (done.returncode, done.stderr) == (0, b"")


WRONG_ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("ask_human", {}),
    ("ask_human", {"question": 5}),
    ("ask_human", {"question": "  "}),
    ("ask_human", {"question": "?", "options": "yes"}),
    ("ask_human", {"question": "?", "options": ["yes", 5]}),
    ("ask_human", {"question": "?", "options": ["yes", {}]}),
    ("ask_human", {"question": "?", "options": ["yes", "yes"]}),
    ("ask_human", {"question": "?", "options": [str(number) for number in range(21)]}),
    ("ask_human", {"question": "?", "context": []}),
    ("report", {}),
    ("report", {"text": None}),
    ("report", {"text": "x", "progress": "half"}),
    ("report", {"text": "x", "progress": True}),
    ("report", {"text": "x", "progress": 101}),
    ("report", {"text": "x", "progress": -1}),
    ("report", {"text": "x", "progress": float("nan")}),
    ("report", {"text": "x", "progress": float("inf")}),
    ("report", {"text": "x", "progress": 10**400}),
]


@pytest.mark.parametrize(("name", "arguments"), WRONG_ARGUMENTS, ids=[str(case)[:60] for case in WRONG_ARGUMENTS])
def test_tells_the_model_what_is_wrong_with_its_arguments(name: str, arguments: dict[str, Any]) -> None:
    env = {"CALLBOARD_SOCKET": "/nowhere", "CALLBOARD_TOKEN": "x"}
    answers, done = talk([call(name, arguments)], env)
    assert answers[0]["result"]["isError"]
    assert "must be" in answers[0]["result"]["content"][0]["text"]
    assert (done.returncode, done.stderr) == (0, b"")


def test_answers_every_part_of_a_batch() -> None:
    batch = b"[" + b",".join([request("ping"), b"5", request("ping", id="b")]) + b"]"
    answers, _ = talk([batch])
    assert [(answer["id"], "result" in answer) for answer in answers] == [(1, True), (None, False), ("b", True)]


def test_ignores_notifications_answers_and_empty_lines() -> None:
    lines = [
        b"",
        b"\r",
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}',
        b'{"jsonrpc": "2.0", "method": "notifications/cancelled"}',
        b'{"jsonrpc": "2.0", "id": 5, "result": {}}',
        request("ping"),
    ]
    assert len(talk(lines)[0]) == 1


def test_refuses_an_id_that_is_still_open() -> None:
    lines = [call("report", {"text": "x"}), call("report", {"text": "y"})]
    answers, _ = talk(lines, {"CALLBOARD_SOCKET": "/nowhere", "CALLBOARD_TOKEN": "x"})
    assert [answer["error"]["code"] for answer in answers] == [-32600]


def test_ends_when_nobody_reads() -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=writer, env={})
    os.close(writer)
    os.close(reader)
    try:
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def take_child_time() -> float:
    """Seconds of the processor that ended children took: a busy machine counts less than by the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(arguments: list[str], line: bytes) -> float:
    before = take_child_time()
    subprocess.run([*COMMAND[:3], *arguments], input=line, capture_output=True, timeout=20, env={}, check=True)
    return take_child_time() - before


def test_starts_in_sixty_milliseconds() -> None:
    """Best of ten, as whole processes, in turns; on a slow machine four times an interpreter that does nothing."""
    line = request("initialize", {"protocolVersion": "2025-06-18"}) + b"\n"
    took = [(measure(["-c", "pass"], line), measure([str(SERVER)], line)) for _ in range(10)]
    floor, figure = (min(column) for column in zip(*took, strict=True))
    assert figure < max(0.06, 4 * floor), (figure, floor)


def test_imports_little() -> None:
    command = [*COMMAND[:3], "-X", "importtime", str(SERVER)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "socket" in imported
    assert not {"asyncio", "typing", "dataclasses", "logging", "ssl", "threading", "pathlib", "core"} & imported
