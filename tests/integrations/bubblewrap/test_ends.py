"""All that runs behind the walls ends with the agent, with its guard, with the bot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from integrations.local.host import LocalHost, read_run
from tests.integrations.bubblewrap.conftest import Place

STUBBORN = (
    "trap '' TERM HUP; setsid sh -c 'trap \"\" TERM; while :; do sleep 60; done' & echo up; while :; do sleep 60; done"
)


def find_living(folder: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == Path(folder) and (entry / "stat").read_text().split(") ")[1][0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def test_kill_ends_all(place: Place) -> None:
    process = await place.start(place.launch(STUBBORN))
    assert await process.reader.readline() == b"up\n"
    assert find_living(place.workspace.folder)
    ended = await process.kill()
    assert ended.by == "killed"
    assert find_living(place.workspace.folder) == []


async def test_a_killed_guard_takes_all_along(place: Place) -> None:
    process = await place.start(place.launch(STUBBORN))
    assert await process.reader.readline() == b"up\n"
    run = read_run(place.home / "agents/web-1/guard.lock")
    assert run
    os.kill(run.guard, signal.SIGKILL)
    await process.wait()
    ended = await LocalHost(place.home).reclaim("web-1")
    assert ended
    assert ended.by == "lost"
    assert find_living(place.workspace.folder) == []


async def test_the_exit_code_comes_out(place: Place) -> None:
    process = await place.start(place.launch("echo words >&2; exit 7"))
    ended = await process.wait()
    assert (ended.code, ended.by) == (7, "exited")
    assert (place.home / "agents/web-1/stderr.log").read_text() == "words\n"
