"""S2 for the HTTP door: requests of somebody without a valid token, as many as wanted, over raw connections."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bot.web.door import Door

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "GeT")
PATHS = (
    "/api/v1/agents",
    "/api/v1/agents/sample-1",
    "/api/v1/agents/sample-1/stop",
    "/api/v1/agents/sample-1/messages",
    "/api/v1/agents/sample-1/diff",
    "/api/v1/commands/spawn",
    "/api/v1/commands/admin.token",
    "/api/v1/commands/remove",
    "/api/v1/requests/r-1/answer",
    "/api/v1/events?after=0",
    "/api/v1/events/stream",
    "/api/v1/people",
    "/api/v1//agents",
    "/api/v1/agents/",
    "/api/./v1/agents",
    "/api/v1/../v1/agents",
    "/api/v1/%61gents",
    "/%61pi/v1/agents",
    "/api/v1/agents%2f",
    "/API/v1/agents",
    "/api/v1/openapi.json/../agents",
    "/api/v1/agents;/openapi.json",
    "/api/v1/agents?x=/api/v1/openapi.json",
    "//api/v1/agents",
    "/healthz/../api/v1/agents",
    "http://127.0.0.1/api/v1/agents",
)
BODIES = (
    b'{"task": "say forged"}',
    b'{"arguments": {"text": "say forged"}}',
    b'{"arguments": {"person": "root", "role": "admin"}}',
    b'{"verdict": "once"}',
    b"[" * 2_000,
    b"\x00\xff\xfe",
    b"",
)


@dataclass
class Tally:
    """What was answered. `accepted` are calls of the API that were let in."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        return sum(number for status, number in self.statuses.items() if status >= 500)


def forge_authorization(random_: random.Random, valid: str) -> Sequence[str]:
    """Header lines of somebody who guesses; `valid` is a token they know a little of."""
    token = random_.choice(
        (
            "",
            "x",
            valid[:-1],
            valid[1:],
            f"{valid}x",
            valid.swapcase(),
            valid[::-1],
            f"{valid} {valid}",
            f"cb_{random_.getrandbits(256):064x}",
            "' OR 1=1 --",
            "%00",
            "null",
            "A" * random_.randrange(1, 4_000),
            "\xff\xfe",
        )
    )
    scheme = random_.choice(("Bearer", "bearer", "Basic", "Token", "Digest", "BearerBearer", "", valid))
    name = random_.choice(("Authorization", "authorization", "X-Authorization", "Cookie", "Proxy-Authorization"))
    lines = [f"{name}: {scheme} {token}"] if random_.random() < 0.9 else []
    if scheme != "" and name not in ("Authorization", "authorization") and random_.random() < 0.3:
        lines.append(f"X-Token: {valid}")
    return lines


def forge_request(random_: random.Random, valid: str) -> tuple[str, bytes]:
    """A whole request that a server can tell the end of, and what it asks for."""
    method, path, body = random_.choice(METHODS), random_.choice(PATHS), random_.choice(BODIES)
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *forge_authorization(random_, valid)]
    lines += random_.choice(([], ["X-Forwarded-For: 127.0.0.1"], ["X-Original-URL: /healthz"], ["Origin: null"]))
    lines += random_.choice(([], ["Content-Type: application/json"], ["X-HTTP-Method-Override: GET"]))
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    return f"{method} {path}", head.encode("latin-1") + body


async def send_forged(door: Door, number: int, seed: int, lanes: int = 8) -> Tally:
    """Send so many, on a few connections; a request that closes its connection costs a new one."""
    tally = Tally()
    valid = door.http.headers["Authorization"].removeprefix("Bearer ")
    await asyncio.gather(
        *(_run_lane(door, number // lanes, random.Random(seed * 1_000 + lane), valid, tally) for lane in range(lanes))
    )
    return tally


async def _run_lane(door: Door, number: int, random_: random.Random, valid: str, tally: Tally) -> None:
    where = door.http.base_url.host, door.http.base_url.port or 80
    reader, writer = await asyncio.open_connection(*where)
    for _ in range(number):
        asked, request = forge_request(random_, valid)
        writer.write(request)
        async with asyncio.timeout(20):
            status, closes = await _read_response(reader, asked.startswith("HEAD "))
        tally.statuses[status] += 1
        if status < 400:
            tally.accepted.append(asked)
        if closes:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            reader, writer = await asyncio.open_connection(*where)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def _read_response(reader: asyncio.StreamReader, bare: bool) -> tuple[int, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    closes = fields.get("connection") == "close"
    if bare:
        return int(head.split()[1]), closes
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif closes:
        await reader.read()
    else:
        raise AssertionError(f"an endless answer: {head}")
    return int(head.split()[1]), closes
