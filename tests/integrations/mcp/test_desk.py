"""The desk, spoken to straight over its socket: what an agent could try without the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError
from core.interfaces import Answer, Ask
from core.model import Option, RequestKind, Verdict
from integrations.mcp.desk import ASKS_PER_CONNECTION, CONNECTIONS_PER_AGENT, LINE_LIMIT, PATH_LIMIT, Desk, write_answer


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, **message: Any) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def read(self) -> Any:
        async with asyncio.timeout(10):
            line = await self.reader.readline()
        return json.loads(line) if line else None

    async def ask(self, **message: Any) -> Any:
        self.send(**message)
        return await self.read()

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read() == b""
        return True


@contextlib.asynccontextmanager
async def connect(desk: Desk) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_unix_connection(str(desk.path))
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def token(desk: Desk, agent: str, listener: Any) -> str:
    return desk.issue(agent, listener).env["CALLBOARD_TOKEN"]


async def test_the_socket_is_private(desk: Desk, socket_path: Path) -> None:
    assert desk.path == socket_path
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700


async def test_a_long_path_moves_to_a_short_private_folder(tmp_path: Path, listener: Any) -> None:
    desk = Desk()
    await desk.start(tmp_path / ("x" * 120) / "agents.sock")
    folder = desk.path.parent
    assert len(bytes(desk.path)) <= PATH_LIMIT
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert desk.issue("web-1", listener).env["CALLBOARD_SOCKET"] == str(desk.path)
    await desk.close()
    assert not folder.exists()


async def test_a_folder_open_to_others_is_left_alone_and_not_used(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    desk = Desk()
    await desk.start(home / "agents.sock")
    assert desk.path == home / "private" / "agents.sock"
    assert stat.S_IMODE(desk.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    await desk.close()


async def test_takes_the_place_of_a_dead_socket(socket_path: Path) -> None:
    socket_path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(socket_path))
    desk = Desk()
    await desk.start(socket_path)
    await desk.close()


async def test_refuses_the_place_of_a_living_bot(desk: Desk, socket_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Another bot"):
        await Desk().start(socket_path)
    assert socket_path.exists()


async def test_refuses_the_place_of_a_file(socket_path: Path) -> None:
    socket_path.parent.mkdir(mode=0o700)
    socket_path.write_text("precious")
    with pytest.raises(ConfigurationError):
        await Desk().start(socket_path)
    assert socket_path.read_text() == "precious"


async def test_tokens_are_random_and_only_the_newest_counts(desk: Desk, listener: Any) -> None:
    old, new = token(desk, "web-1", listener), token(desk, "web-1", listener)
    assert old != new
    async with connect(desk) as peer:
        assert "Unknown token" in (await peer.ask(id=1, token=old, call="report", text="x"))["error"]
        assert await peer.is_closed()
    async with connect(desk) as peer:
        assert await peer.ask(id=1, token=new, call="report", text="x") == {"id": 1, "result": "noted"}


@pytest.mark.parametrize("wrong", ["", "x", None, 5, ["a"], {"a": 1}, "\ud800", "é" * 1000])
async def test_a_wrong_token_is_refused_and_closed(desk: Desk, listener: Any, wrong: Any) -> None:
    token(desk, "web-1", listener)
    async with connect(desk) as peer:
        assert "Unknown token" in (await peer.ask(id=1, token=wrong, call="report", text="x"))["error"]
        assert await peer.is_closed()
    assert listener.heard == []


async def test_a_connection_keeps_to_one_agent(desk: Desk, listener: Any, make_listener: Any) -> None:
    other = make_listener()
    mine, foreign = token(desk, "web-1", listener), token(desk, "web-2", other)
    async with connect(desk) as peer:
        await peer.ask(id=1, token=mine, call="report", text="x")
        assert "belongs to another" in (await peer.ask(id=2, token=foreign, call="report", text="y"))["error"]
        assert await peer.is_closed()
    assert other.heard == []


async def test_a_withdrawal_reaches_only_its_own_connection(desk: Desk, listener: Any, make_listener: Any) -> None:
    mine, foreign = token(desk, "web-1", listener), token(desk, "web-2", make_listener())
    async with connect(desk) as peer, connect(desk) as other:
        peer.send(id=1, token=mine, call="ask", question="?")
        _, future = await listener.next_ask()
        other.send(id=1, token=foreign, call="withdraw")
        await other.ask(id=2, token=foreign, call="report", text="x")
        assert not future.done()


async def test_connections_of_an_agent_are_limited(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(CONNECTIONS_PER_AGENT):
            peer = await stack.enter_async_context(connect(desk))
            assert "result" in await peer.ask(id=1, token=key, call="report", text="x")
        extra = await stack.enter_async_context(connect(desk))
        assert "Too many connections" in (await extra.ask(id=1, token=key, call="report", text="x"))["error"]


async def test_a_connection_that_left_makes_room(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    for _ in range(CONNECTIONS_PER_AGENT * 2):
        async with connect(desk) as peer:
            assert "result" in await peer.ask(id=1, token=key, call="report", text="x")
            peer.writer.write_eof()
            assert await peer.is_closed()


async def test_asks_of_a_connection_are_limited(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        for number in range(ASKS_PER_CONNECTION):
            peer.send(id=number, token=key, call="ask", question="?")
        assert "at once" in (await peer.ask(id=99, token=key, call="ask", question="?"))["error"]


async def test_a_stranger_that_says_nothing_is_closed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.mcp.desk.PATIENCE", 0.05)
    async with connect(desk) as peer:
        assert await peer.is_closed()


async def test_too_many_strangers_are_turned_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.mcp.desk.STRANGERS", 1)
    async with connect(desk), connect(desk) as peer:
        assert "Too many connections" in (await peer.read())["error"]


@pytest.mark.parametrize("line", [b"junk", b"7", b"[]", b"\xff", b"[" * 200_000, b"{" + b"x" * (LINE_LIMIT + 10)])
async def test_a_hostile_line_is_refused_and_closed(desk: Desk, line: bytes) -> None:
    async with connect(desk) as peer:
        peer.writer.write(line + b"\n")
        answer = await peer.read()
        assert answer["id"] is None
        assert "A line" in answer["error"]
        assert await peer.is_closed()


@pytest.mark.parametrize(
    "message",
    [
        {"call": "ask"},
        {"call": "ask", "question": 5},
        {"call": "ask", "question": "\0"},
        {"call": "ask", "question": "?", "options": {"a": 1}},
        {"call": "ask", "question": "?", "options": [1]},
        {"call": "ask", "question": "?", "options": ["x"] * 21},
        {"call": "ask", "question": "?", "context": [1]},
        {"call": "report", "text": " "},
        {"call": "spawn"},
        {"call": ["ask"]},
        {},
    ],
)
async def test_wrong_types_are_told_and_the_connection_stays(desk: Desk, listener: Any, message: Any) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        assert "error" in await peer.ask(id=1, token=key, **message)
        assert "result" in await peer.ask(id=2, token=key, call="report", text="x", progress="y")
    assert listener.asked.empty()


async def test_text_that_no_store_takes_is_cleaned(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        await peer.ask(id=1, token=key, call="report", text="a\0b\ud800c")
    assert listener.heard == [("report", {"text": "ab?c"})]


async def test_revoking_cancels_what_is_asked(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        peer.send(id=1, token=key, call="ask", question="?")
        _, future = await listener.next_ask()
        desk.revoke("web-1")
        desk.revoke("web-1")
        assert await peer.is_closed()
    assert future.cancelled()


async def test_an_ask_that_the_bot_drops_is_told(desk: Desk, listener: Any) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        peer.send(id=1, token=key, call="ask", question="?")
        _, future = await listener.next_ask()
        future.cancel()
        assert "dropped" in (await peer.read())["error"]


async def test_a_bug_behind_an_ask_is_told_and_reported(desk: Desk, listener: Any) -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        peer.send(id=1, token=key, call="ask", question="?")
        _, future = await listener.next_ask()
        future.set_exception(KeyError("bug"))
        assert "dropped" in (await peer.read())["error"]
    assert [type(fault) for fault in faults] == [KeyError]


async def test_closing_cancels_what_is_asked(desk: Desk, listener: Any, socket_path: Path) -> None:
    key = token(desk, "web-1", listener)
    async with connect(desk) as peer:
        peer.send(id=1, token=key, call="ask", question="?")
        _, future = await listener.next_ask()
        await desk.close()
        assert future.cancelled()
        assert not socket_path.exists()


def test_no_socket_no_path() -> None:
    with pytest.raises(ConfigurationError):
        _ = Desk().path


ASK = Ask(RequestKind.QUESTION, "?", "ask_human", {}, [Option("1", "red"), Option("2", "blue")])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(Verdict.ANSWERED, choice="1"), "red"),
        (Answer(Verdict.ANSWERED, choice="purple"), "purple"),
        (Answer(Verdict.ANSWERED, text="green"), "green"),
        (Answer(Verdict.ANSWERED, choice="2", text="dark"), "blue\ndark"),
        (Answer(Verdict.ANSWERED, fields={"size": 3, "why": "big"}), "size: 3\nwhy: big"),
        (Answer(Verdict.ANSWERED), "The person agreed, without a word."),
        (Answer(Verdict.DENIED), "The person declined to answer."),
        (Answer(Verdict.DENIED, text="ask Ann"), "The person declined to answer: ask Ann"),
        (Answer(Verdict.CANCELLED), "The question was withdrawn; nobody answered it."),
    ],
)
def test_says_an_answer_in_words(answer: Answer, words: str) -> None:
    assert write_answer(answer, ASK) == words
