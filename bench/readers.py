"""`python -m bench.readers URL TOKEN PATH AFTER COUNT SECONDS`: reads one stream many times, and tells how late it
was."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from asyncio import StreamReader
from datetime import datetime
from urllib.parse import urlsplit

from bench.row import take_percentile

WARM_UP = 2.0
# When it happened: of an event, or in what an agent is doing.
AT = re.compile(rb'"at":"([^"]+)"|step at ([0-9.]+)')


async def read_many(url: str, token: str, path: str, after: str, count: int, seconds: float) -> dict[str, float]:
    """Percentiles in ms over all readers, and the events a second that each one heard."""
    found: list[list[float]] = [[] for _ in range(count)]
    readers = [asyncio.create_task(read_one(url, token, path, after, waits)) for waits in found]
    await asyncio.sleep(WARM_UP)
    for waits in found:
        waits.clear()
    await asyncio.sleep(seconds)
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    late = [wait for waits in found for wait in waits]
    slowest = min(map(len, found))
    return {"p50": take_percentile(late, 50), "p99": take_percentile(late, 99), "rate": slowest / seconds}


async def read_one(url: str, token: str, path: str, after: str, waits: list[float]) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Cookie: {token}" if "=" in token else f"Authorization: Bearer {token}",
        f"Last-Event-ID: {after}",
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    try:
        await hear_events(reader, waits)
    finally:
        writer.close()


async def hear_events(reader: StreamReader, waits: list[float]) -> None:
    """Each event bears its time; all that come in one piece came at one time."""
    rest = b""
    while chunk := await reader.read(65_536):
        now = time.time()
        whole, mark, rest = (rest + chunk).rpartition(b"\n\n")
        if mark:
            waits.extend((now - read_moment(*found)) * 1000 for found in AT.findall(whole))


def read_moment(iso: bytes, seconds: bytes) -> float:
    """Seconds since 1970, of whichever there is."""
    return float(seconds) if seconds else datetime.fromisoformat(iso.decode()).timestamp()


if __name__ == "__main__":
    address, key, where, start, amount, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(read_many(address, key, where, start, int(amount), float(duration)))))
