"""The fleet's page: every agent in its column, as text, and live."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from bot.web.pages.live import Change, Channel, Patch
from bot.web.pages.roster import Mark
from core.store import Bells
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\x1b[31m"


class Elements(HTMLParser):
    """What a browser would make of a page: the tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_an_agent_is_in_its_column(door: Door) -> None:
    agent = await door.spawn("Write a CONTRIBUTING guide")
    await door.wait_for(agent, "needs you")
    page = (await door.http.get("/fleet", headers=PAGE)).text
    assert f'id="row-{agent}" data-column="needs-you"' in page
    assert "asks: Run `python3 -m unittest discover tests`" in page
    assert page.index('id="column-needs-you"') < page.index(f'id="row-{agent}"') < page.index('id="column-trouble"')
    assert "<title>(1) Fleet" in page
    await door.run("stop", agent=agent)


async def test_what_an_agent_is_told_is_never_markup(door: Door) -> None:
    agent = await door.spawn(HOSTILE)
    response = await door.http.get("/fleet", headers=PAGE)
    page = Elements(response.text)
    scripts = [str(attrs.get("src", "")) for tag, attrs in page.tags if tag == "script"]
    assert all(source.startswith("/static/") for source in scripts)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "<script>alert(1)</script>" in page.text
    assert not {"\u202e", "\x1b"} & set(response.text)
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    await door.run("stop", agent=agent)


async def test_a_filter_shows_what_fits(door: Door) -> None:
    agent = await door.spawn("Paint the shed green")
    assert f"row-{agent}" in (await door.http.get("/fleet", params={"q": "SHED green"}, headers=PAGE)).text
    assert f"row-{agent}" not in (await door.http.get("/fleet", params={"q": "shed blue"}, headers=PAGE)).text
    assert f"row-{agent}" not in (await door.http.get("/fleet", params={"owner": "nobody"}, headers=PAGE)).text
    await door.run("stop", agent=agent)


async def test_a_row_is_drawn_again_as_it_changes(door: Door) -> None:
    async with door.http.stream("GET", "/live/fleet", params={"after": ""}) as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        agent = await door.spawn("Write a CONTRIBUTING guide")
        patch = await _find_patch(lines, f"row-{agent}", "needs you")
        assert patch["into"] == "column-needs-you"
        await door.run("stop", agent=agent)
        await _find_patch(lines, f"row-{agent}", "stopped")
        await door.run("remove", agent=agent, force=True)
        assert (await _find_patch(lines, f"row-{agent}", ""))["html"] == ""


async def _find_patch(lines: Any, id: str, words: str) -> dict[str, Any]:
    async for line in lines:
        for patch in json.loads(line[6:])["patches"] if line.startswith("data: ") else ():
            if patch["id"] == id and (words in patch["html"] if words else not patch["html"]):
                return dict(patch)
    raise AssertionError("the stream ended")


async def test_an_unknown_page_is_a_page_for_people(door: Door) -> None:
    response = await door.http.get("/nothing", headers=PAGE)
    assert response.status_code == 404
    assert "<h1>Not found</h1>" in response.text
    assert (await door.http.get("/nothing")).json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/static/0/callboard.js", "/static/0/..%2f..%2faccess.py", "/live/nothing"])
async def test_what_there_is_not(door: Door, path: str) -> None:
    assert (await door.http.get(path)).status_code == 404


async def test_nobody_sees_the_fleet_without_a_key(door: Door) -> None:
    response = await door.call("GET", "/api/../fleet", token="")
    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=%2Ffleet")


async def test_a_broken_cursor_shows_everything(door: Door) -> None:
    agent = await door.spawn("Write a CONTRIBUTING guide")
    for cursor in ("", "0", "9" * 30, "1-zz-1", "<b>"):
        async with door.http.stream("GET", "/live/fleet", params={"after": cursor}) as stream:
            body = json.loads(await anext(line[6:] async for line in stream.aiter_lines() if line.startswith("data: ")))
        assert bool(body["patches"]) == bool(cursor)
    await door.run("stop", agent=agent)


class Counter:
    """A source that has one thing more after each look."""

    topics = ("counter",)

    def __init__(self) -> None:
        self.amount = 0

    async def read(self, cursor: str) -> Change:
        new = range(int(cursor or self.amount), self.amount)
        return Change(str(self.amount), [Patch(f"n-{number}", f"<i>{number}</i>", "list") for number in new])


async def test_watchers_miss_nothing() -> None:
    source, bells = Counter(), Bells()
    channel = Channel(source, bells)
    streams = [channel.follow("0") for _ in range(3)]
    for stream in streams:
        await anext(stream), await anext(stream)
    source.amount = 5
    bells.ring("counter")
    for stream in streams:
        chunk = await anext(stream)
        assert [patch["id"] for patch in json.loads(chunk.split(b"data: ")[1])["patches"]] == [
            f"n-{n}" for n in range(5)
        ]
        await stream.aclose()
    assert not channel.watchers


@pytest.mark.parametrize(
    ("mark", "before", "beyond"),
    [
        (Mark(5, "a", 9), Mark(5, "a", 8), True),
        (Mark(5, "a", 8), Mark(5, "a", 8), False),
        (Mark(4, "a", 9), Mark(5, "b", 2), False),
        (Mark(6, "a", 1), Mark(5, "b", 200), True),
        (Mark(0, "a", 1), Mark.parse("nonsense"), True),
    ],
)
async def test_marks(mark: Mark, before: Mark, beyond: bool) -> None:
    assert mark.is_beyond(before) is beyond
    assert Mark.parse("7-0a-3") == Mark(7, "0a", 3)
