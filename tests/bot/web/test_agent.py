"""An agent's page: what is asked, what was said and done, and what people say to it, over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.bot.web.door import Door
from tests.bot.web.test_fleet import HOSTILE, PAGE, Elements

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"Accept": "application/json"}


async def read_page(door: Door, path: str, status: int = 200) -> str:
    response = await door.http.get(path, headers=PAGE)
    assert response.status_code == status, response.text
    return response.text


def list_forms(html: str) -> list[dict[str, str]]:
    """The forms of a page: their action, the label of their button, and what their fields send."""
    forms = []
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        page = Elements(form)
        given = {str(a.get("name")): str(a.get("value") or "") for t, a in page.tags if t == "input" and a.get("name")}
        label = re.sub("<[^>]*>", "", re.findall(r"<button.*?</button>", form, re.DOTALL)[-1]).strip()
        forms.append({**given, "action": str(page.tags[0][1]["action"]), "label": label})
    return forms


def find_form(html: str, label: str) -> dict[str, str]:
    (found, *_) = [form for form in list_forms(html) if form["label"] == label]
    return found


async def press(door: Door, html: str, label: str, **typed: str) -> httpx.Response:
    """Fill in a form and press its button, without a script."""
    form = {**find_form(html, label), **typed}
    action, _ = form.pop("action"), form.pop("label")
    return await door.http.post(action, data=form, headers=PAGE)


async def confirm(door: Door, response: httpx.Response) -> httpx.Response:
    assert "<h1>Are you sure?</h1>" in response.text
    return await press(door, response.text, "Yes")


async def test_from_the_order_to_the_merge(door: Door) -> None:
    """The whole of it without a script: deny with a reason, asked again, approve, diff, accept."""
    agent = await door.spawn("run `git status`; insist; edit notes.txt")
    await door.wait_for(agent, "needs you")
    path = f"/agents/{agent}"
    page = await read_page(door, path)
    assert "Asks for permission: Run `git status`" in page
    assert re.search(r"<h4>command</h4>\s*<pre[^>]*>git status</pre>", page)
    answered = await press(door, page, "Deny with this reason", text="Only where it is <b>needed</b>")
    assert "<h1>Done</h1>" in answered.text
    await door.until_asked(agent, 2)
    page = await read_page(door, path)
    assert "denied by" in page
    assert "Only where it is &lt;b&gt;needed&lt;/b&gt;" in page
    assert "Done" in (await press(door, page, "Once")).text
    await door.wait_for(agent, "done")
    page = await read_page(door, path)
    assert "approved by" in page
    assert page.index("denied by") < page.index("approved by") < page.index("Done: 1 commit on")
    assert 'id="ask-' not in page
    diff = await read_page(door, f"{path}/diff")
    assert '<tr class="add">' in diff
    assert "notes.txt" in diff
    done = await confirm(door, await press(door, page, "Accept"))
    assert "<h1>Done</h1>" in done.text
    assert "Accepted: merge" in await read_page(door, path)


async def test_who_answers_what_was_not_shown_is_told(door: Door) -> None:
    agent = await door.spawn("run `git log`")
    (request,) = (await door.wait_for(agent, "needs you"))["requests"]
    page = await read_page(door, f"/agents/{agent}")
    response = await press(door, page, "Once", print="0" * 64)
    assert response.status_code == 409
    assert "not what you were shown" in response.text
    other = await door.http.post(
        "/agents/sample-999/answer", data={"request": request["id"], "print": "0", "verdict": "once"}, headers=JSON
    )
    assert "is not asked by sample-999" in other.json()["error"]["message"]
    assert (await door.agent(agent))["requests"]
    await press(door, page, "Deny")
    late = await press(door, page, "Once")
    assert late.status_code == 409
    assert "already answered" in late.text
    await door.wait_for(agent, "done")


async def test_always_shows_the_rule_and_adds_that_one(door: Door) -> None:
    agent = await door.spawn("run `git status --short`")
    await door.wait_for(agent, "needs you")
    page = await read_page(door, f"/agents/{agent}")
    form = find_form(page, "Always in this project")
    rule = form["confirm"].partition("? ")[2]
    assert "git status" in rule
    changed = await door.http.post(form["action"], data={**form, "seal": "0" * 12, "confirmed": "yes"}, headers=JSON)
    assert "not the one that was shown" in changed.json()["error"]["message"]
    sure = await press(door, page, "Always in this project")
    assert Elements(sure.text).text.count(rule) == 1
    assert "has a new rule" in (await press(door, sure.text, "Yes")).text
    await door.wait_for(agent, "done")
    (added,) = [one for one in (await door.run("rules list", project="sample"))["data"]["rules"] if one["id"]]
    assert added["text"] == rule
    await door.run("rules remove", rule=added["id"])


async def test_a_question_is_answered_by_an_option(door: Door) -> None:
    agent = await door.spawn("ask Which one? options Apples, Pears")
    await door.wait_for(agent, "needs you")
    page = await read_page(door, f"/agents/{agent}")
    assert "Other…" in page
    await press(door, page, "Pears")
    await door.wait_for(agent, "done", "ready")
    page = await read_page(door, f"/agents/{agent}")
    assert "answered by" in page
    assert "Pears" in page


async def test_many_options_are_a_list(door: Door) -> None:
    agent = await door.spawn("ask Which one? options A1, B2, C3, D4, E5, F6, G7")
    (request,) = (await door.wait_for(agent, "needs you"))["requests"]
    page = await read_page(door, f"/agents/{agent}")
    assert '<option value="7">G7</option>' in page
    wrong = await press(door, page, "Answer", choice="8")
    assert "none of the options" in wrong.text
    await press(door, page, "Answer", choice="6")
    await door.wait_for(agent, "done", "ready")
    (answered,) = await door.events("request.answered", agent)
    assert answered["data"]["request"] == request["id"]
    assert "F6" in await door.read_logs(agent)


async def test_a_form_has_typed_fields(door: Door) -> None:
    agent = await door.spawn("ask with fields How shall it be? options Round, Square")
    await door.wait_for(agent, "needs you")
    page = await read_page(door, f"/agents/{agent}")
    assert 'type="number"' in page
    names = re.findall(r'name="(f\.[^"]+)"', page)
    assert {"f.count", "f.sure"} < set(names)
    wrong = await press(door, page, "Answer", **{"f.answer": "Round", "f.count": "many", "f.sure": "yes"})
    assert wrong.status_code == 409
    assert "does not fit" in wrong.text
    missing = await press(door, page, "Answer", **{"f.count": "2"})
    assert "is not filled in" in missing.text
    done = await press(door, page, "Answer", **{"f.answer": "Square", "f.count": "7", "f.sure": "no"})
    assert "<h1>Done</h1>" in done.text
    await door.wait_for(agent, "done", "ready")
    assert re.search(
        r"answered by \w[^<]*: answer: Square, count: 7, sure: False", await read_page(door, f"/agents/{agent}")
    )


async def test_words_are_queued_or_interrupt(door: Door) -> None:
    agent = await door.spawn("take 30 seconds")
    await door.wait_for_activity(agent, "30")
    queued = await door.http.post(f"/agents/{agent}/say", data={"text": "say then this"}, headers=JSON)
    assert queued.json()["text"].startswith("Queued:")
    assert "queued to the turn&#39;s end" in await read_page(door, f"/agents/{agent}")
    page = await read_page(door, f"/agents/{agent}")
    form = {**find_form(page, "Send"), "text": "say at once", "now": "yes"}
    # As a browser sends it when no file was chosen.
    body = {name: (None, form[name]) for name in ("key", "csrf", "text", "now")} | {"files": ("", b"")}
    now = await door.http.post(form["action"], files=body, headers=PAGE)
    assert "Interrupting" in now.text
    await door.wait_for_activity(agent, "at once")
    assert "· delivered" in await read_page(door, f"/agents/{agent}")
    await door.run("stop", agent=agent)
    await door.wait_for(agent, "stopped", "done", "ready")


async def test_a_bare_stop_is_asked_about(door: Door) -> None:
    agent = await door.spawn("take 30 seconds")
    await door.wait_for_activity(agent, "30")
    path = f"/agents/{agent}/say"
    assert (await door.http.post(path, data={"text": " Stop "}, headers=JSON)).json() == {"stop": f"stop {agent}"}
    page = (await door.http.post(path, data={"text": "stop"}, headers=PAGE)).text
    assert "Nothing was sent yet" in page
    assert len(await door.events("message.queued", agent)) == 0
    assert "Queued" in (await press(door, page, "Send as text")).text
    assert "Stopping" in (await press(door, page, "Stop")).text
    await door.wait_for(agent, "stopped")


async def test_files_reach_the_agent(door: Door) -> None:
    agent = await door.spawn("say ready")
    await door.wait_for(agent, "done", "ready")
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 100
    files = [("files", ("C:\\shots\\shot.png", picture, "text/html")), ("files", ("<b>.txt", b"words", "text/plain"))]
    sent = await door.http.post(f"/agents/{agent}/say", data={"text": "list files"}, files=files, headers=JSON)
    assert sent.status_code == 200, sent.text
    await door.wait_for_activity(agent, "shot.png")
    logs = await door.read_logs(agent)
    assert "image" in logs
    page = Elements(await read_page(door, f"/agents/{agent}"))
    assert "with shot.png, _b_.txt" in page.text
    await door.wait_for(agent, "done", "ready")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("files", ("a.bin", b"0" * 5_000_001))], "too much"),
        ([("files", (f"{number}.txt", b"0")) for number in range(21)], "too much"),
        ([("files", ("..", b"0"))], "no name that can be used"),
    ],
)
async def test_files_have_limits(door: Door, files: Any, words: str) -> None:
    agent = await door.spawn("say ready")
    response = await door.http.post(f"/agents/{agent}/say", data={"text": "list files"}, files=files, headers=JSON)
    assert response.status_code == 409
    assert words in response.json()["error"]["message"]
    await door.wait_for(agent, "done", "ready")
    assert await door.events("message.queued", agent) == []


async def test_nothing_that_anybody_says_is_markup(door: Door) -> None:
    """S1 and S4: in the task, a message, a file's name, a command, a question and its options, a reason, a log."""
    name = "'\"><img src=x onerror=alert(1)>.txt".replace("/", "")
    agent = await door.spawn(f"{HOSTILE} @everyone; edit {name}; run `printf {HOSTILE}`; ansi")
    await door.wait_for(agent, "needs you")
    page = await read_page(door, f"/agents/{agent}")
    assert_plain(page)
    assert "\\u202e" in page
    await press(door, page, "Deny with this reason", text=HOSTILE)
    await door.http.post(f"/agents/{agent}/say", data={"text": f"{HOSTILE}\n```\n{HOSTILE}\n```"}, headers=JSON)
    await door.wait_for(agent, "done", "ready")
    asking = await door.spawn(f"ask {HOSTILE}? options {HOSTILE}, <b>2</b>")
    await door.wait_for(asking, "needs you")
    for path in (f"/agents/{agent}", f"/agents/{agent}/diff", f"/agents/{agent}/log", f"/agents/{asking}"):
        assert_plain(await read_page(door, path))
    await door.run("stop", agent=asking)
    await door.wait_for(asking, "stopped")


