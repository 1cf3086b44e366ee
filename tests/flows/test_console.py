"""The console's chat with the whole bot: on both databases, over a restart, and shot while it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import LiveHouse
from shot import ShotHouse

from core.board import list_entries
from core.messages import Entry

DATA = {"Accept": "application/json"}


async def say(house: LiveHouse, line: str, key: str, agent: str = "") -> dict[str, Any]:
    """What the one who says it is told."""
    way, said = (f"/agents/{agent}/say", {"text": line}) if agent else ("/say", {"line": line})
    response = await house.http.post(way, data={**said, "key": key}, headers=DATA)
    return {"error": None, **response.json()}


async def read_place(house: LiveHouse, place: str = "console:main") -> list[Entry]:
    async with house.bot.database.reading() as tx:
        return await list_entries(tx, [place], limit=1000)


async def wait_for(house: LiveHouse, words: str, place: str = "console:main") -> Entry:
    """What the bot put in a place with these words in it."""
    bells = house.bot.database.bells
    async with asyncio.timeout(20):
        while True:
            heard = bells.listen("board")
            for entry in await read_place(house, place):
                if words in str(entry.body) and not entry.name:
                    return entry
            await bells.wait("board", heard, 1)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_the_newcomers_flow(open_house: Any, store: str, request: pytest.FixtureRequest) -> None:
    environ = {"CALLBOARD_DATABASE": request.getfixturevalue("postgres_url")} if store == "postgresql" else {}
    house: LiveHouse = await open_house(environ=environ)
    told = await say(
        house, '/agent spawn sample "edit a.txt; run `git status`; ask Which one? options red, green"', "1"
    )
    assert told["error"] is None
    asked = await wait_for(house, "approve r-")
    request_id = re.findall(r"approve (r-\w+)", str(asked.body))[0]
    await house.restart()
    done = await house.http.post("/act", data={"command": f"approve {request_id}", "key": "2"}, headers=DATA)
    assert done.status_code == 200, done.text
    card = await wait_for(house, "answered by")
    assert card.id == asked.id, "the card keeps its place over a restart"
    await wait_for(house, "asks: Which one")
    agent = str(card.body["title"]).partition(" ")[0]
    assert (await say(house, "/agent answer red", "3", agent))["error"] is None
    await house.wait_for(agent, "done")
    assert (await say(house, "Say more", "4", agent))["error"] is None
    await house.wait_for_activity(agent, "more")
    await house.wait_for(agent, "done")
    await house.told()
    lines = [str(entry.body["text"]) for entry in await read_place(house) if entry.kind.value != "card"]
    # What somebody did, what it led to, and what the agent says come on streams of their own.
    patterns = (
        "^/agent answer red",
        "^/agent approve r-",
        "^/agent spawn",
        "asks for permission",
        "asks: Which one",
        "has its answer: red",
        "is done",
        "is done",
        "starts on sample",
    )
    assert lines[0].startswith("/agent spawn")
    assert len(lines) == len(patterns), "\n".join(lines)
    for pattern in patterns:
        lines.remove(next(line for line in lines if re.search(pattern, line)))


async def test_a_card_is_redrawn_soon_after_its_event(house: LiveHouse) -> None:
    """From the event to the entry: the courier gathers for a moment, and no longer."""
    await say(house, "/agent spawn sample -- take 300 seconds", "1")
    card = await wait_for(house, "working")
    agent = str(card.body["title"]).partition(" ")[0]
    spent = []
    for number in range(10):
        began = asyncio.get_running_loop().time()
        await house.run("send", agent=agent, text=f"word {number}")
        await wait_for(house, f"{number + 1} message(s) wait")
        spent.append(asyncio.get_running_loop().time() - began)
    assert sorted(spent)[5] < 1.0
    await house.run("stop", agent=agent)


async def test_every_line_is_answered_once_whenever_the_bot_is_shot(tmp_path: Path) -> None:
    """The answer is queued with the act: neither is there without the other, however often the same line is said."""
    house = ShotHouse(tmp_path / "home")
    await house.start()
    for number, delay in enumerate((0.01, 0.05)):
        saying = asyncio.create_task(send_line(house, f"k{number}"))
        await asyncio.sleep(delay)
        await house.shoot()
        saying.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
            await saying
        await house.start()
        assert await send_line(house, f"k{number}")
    page = await read_page(house, 2)
    assert page.count('<p class="said">/agent project use sample</p>') == 2
    assert page.count("<strong>Callboard</strong>") == 2
    assert await house.end() == 0


async def open_client(house: ShotHouse) -> httpx.AsyncClient:
    note = json.loads((house.home / "run.json").read_text())
    return httpx.AsyncClient(base_url=note["url"], headers={"Authorization": f"Bearer {note['token']}"}, timeout=30)


async def send_line(house: ShotHouse, key: str) -> bool:
    async with await open_client(house) as client:
        response = await client.post("/say", data={"line": "/agent project use sample", "key": key}, headers=DATA)
        return response.status_code == 200


async def read_page(house: ShotHouse, answers: int) -> str:
    """The page once it shows so many answers."""
    async with await open_client(house) as client, asyncio.timeout(20):
        while True:
            page = (await client.get("/", headers={"Accept": "text/html"})).text
            if page.count("<strong>Callboard</strong>") >= answers:
                return page
            await asyncio.sleep(0.1)
