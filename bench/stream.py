"""A hundred readers of the event stream."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from bench.house import ROOT, House, make_env, open_house
from bench.row import Row, Wanted, median
from core.home import RUN_FILE

EVENTS = "/api/v1/events/stream"
READERS = 100
RATE = 200
SECONDS = 8
ROUNDS = 2


async def measure_stream(rounds: int = ROUNDS) -> Sequence[Row]:
    """From the event's own time to its arrival, in turns with an app that does nothing else. The readers are a process
    of their own."""
    ours, bare = [], []
    async with (
        open_house(command=name_server("bench.busy")) as house,
        open_house(command=name_server("bench.sse")) as floor,
    ):
        for _ in range(rounds):
            bare.append(await read_stream(floor, 0))
            ours.append(await read_stream(house, await find_last_event(house)))
    return [
        Row(
            f"{READERS} readers, {RATE} events/s: event to reader, p99",
            median(one["p99"] for one in ours),
            "ms",
            median(one["p99"] for one in bare),
            Wanted(250),
        ),
        Row(
            f"{READERS} readers, {RATE} events/s: event to reader, p50",
            median(one["p50"] for one in ours),
            "ms",
            median(one["p50"] for one in bare),
        ),
        Row("events heard by each reader a second", median(one["rate"] for one in ours), "1/s", float(RATE)),
    ]


def name_server(module: str) -> Sequence[str]:
    return (sys.executable, "-m", module)


async def find_last_event(house: House) -> int:
    """Where the readers begin, so that they need not catch up with the round before."""
    lines = (await house.http.get("/metrics")).text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("event_last "))))


async def read_stream(
    house: House, after: str | int, path: str = EVENTS, token: str = "", rate: int = RATE
) -> dict[str, float]:
    """Lets the server append and a hundred readers read; what they say. `token` is a cookie when it has a `=`."""
    note = json.loads((house.home / RUN_FILE).read_text())
    amounts = map(str, (after, READERS, SECONDS))
    words = (sys.executable, "-m", "bench.readers", note["url"], token or note["token"], path, *amounts)
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env=make_env(house.home), stdout=asyncio.subprocess.PIPE
    )
    (house.home / "append").write_text(str(rate))
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS + 60)
    finally:
        (house.home / "append").unlink()
        if process.returncode is None:
            process.kill()
    return dict(json.loads(said))