EXPECTED = {
    "html head meta title link script body a header img nav p main section h1 h2 h3 h4 span div dl dt dd code strong",
    "article pre form input button details summary label select option textarea ol ul li time aside footer table tbody",
    "tr td progress em fieldset legend",
}


def assert_plain(html: str) -> None:
    """No element and no attribute comes from a text, and nothing invisible is in it."""
    page = Elements(html)
    known = {tag for words in EXPECTED for tag in words.split()}
    assert {tag for tag, _ in page.tags} <= known
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    assert [attrs["src"] for tag, attrs in page.tags if tag == "img"] == [
        attrs["href"] for tag, attrs in page.tags if tag == "link" and attrs["rel"] == "icon"
    ]
    assert all(str(attrs["src"]).startswith("/static/") for tag, attrs in page.tags if tag == "script")
    assert not {"\u202e", "\x1b", "\u200b", "\x07"} & set(html)


async def test_who_asks_for_nobody_is_told_who_is_near(door: Door) -> None:
    agent = await door.spawn("say ready")
    await door.wait_for(agent, "done", "ready")
    for path in ("", "/diff", "/log"):
        page = await read_page(door, f"/agents/{agent}x{path}", 404)
        assert f'href="/agents/{agent}"' in page
    assert (await door.http.get("/agents/%00", headers=PAGE)).status_code in (400, 404)


