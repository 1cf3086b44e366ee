"""What people and programs send: nothing of it is a 500, and every error is a problem that says what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.web.access import LARGEST_BODY, LARGEST_WITH_FILES
from tests.bot.web.door import Door, assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIG = LARGEST_BODY + 1
JSON = {"Content-Type": "application/json"}
JUNK: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "cut": b'{"task": "x"',
    "words": b"spawn an agent",
    "list": b"[]",
    "null": b"null",
    "number": b"7",
    "text": b'"task"',
    "bytes": bytes(range(256)),
    "utf-16": "{".encode("utf-16"),
    "latin-1": b'{"task": "\xe9"}',
    "deep lists": b"[" * 500_000,
    "deep but whole": b"[" * 900 + b"]" * 900,
    "deep mappings": b'{"task":' * 100_000,
    "deep in a field": b'{"arguments": {"text": ' + b"[" * 800 + b"]" * 800 + b"}}",
    "huge number": b'{"task": ' + b"9" * 100_000 + b"}",
    "huge float": b'{"task": 1e999999}',
    "not a number": b'{"task": NaN}',
    "raw NUL": b'{"task": "a\x00b"}',
    "NUL": b'{"task": "a\\u0000b"}',
    "half a pair": b'{"task": "\\ud800"}',
    "half a pair as a key": b'{"\\udfff": 1}',
    "wrong type": b'{"task": {"a": 1}}',
    "a number for text": b'{"task": 7}',
    "unknown field": b'{"task": "x", "sudo": true}',
    "empty task": b'{"task": ""}',
    "blank task": b'{"task": " \\n "}',
    "null task": b'{"task": null}',
    "unknown kind": b'{"task": "x", "kind": "nobody"}',
    "many fields": json.dumps({f"f{n}": n for n in range(50_000)}).encode(),
    "prototype": b'{"__proto__": {}, "constructor": 1}',
}
COMMANDS: list[tuple[str, Any]] = [
    ("spawn", {"arguments": {"text": "x", "project": "../../etc"}}),
    ("spawn", {"arguments": {"text": "x", "project": 10**400}}),
    ("spawn", {"arguments": {"text": "x" * 1_500_000}}),
    ("spawn", {"arguments": {"text": "x", "nonsense": 1}}),
    ("spawn", {"arguments": {"text": ["x"]}}),
    ("spawn", {"arguments": {"text": ["x"] * 400_000}}),
    ("spawn", {"arguments": "spawn"}),
    ("spawn", {"arguments": {"text": "x"}, "place": "nowhere:x"}),
    ("spawn", {"arguments": {"text": "x"}, "place": "terminal"}),
    ("spawn", {"arguments": {"text": "x"}, "place": "terminal:a\0b"}),
    ("logs", {"arguments": {"agent": "sample-1", "lines": 1e308}}),
    ("logs", {"arguments": {"agent": "sample-1", "lines": -1}}),
    ("logs", {"arguments": {"agent": "sample-1", "lines": 2**70}}),
    ("events", {"arguments": {"since": "9" * 300 + "w"}}),
    ("events", {"arguments": {"kind": "agent.unheard-of"}}),
    ("approve", {"arguments": {"request": "r-1' OR '1'='1", "for_agent": "perhaps"}}),
]


@pytest.mark.parametrize("path", ["/agents", "/commands/spawn", "/agents/sample-1/messages", "/requests/r-1/answer"])
async def test_junk_is_a_400(door: Door, path: str) -> None:
    async with door.nothing_spawned():
        for name, content in JUNK.items():
            response = await door.call("POST", path, content=content, headers=JSON)
            wanted = 404 if name == "unknown kind" and path == "/agents" else 400
            assert response.status_code == wanted, (name, response.status_code, response.text[:300])
            assert_problem(response, wanted, response.json()["code"])


async def test_arguments_that_do_not_fit_are_a_400(door: Door) -> None:
    async with door.nothing_spawned():
        for name, body in COMMANDS:
            response = await door.call("POST", f"/commands/{name}", json=body)
            assert response.status_code == 400, (name, body, response.text[:300])
            assert_problem(response, 400, response.json()["code"])


async def test_what_is_no_json_is_refused(door: Door) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x" * 500):
        response = await door.call("POST", "/agents", content=b'{"task": "x"}', headers={"Content-Type": kind})
        assert response.status_code in (400, 415), (kind, response.text)
        assert_problem(response, response.status_code, response.json()["code"])


QUERIES = [
    "/agents/%00",
    "/agents/sample-1%00/updates",
    "/agents?project=%00",
    "/agents?status=lazy",
    "/agents?status=",
    "/agents?limit=0",
    "/agents?limit=99999999999999999999",
    "/agents?limit=1e3",
    "/requests?state=mine",
    "/requests?limit=-1",
    "/events?after=-1",
    "/events?after=2147483648",
    "/events?since=nan",
    "/events?since=inf",
    "/events?since=-1",
    "/events?since=1e30",
    "/events?kind=nothing",
    "/events?kind=%00",
    "/events?kind=%25",
    "/events?agent=%00",
    "/events/stream?after=x",
    "/events/stream?agent=%0a",
    "/agents/sample-1/updates?after=99999999999",
    "/agents/" + "a" * 101,
]


async def test_queries_that_do_not_fit_are_a_400(door: Door) -> None:
    for path in QUERIES:
        response = await door.call("GET", path)
        assert response.status_code == 400, (path, response.text[:300])
        assert_problem(response, 400, "bad_input")


async def test_headers_that_do_not_fit_are_a_400(door: Door) -> None:
    for last in ("x", "-1", "9" * 20, "1.5", "9" * 2000, "+"):
        response = await door.call("GET", "/events/stream", headers={"Last-Event-ID": last})
        assert_problem(response, 400, "bad_input")
    async with door.nothing_spawned():
        for key in ("", "k" * 201, "a b", "\x7f", "k" * 20_000):
            response = await door.call("POST", "/agents", json={"task": "say x"}, headers={"Idempotency-Key": key})
            assert_problem(response, 400, "bad_input")


async def test_what_is_not_there_is_a_404(door: Door) -> None:
    for method, path in (
        ("GET", "/agents/sample-9"),
        ("GET", "/agents/..%2f..%2fetc"),
        ("GET", "/agents/%ff%fe"),
        ("GET", "/agents/sample-9/updates"),
        ("GET", "/agents/sample-9/diff"),
        ("GET", "/nothing"),
        ("GET", "/agents/"),
        ("POST", "/commands/dance"),
        ("POST", "/commands/spawn%20sample"),
        ("POST", "/agents/sample-9/messages"),
        ("POST", "/agents/sample-9/stop"),
        ("POST", "/requests/r-nothing/answer"),
    ):
        body = {"text": "x"} if "messages" in path else {"verdict": "once"} if "answer" in path else {}
        response = await door.call(method, path, json=body)
        assert_problem(response, 404, "not_found")


async def test_methods_that_there_are_not_are_a_405(door: Door) -> None:
    for method, path, allowed in (
        ("DELETE", "/agents", "GET, POST"),
        ("TRACE", "/agents", "GET, POST"),
        ("PUT", "/agents/sample-1", "GET"),
        ("PATCH", "/events", "GET"),
        ("GET", "/requests/r-1/answer", "POST"),
    ):
        response = await door.call(method, path)
        assert_problem(response, 405, "not_allowed")
        assert response.headers["allow"] == allowed


async def test_an_answer_after_the_first_is_a_409(door: Door) -> None:
    agent = await door.spawn("run `git status`")
    (request,) = (await door.wait_for(agent, "needs you"))["requests"]
    path = f"/requests/{request['id']}/answer"
    assert_problem(await door.call("POST", path, json={"verdict": "answered", "text": "7"}), 400, "bad_input")
    assert (await door.call("POST", path, json={"verdict": "denied", "text": "no"})).status_code == 200
    late = assert_problem(await door.call("POST", path, json={"verdict": "once"}), 409, "conflict")
    assert "already answered" in late["detail"]


async def test_an_announced_body_that_is_too_large_is_a_413(door: Door) -> None:
    for path in ("/agents/sample-1/stop", "/commands/stop", "/nothing", "/agents/sample-1/messages/x"):
        response = await door.call("POST", path, content=b" " * BIG, headers=JSON)
        assert_problem(response, 413, "too_large")
    response = await door.call("POST", "/agents/sample-1/stop", content=b" " * LARGEST_BODY, headers=JSON)
    assert_problem(response, 400, "bad_input")


@pytest.mark.parametrize("path", ["/agents", "/commands/spawn", "/commands/send", "/agents/sample-1/messages"])
async def test_where_files_are_taken_a_body_may_be_larger(door: Door, path: str) -> None:
    response = await door.call("POST", path, content=b" " * LARGEST_WITH_FILES, headers=JSON)
    assert_problem(response, 400, "bad_input")
    response = await door.call("POST", path, content=b" " * (LARGEST_WITH_FILES + 1), headers=JSON)
    assert_problem(response, 413, "too_large")


async def test_a_body_in_chunks_that_is_too_large_is_a_413(door: Door) -> None:
    async def send(size: int) -> AsyncIterator[bytes]:
        yield b'{"task": "say x'
        for _ in range(size // 50_000):
            yield b"y" * 50_000
        yield b'"}'

    path = "/agents/sample-1/stop"
    assert_problem(await door.call("POST", path, content=send(BIG + 60_000), headers=JSON), 413, "too_large")
    huge = send(LARGEST_WITH_FILES + 60_000)
    assert_problem(await door.call("POST", "/agents", content=huge, headers=JSON), 413, "too_large")
    assert_problem(await door.call("POST", "/agents", content=send(100_000), headers=JSON), 400, "bad_input")
    assert (await door.call("POST", "/agents", content=send(0), headers=JSON)).status_code == 200


LENGTHS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Content-Length: " + b"9" * 5_000,
    b"Content-Length: -1",
    b"Content-Length: +5",
    b"Content-Length: 1_0",
    b"Content-Length: \xb2",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Transfer-Encoding: gzip",
]


async def test_lengths_that_are_none(door: Door) -> None:
    """Refused by the server or by us; the body, however it is framed, is never more than the limit."""
    async with door.nothing_spawned():
        for head in LENGTHS:
            status = await send_with_length(door, head)
            assert status in (b"400", b"413", b"501"), (head, status)


async def send_with_length(door: Door, head: bytes) -> bytes:
    token = door.http.headers["Authorization"].encode()
    reader, writer = await asyncio.open_connection(door.http.base_url.host, door.http.base_url.port)
    writer.write(b"POST /api/v1/agents HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + token)
    writer.write(b"\r\n" + head + b"\r\n\r\n")
    for _ in range(50):
        writer.write(b"c350\r\n" + b" " * 50_000 + b"\r\n")
    writer.write(b"0\r\n\r\n")
    status = (await asyncio.wait_for(reader.readline(), 10)).split()[1]
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return status
