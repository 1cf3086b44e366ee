"""The chat's page: what is said, what is answered to whom, and that nothing of it is ever markup."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from core.board import list_entries, put_entry
from core.messages import EntryKind
from core.model import Role
from core.people import ensure_person, make_token
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"Accept": "text/html"}
DATA = {"Accept": "application/json"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&</li></ol> \u202etxt\x1b[2J {{ csrf }}"
VOID = {"br", "hr", "img", "input", "link", "meta"}


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing of its own"

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.tags if name == tag)


async def say(door: Door, line: str, key: str = "", token: str = "", headers: dict[str, str] = DATA) -> httpx.Response:
    sent = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    return await door.http.post("/say", data={"line": line, "key": key or uuid.uuid4().hex}, headers=sent)


async def tell(door: Door, agent: str, words: str, headers: dict[str, str] = DATA) -> httpx.Response:
    """What is written on an agent's page."""
    form = {"text": words, "key": uuid.uuid4().hex}
    return await door.http.post(f"/agents/{agent}/say", data=form, headers=headers)


async def read_board(door: Door, place: str = "console:main") -> list[str]:
    """What stands in a place: kind and words."""
    async with door.bot.database.reading() as tx:
        entries = await list_entries(tx, [place], limit=1000)
    return [f"{item.kind.value}: {item.body.get('text') or item.body.get('title', '')}" for item in entries]


async def read_lines(door: Door) -> list[str]:
    """What stands in the channel beside living cards."""
    return [item for item in await read_board(door) if not item.startswith("card:")]


async def wait_for_board(door: Door, words: str, place: str = "console:main") -> str:
    """The first thing in a place with these words in it, once it is there."""
    bells = door.bot.database.bells
    async with asyncio.timeout(20):
        while True:
            heard = bells.listen("board")
            if found := [item for item in await read_board(door, place) if words in item]:
                return found[0]
            await bells.wait("board", heard, 1)


async def spawn(door: Door, task: str = "run `git status`") -> str:
    """Start an agent by a line; returns its id."""
    before = await door.list_agents()
    assert (await say(door, f"/agent spawn sample -- {task}")).status_code == 200
    (agent,) = set(await door.list_agents()) - set(before)
    return agent


async def fetch(door: Door, path: str = "/") -> str:
    response = await door.http.get(path, headers=PAGE)
    assert response.status_code == 200, response.text
    return response.text


