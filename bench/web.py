"""The web console of a large fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx

from bench.crowd import open_crowd
from bench.house import open_house
from bench.paint import measure_paint
from bench.row import Row, Wanted, median, take_percentile
from bench.stream import name_server, read_stream
from bench.suite import Suite

RATE = 20
SECONDS = 10
ROUNDS = 3
CHANGES = 20  # a second
LIVE = (("row of the fleet", "/fleet", "/live/fleet"), ("card of the chat", "/", "/live/chat"))
ABOUT = """- *fleet and agent pages*: 500 agents and 100,000 events in the database, 20 requests a second for 10 s, each
  sent when it is due, whether or not those before it were answered. Floor: the same bytes from starlette and uvicorn.
- *change to page*: 100 open pages, 20 changes of agents a second, from the moment before the change's transaction to
  the arrival of the new row (fleet) or card (chat). Floor: as many server-sent events from starlette and uvicorn.
- *first paint*: of a page that was never opened before, in Chromium. Floor: a page with one word."""


async def measure_pages(rounds: int = ROUNDS) -> Sequence[Row]:
    """Each page in turns with the same bytes from a server that does nothing."""
    rows: list[Row] = []
    async with open_crowd() as house, open_house(command=name_server("bench.still")) as floor:
        for name, path in (("fleet", "/fleet"), ("agent", "/agents/web-11")):
            (floor.home / "page").write_bytes((await house.http.get(path)).raise_for_status().content)
            pairs = [(await time_page(house.http, path), await time_page(floor.http, "/")) for _ in range(rounds)]
            ours, bare = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
            rows.append(Row(f"{name} page at {RATE} requests/s, p95", ours, "ms", bare, Wanted(100)))
    return rows


async def time_page(http: httpx.AsyncClient, path: str, seconds: int = SECONDS) -> float:
    """The 95th percentile in ms."""
    began = time.perf_counter()
    asked = [asyncio.create_task(time_answer(http, path, began + number / RATE)) for number in range(seconds * RATE)]
    return take_percentile(await asyncio.gather(*asked), 95)


async def time_answer(http: httpx.AsyncClient, path: str, due: float) -> float:
    """Milliseconds from when it was due to its last byte."""
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    (await http.get(path)).raise_for_status()
    return (time.perf_counter() - due) * 1000


async def measure_changes(rounds: int = ROUNDS) -> Sequence[Row]:
    """Rows of the fleet and cards of the chat, in turns with an app that does nothing else."""
    found: dict[str, list[float]] = {name: [] for name in ("", *(name for name, _, _ in LIVE))}
    async with open_crowd() as house, open_house(command=name_server("bench.sse")) as floor:
        for _ in range(rounds):
            found[""].append((await read_stream(floor, 0, rate=CHANGES))["p99"])
            for name, page, live in (
                ("row of the fleet", "/fleet", "/live/fleet"),
                ("card of the chat", "/", "/live/chat"),
            ):
                after = find_cursor((await house.http.get(page)).raise_for_status().text)
                found[name].append((await read_stream(house, after, live, rate=CHANGES))["p99"])
    bare = median(found.pop(""))
    return [
        Row(f"100 pages, {CHANGES} changes/s: change to {name}, p99", median(ours), "ms", bare, Wanted(300))
        for name, ours in found.items()
    ]


def find_cursor(page: str) -> str:
    """From where a page goes on."""
    return page.partition("?after=")[2].partition('"')[0]


SUITE = Suite(ABOUT, {"pages": measure_pages, "changes": measure_changes, "paint": measure_paint})