async def test_who_was_removed_can_still_be_read(door: Door) -> None:
    agent = await door.spawn("edit gone.txt")
    await door.wait_for(agent, "done")
    await door.run("remove", agent=agent, force=True)
    page = await read_page(door, f"/agents/{agent}")
    assert "Worktree and branch removed" in page
    assert 'id="composer"' not in page
    assert not [form for form in list_forms(page) if form["label"] not in ("", "Sign out")]
    diff = await read_page(door, f"/agents/{agent}/diff")
    assert "were removed" in diff
    assert "gone.txt" in diff


async def test_commands_with_their_options(door: Door) -> None:
    agent = await door.spawn("edit a-file.txt")
    await door.wait_for(agent, "done")
    page = await read_page(door, f"/agents/{agent}")
    labels = {form["label"] for form in list_forms(page)}
    assert {"Accept", "Retry", "Remove", "Assign", "Budget raise", "Send"} <= labels
    assert "Stop" not in labels
    form = next(one for one in list_forms(page) if one.get("command") == "remove")
    sure = await door.http.post(form["action"], data={**form, "p.force": "yes"}, headers=PAGE)
    assert f"remove --force {agent}" in sure.text or f"remove {agent} --force" in sure.text
    assert "is removed" in (await press(door, sure.text, "Yes")).text
    wrong = await door.http.post(f"/agents/{agent}/run", data={"command": "spawn"}, headers=JSON)
    assert wrong.status_code == 409
    assert "not about one agent" in wrong.json()["error"]["message"]