@contextlib.asynccontextmanager
async def watch(door: Door, name: str = "chat", token: str = "") -> AsyncIterator[Any]:
    """An open page; `find(id or words)` waits for a patch that has them."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with door.http.stream("GET", f"/live/{name}", params={"after": ""}, headers=headers) as stream:
        lines = stream.aiter_lines()
        await anext(lines)

        heard = list[str]()

        async def find(words: str) -> dict[str, Any]:
            async with asyncio.timeout(20):
                async for line in lines:
                    heard.append(line)
                    for patch in json.loads(line[6:])["patches"] if line.startswith("data: ") else ():
                        if words in patch["html"]:
                            return dict(patch)
            raise AssertionError("the stream ended")

        find.__dict__["heard"] = heard
        yield find


# ----------------------------------------------------------------------------------------------------- the channel


async def test_a_line_its_answer_and_the_card_stand_there(door: Door) -> None:
    agent = await spawn(door)
    await door.wait_for(agent, "needs you")
    await wait_for_board(door, f"card: {agent} · needs you")
    await wait_for_board(door, f"reply: {agent} asks for permission")
    board = await read_board(door)
    assert board.index("said: /agent spawn sample -- run `git status`") < min(
        number for number, item in enumerate(board) if item.startswith("reply:")
    )
    page = await fetch(door)
    assert 'value="approve r-' in page
    assert f'href="/agents/{agent}"' in page
    assert "<title>Chat" in page
    await door.run("stop", agent=agent)


async def test_without_a_script_the_page_comes_back_with_the_answer(door: Door) -> None:
    response = await say(door, "/agent spawn sample -- take 300 seconds", headers=PAGE)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    page = Elements(await fetch(door, response.headers["location"]))
    assert "/agent spawn sample -- take 300 seconds" in page.text
    agent = (await door.list_agents())[0]
    assert f"{agent}: demo (scripted, no model) starts on sample" in page.text
    again = await say(door, f"/agent stop {agent}", headers=PAGE)
    assert again.status_code == 303
    await door.wait_for(agent, "stopped")


async def test_a_mistake_is_explained_and_what_was_typed_stays(door: Door) -> None:
    before = await read_lines(door)
    response = await say(door, '/agent spwan "<b>"', headers=PAGE)
    assert response.status_code == 409
    page = Elements(response.text)
    assert "There is no command “spwan”. Did you mean `spawn`?" in page.text
    assert ("input", '/agent spwan "<b>"') in [(tag, attrs.get("value")) for tag, attrs in page.tags]
    answer = (await say(door, "/agent send nobody-1 hi")).json()
    assert answer["error"]["code"] == "not_found"
    assert answer["keep"]
    assert "does not exist" in answer["html"]
    assert [item for item in await read_lines(door) if item not in before] == ["said: /agent send nobody-1 hi"]


async def test_what_only_looks_is_answered_and_not_kept(door: Door) -> None:
    before = await read_lines(door)
    for line in ("/agent list", "/agent help", "/agent"):
        answer = (await say(door, line)).json()
        assert not answer["keep"]
        assert "<table>" in answer["html"] or "No agents" in answer["html"]
        assert "Only you see this" in answer["html"]
    page = await say(door, "/agent help spawn", headers=PAGE)
    assert page.status_code == 200
    assert "Start an agent on a task" in page.text
    assert await read_lines(door) == before


async def test_plain_words_in_the_channel_are_told_what_to_say(door: Door) -> None:
    before = await read_lines(door)
    answer = (await say(door, "hello there")).json()
    assert "/agent spawn" in answer["html"]
    assert answer["keep"]
    assert await read_lines(door) == before


async def test_the_same_line_with_the_same_key_is_said_once(door: Door) -> None:
    before, agents = await read_lines(door), await door.list_agents()
    for _ in range(3):
        await say(door, "/agent spawn sample -- say once", key="same")
    (agent,) = set(await door.list_agents()) - set(agents)
    await door.wait_for(agent, "done")
    await wait_for_board(door, f"{agent} is done")
    new = [item for item in await read_lines(door) if item not in before]
    assert sum(item.startswith("said:") for item in new) == 1
    assert sum("starts on sample" in item for item in new) == 1


async def test_an_agent_of_a_terminal_is_not_told_of_here(door: Door) -> None:
    before = await read_lines(door)
    agent = await door.spawn("say hello")
    await door.wait_for(agent, "done")
    await door.told()
    assert await read_lines(door) == before
    assert not [item for item in await read_board(door) if agent in item]


async def test_older_entries_are_a_link_away(door: Door) -> None:
    async with door.bot.database.transaction() as tx:
        for number in range(120):
            body = {"text": f"line {number:03}."}
            await put_entry(
                tx, "console:main", EntryKind.SAID, body, f"many-{number}", door.bot.clock.now(), name="kim"
            )
    page = await fetch(door)
    assert [f"line {number:03}." in page for number in (69, 70, 119)] == [False, True, True]
    assert page.index("line 070.") < page.index("line 119.")
    older = page.split("?before=")[1].split('"')[0]
    page = await fetch(door, f"/?before={older}")
    assert [f"line {number:03}." in page for number in (19, 20, 69, 70)] == [False, True, True, False]
    assert "data-live" not in page


# --------------------------------------------------------------------------------------------- on an agent's page


async def test_an_agents_thread_is_its_page(door: Door) -> None:
    agent = await spawn(door, "take 300 seconds")
    response = await door.http.get(f"/thread/{agent}", headers=PAGE)
    assert (response.status_code, response.headers["location"]) == (308, f"/agents/{agent}")
    assert "/thread/" not in await fetch(door)
    assert "/thread/" not in await fetch(door, f"/agents/{agent}")
    await door.run("stop", agent=agent)
    await door.wait_for(agent, "stopped")


async def test_a_command_there_is_about_the_agent(door: Door) -> None:
    agent = await spawn(door)
    await door.wait_for(agent, "needs you")
    answer = (await tell(door, agent, "/agent send --now Stop that")).json()
    assert "Interrupting" in answer["html"]
    assert "Everybody sees this in the chat" in answer["html"]
    assert (answer["keep"], answer["error"]) == (False, None)
    assert await wait_for_board(door, f"reply: Interrupting {agent}")
    assert "said: /agent send --now Stop that" in await read_lines(door)
    assert await read_board(door, f"console:main/{agent}") == []
    before = await read_lines(door)
    shown = (await tell(door, agent, "/agent show")).json()
    assert f"<h3>{agent} · " in shown["html"]
    assert "Only you see this" in shown["html"]
    assert await read_lines(door) == before
    page = await tell(door, agent, "/AGENT stop", headers=PAGE)
    assert "Stopping" in Elements(page.text).text
    await door.wait_for(agent, "stopped")


async def test_a_command_there_that_cannot_be_done_stays_and_is_not_sent(door: Door) -> None:
    agent = await spawn(door, "take 300 seconds")
    response = await tell(door, agent, "/agent dance")
    assert response.status_code == 409
    assert response.json()["keep"]
    assert "There is no command" in response.json()["html"]
    page = await tell(door, agent, "/agent dance", headers=PAGE)
    assert "<h1>Not done</h1>" in page.text
    files = [("files", ("a.txt", b"words", "text/plain"))]
    refused = await door.http.post(f"/agents/{agent}/say", data={"text": "/agent stop"}, files=files, headers=DATA)
    assert "takes no files" in refused.json()["error"]["message"]
    assert await door.events("message.queued", agent) == []
    assert (await door.agent(agent))["status"] == "working"
    await door.run("stop", agent=agent)


@pytest.mark.parametrize("agent", ["nobody-1", "../x", "main", "a\0-1", "sample-1'--", "x" * 5000])
async def test_nothing_is_completed_for_nobody(door: Door, agent: str) -> None:
    query = {"line": "/agent ", "cursor": 7, "agent": agent}
    assert (await door.http.get("/complete", params=query)).status_code == 404


async def test_a_command_about_nobody_is_not_done(door: Door) -> None:
    answer = await tell(door, "nobody-1", "/agent stop")
    assert answer.json()["error"]["code"] == "not_found"


# ---------------------------------------------------------------------------------------------------- buttons


async def test_what_a_button_does_is_seen_by_all_once(door: Door) -> None:
    kim, ann = await admit(door, "kim", Role.APPROVER), await admit(door, "ann", Role.APPROVER)
    agent = await spawn(door, "take 300 seconds")
    form = {"command": f"send {agent} -- stop", "key": "button"}
    async with watch(door, token=ann) as at_ann:
        for _ in range(2):
            await door.http.post("/act", data=form, headers={**DATA, "Authorization": f"Bearer {kim}"})
        said = await at_ann(f"/agent send {agent} -- stop")
    assert "<strong>kim</strong>" in said["html"]
    run = {"command": "stop", "key": "form"}
    await door.http.post(f"/agents/{agent}/run", data=run, headers={**DATA, "Authorization": f"Bearer {ann}"})
    lines = [line for line in await read_lines(door) if line.startswith("said:") and agent in line]
    assert lines == [f"said: /agent send {agent} -- stop", f"said: /agent stop {agent}"]
    await door.http.post("/act", data={"command": f"show {agent}", "key": "look"}, headers=DATA)
    assert [line for line in await read_lines(door) if f"/agent show {agent}" in line] == []
    await door.wait_for(agent, "stopped")


async def test_an_answer_on_the_agents_page_is_seen_by_all(door: Door) -> None:
    agent = await spawn(door)
    await door.wait_for(agent, "needs you")
    page = await fetch(door, f"/agents/{agent}")
    forms = [form for form in page.split("<form")[1:] if 'name="verdict" value="once"' in form]
    fields = {
        a["name"]: a["value"]
        for t, a in Elements(f"<form{forms[0].partition('</form>')[0]}</form>").tags
        if t == "input"
    }
    await door.http.post(f"/agents/{agent}/answer", data=fields, headers=DATA)
    assert await wait_for_board(door, f"said: /agent approve {fields['request']}")
    await door.wait_for(agent, "done")


# ------------------------------------------------------------------------------------------------- several people


async def admit(door: Door, name: str, role: Role) -> str:
    now = door.bot.clock.now()
    async with door.bot.database.transaction() as tx:
        person = await ensure_person(tx, f"test:{name}", name, role, now)
        return await make_token(tx, person, role, "test", now)


async def test_two_people_see_each_other_and_the_first_answer_wins(door: Door) -> None:
    kim, ann = await admit(door, "kim", Role.APPROVER), await admit(door, "ann", Role.APPROVER)
    async with watch(door, token=kim) as at_kim, watch(door, token=ann) as at_ann:
        before = await door.list_agents()
        await say(door, "/agent spawn sample -- run `git status`", token=kim)
        (agent,) = set(await door.list_agents()) - set(before)
        assert "kim" in (await at_ann("/agent spawn sample -- run"))["html"]
        card = await at_ann(f"<h3>{agent} · needs you")
        request = card["html"].split('value="approve ')[1].split('"')[0]
        first = await door.http.post(
            "/act",
            data={"command": f"approve {request}", "key": "1"},
            headers={**DATA, "Authorization": f"Bearer {ann}"},
        )
        assert first.status_code == 200
        for find in (at_kim, at_ann):
            patch = await find("answered by ann")
            assert patch["id"] == card["id"]
            assert f"approve {request}" not in patch["html"]
        late = await door.http.post(
            "/act", data={"command": f"deny {request}", "key": "2"}, headers={**DATA, "Authorization": f"Bearer {kim}"}
        )
        assert "already answered (once) by ann" in late.json()["error"]["message"]


async def test_what_one_person_is_told_the_others_do_not_see(door: Door) -> None:
    kim, ann = await admit(door, "kim", Role.APPROVER), await admit(door, "ann", Role.APPROVER)
    async with watch(door, token=kim) as at_kim, watch(door, token=ann) as at_ann:
        await say(door, "/agent stop nobody-7", token=kim)
        assert "only you see this" in (await at_kim("nobody-7 does not exist"))["html"]
        await say(door, "/agent stop nobody-8", token=ann)
        await at_ann("nobody-8 does not exist")
        assert "nobody-7 does not exist" not in "".join(at_ann.heard)
        assert "/agent stop nobody-7" in "".join(at_ann.heard)
    for token, words in ((kim, "nobody-7"), (ann, "nobody-8")):
        page = (await door.http.get("/", headers={**PAGE, "Authorization": f"Bearer {token}"})).text
        assert [f"nobody-{number} does not exist" in page for number in (7, 8)] == [
            words == f"nobody-{n}" for n in (7, 8)
        ]


async def test_a_link_is_shown_to_the_admin_alone(door: Door) -> None:
    boss, ann = await admit(door, "boss", Role.ADMIN), await admit(door, "ann", Role.APPROVER)
    async with watch(door, token=ann) as at_ann:
        answer = (await say(door, "/agent admin grant lee operator", token=boss)).json()
        assert answer["secret"].startswith(str(door.http.base_url))
        assert answer["secret"] in answer["html"]
        told = (await at_ann("lee is operator"))["html"]
    assert "boss alone is shown it, this once." in told
    assert answer["secret"] not in "".join(at_ann.heard)


async def test_a_viewer_reads_and_is_told_why_not_more(door: Door) -> None:
    token = await admit(door, "vic", Role.VIEWER)
    page = await door.http.get("/", headers={**PAGE, "Authorization": f"Bearer {token}"})
    assert page.status_code == 200
    async with door.nothing_spawned():
        answer = (await say(door, "/agent spawn sample -- say x", token=token)).json()
    assert answer["error"]["code"] == "refused"
    assert "operator" in answer["error"]["message"]
    nobody = await admit(door, "nemo", Role.NOBODY)
    for response in (
        await say(door, "/agent list", token=nobody),
        await door.http.get("/", headers={"Authorization": f"Bearer {nobody}"}),
        await door.http.get("/live/chat", headers={"Authorization": f"Bearer {nobody}"}),
        await door.http.get("/complete", headers={"Authorization": f"Bearer {nobody}"}),
    ):
        assert response.status_code == 403


# --------------------------------------------------------------------------------------------------------- live


async def test_an_entry_that_changes_is_drawn_in_its_place_only(door: Door) -> None:
    async with watch(door) as find:
        agent = await spawn(door)
        first = await find(f"<h3>{agent} · ")
        assert first["into"] == "entries"
        await door.wait_for(agent, "needs you")
        later = await find(f"<h3>{agent} · needs you")
        assert later["id"] == first["id"]
    async with watch(door) as find:
        await door.run("stop", agent=agent)
        assert (await find(f"<h3>{agent} · stopped"))["into"] == ""


async def test_who_comes_back_catches_up_without_a_gap_or_a_double(door: Door) -> None:
    page = await fetch(door)
    cursor = page.split("/live/chat?after=")[1].split('"')[0]
    for number in range(30):
        await say(door, f"/agent stop nobody-{number}", key=f"back-{number}")
    await wait_for_board(door, "nobody-29 does not exist", place=await _find_own(door))
    async with door.http.stream("GET", "/live/chat", params={"after": cursor}) as stream:
        body = json.loads(await anext(line[6:] async for line in stream.aiter_lines() if line.startswith("data: ")))
    said = [patch["html"] for patch in body["patches"] if "/agent stop nobody-" in patch["html"]]
    assert len(said) == 30
    assert all(f"nobody-{number}<" in html for number, html in enumerate(said))
    assert len({patch["id"] for patch in body["patches"]}) == len(body["patches"])


async def _find_own(door: Door) -> str:
    return f"console:@{door.bot.entrance.local}"


async def test_who_is_far_behind_loads_the_page_again(door: Door) -> None:
    async with door.bot.database.transaction() as tx:
        for number in range(520):
            await put_entry(tx, "console:main", EntryKind.SAID, {"text": "x"}, f"far-{number}", door.bot.clock.now())
    async with door.http.stream("GET", "/live/chat", params={"after": "0"}) as stream:
        body = json.loads(await anext(line[6:] async for line in stream.aiter_lines() if line.startswith("data: ")))
    assert body == {"patches": [], "facts": {"reload": True}}


@pytest.mark.parametrize("cursor", ["-1", "9" * 90, "x", "1.5", "²"])
async def test_a_broken_cursor_is_the_beginning(door: Door, cursor: str) -> None:
    async with door.http.stream("GET", "/live/chat", params={"after": cursor}) as stream:
        assert stream.status_code == 200
        assert (await anext(line async for line in stream.aiter_lines())).startswith("retry")


# ---------------------------------------------------------------------------------------------------- completion


async def complete(door: Door, line: str, cursor: int | None = None, agent: str = "") -> list[dict[str, Any]]:
    query = {"line": line, "cursor": str(len(line) if cursor is None else cursor), "agent": agent}
    response = await door.http.get("/complete", params=query)
    assert response.status_code == 200, response.text
    return list(response.json())


async def test_completion_of_what_there_is(door: Door) -> None:
    agent = await spawn(door)
    await door.wait_for(agent, "needs you")
    assert [one["text"] for one in await complete(door, "/ag")] == ["/agent"]
    assert await complete(door, "hello") == []
    assert {"spawn", "send", "project"} <= {one["text"] for one in await complete(door, "/agent ")}
    (one,) = await complete(door, "/agent tel")
    assert (one["text"], one["start"]) == ("send", 7)
    assert agent in [one["text"] for one in await complete(door, "/agent approve ")]
    assert [one["text"] for one in await complete(door, "/agent spawn sam")] == ["sample"]
    assert "demo" in [one["text"] for one in await complete(door, "/agent spawn --kind ")]
    (one,) = await complete(door, f"/agent stop {agent} because", len(f"/agent stop {agent}"))
    assert (one["text"], one["start"]) == (agent, 12)
    await door.run("stop", agent=agent)


@pytest.mark.parametrize(
    "line", ["/agent \0", "/agent stop \ud7ff", "/agent " + "x" * 40_000, "\u202e/agent", "/agent '"]
)
async def test_completion_of_odd_lines(door: Door, line: str) -> None:
    assert isinstance(await complete(door, line[:5000], 3000), list)


# ------------------------------------------------------------------------------------------------------- hostile


async def test_nothing_that_is_said_is_markup(door: Door) -> None:
    """One hostile entry of each kind makes exactly the elements that a harmless one makes."""
    counts = []
    for words in ("harmless", HOSTILE):
        opened = Door(door.home.parent / f"hostile-{len(counts)}")
        await opened.start()
        try:
            agent = await spawn(opened, f"say {words}")
            await opened.wait_for(agent, "done")
            await wait_for_board(opened, f"{agent} is done")
            await wait_for_board(opened, f"card: {agent} · done")
            await say(opened, f"/agent stop nobody-1 {words}")
            await wait_for_board(opened, "nobody-1", await _find_own(opened))
            pages = [await fetch(opened)]
            await tell(opened, agent, f"/agent stop {words}")
            pages.append((await tell(opened, agent, f"/agent {words}", headers=PAGE)).text)
            answer = (await say(opened, f"/agent {words}")).json()["html"] + (await say(opened, "/agent list")).json()[
                "html"
            ]
            counts.append([[tag for tag, _ in Elements(page).tags] for page in (*pages, answer)])
            for page in (*pages, answer):
                assert not {"\u202e", "\x1b"} & set(page)
                assert not any(name.startswith("on") for _, attrs in Elements(page).tags for name in attrs)
        finally:
            await opened.stop()
    assert counts[0][1:] == counts[1][1:]
    assert [tag for tag in counts[0][0] if tag != "input"] == [tag for tag in counts[1][0] if tag != "input"]


async def test_hostile_words_are_shown_as_text(door: Door) -> None:
    table = {"columns": [HOSTILE], "rows": [[HOSTILE]]}
    files = [{"name": HOSTILE, "text": HOSTILE}]
    buttons = [{"label": HOSTILE, "command": HOSTILE, "confirm": HOSTILE}]
    card = {"title": HOSTILE, "tone": HOSTILE, "lines": [HOSTILE], "code": HOSTILE, "footer": HOSTILE}
    bodies = {
        EntryKind.SAID: {"text": HOSTILE},
        EntryKind.REPLY: {"text": HOSTILE, "data": {"tone": HOSTILE}, "attachments": files, "table": table},
        EntryKind.CARD: {**card, "fields": [[HOSTILE, HOSTILE]], "buttons": buttons},
    }
    async with door.bot.database.transaction() as tx:
        for kind, body in bodies.items():
            await put_entry(tx, "console:main", kind, body, f"h-{kind}", door.bot.clock.now(), name=HOSTILE)
    html = await fetch(door)
    page = Elements(html)
    sources = [str(attrs.get("src")) for tag, attrs in page.tags if tag == "script"]
    assert [source.rpartition("/")[2] for source in sources] == ["callboard.js", "complete.js", "chat.js"]
    assert page.count("img") == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not {"\u202e", "\x1b"} & set(html)
    assert "\\u202e" in page.text
    assert "<script>alert(1)</script>" in page.text
    classes = {word for _, attrs in page.tags for word in (attrs.get("class") or "").split()}
    assert not {word for word in classes if "<" in word or "alert" in word}


@pytest.mark.parametrize("path", ["/?before=-1", "/?before=99999999999", "/?before=x"])
async def test_broken_addresses(door: Door, path: str) -> None:
    assert (await door.http.get(path, headers=PAGE)).status_code in (400, 404)