# --------------------------------------------------------------------------------------------------------------- live


async def read_changes(door: Door, name: str, cursor: str, last: str | None = None) -> AsyncIterator[tuple[str, Any]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    async with door.http.stream("GET", f"/live/{name}", params={"after": cursor}, headers=headers) as stream:
        id = ""
        async for line in stream.aiter_lines():
            id = line[4:] if line.startswith("id: ") else id
            if line.startswith("data: "):
                yield id, json.loads(line[6:])


def read_cursor(page: str) -> str:
    found = re.search(r'data-live="/live/[^"?]*\?after=([^"]*)"', page)
    assert found
    return found[1]


async def test_a_stream_goes_on_where_it_was_cut(door: Door) -> None:
    """What a page has after any number of cuts is what a new page has."""
    agent = await door.spawn("say one; run `git status`; say two; think; say three; edit b.txt")
    await door.wait_for(agent, "needs you")
    page = await read_page(door, f"/agents/{agent}")
    shown = dict.fromkeys(re.findall(r'<li class="entry[^>]* id="([^"]*)"', page))
    cursor, last = read_cursor(page), None
    await press(door, page, "Once")
    entries: dict[str, str] = {}
    done = False
    while not done:
        async for id, change in read_changes(door, f"agents/{agent}", cursor, last):
            last = id
            for patch in change["patches"]:
                if patch["into"] == "timeline":
                    entries[patch["id"]] = patch["html"]
                done = done or (patch["id"] == "agent-head" and ">done<" in patch["html"])
            if change["patches"]:
                break
    fresh = await read_page(door, f"/agents/{agent}")
    wanted = re.findall(r'<li class="entry[^>]* id="([^"]*)"', fresh)
    assert sorted({**shown, **entries}) == sorted(wanted)
    assert len(set(wanted)) == len(wanted)
    assert all(html.strip() in fresh for html in entries.values() if "data-order" in html and "data-show" not in html)
    async for _, change in read_changes(door, f"agents/{agent}", cursor, last):
        assert not [patch for patch in change["patches"] if patch["into"] == "timeline"]
        break


async def test_a_log_grows_on_the_page(door: Door) -> None:
    agent = await door.spawn("say ready")
    await door.wait_for(agent, "done", "ready")
    page = await read_page(door, f"/agents/{agent}/log")
    log = door.home / "agents" / agent / "stderr.log"
    with log.open("a") as file:
        file.write("<b>more</b> \x1b[31mred\x1b[0m\n")
    async for _, change in read_changes(door, f"logs/{agent}", read_cursor(page)):
        if change["patches"]:
            (patch,) = [patch for patch in change["patches"] if patch["id"] == "log-stderr"]
            assert "&lt;b&gt;more&lt;/b&gt; red" in patch["html"]
            break


@pytest.mark.parametrize("name", ["agents/nobody-1", "logs/nobody-1", "logs/..", "agents/%00", "agents/a/b"])
async def test_a_stream_of_nobody_is_silent(door: Door, name: str) -> None:
    async for _, change in read_changes(door, name, "1-1-a-1"):
        assert change["patches"] == [] or name.startswith("logs/")
        break
