"""Permission rules in a running bot: what is allowed runs unasked, what is denied never runs, and both are logged."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from house import LiveHouse

from core.model import Request
from core.requests import CHANGED
from core.store import change

ROOT = Path(__file__).parents[2]
ALWAYS = "Always in this project"
Opener = Callable[..., Awaitable[LiveHouse]]


async def test_what_is_allowed_runs_unasked_and_is_logged(open_house: Opener) -> None:
    house = await open_house(rules=["allow execute git status"])
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "done")
    by = 'rule 1: allow: {tool: execute, command: "git status"}'
    answered = await house.events("request.answered", agent)
    assert [(event["data"]["outcome"], event["data"]["by"]) for event in answered] == [("once", by)]
    assert await house.events("request.opened", agent) == []
    logs = await house.read_logs(agent)
    assert by in logs
    assert "exit code 0" in logs
    await house.assert_told("is done")


async def test_what_is_denied_never_runs_and_the_agent_hears_why(open_house: Opener) -> None:
    house = await open_house(rules=["allow execute git", "deny git log"])
    agent = await house.spawn("run `git log -1`")
    record = await house.wait_for(agent, "done")
    logs = await house.read_logs(agent)
    assert 'rule 2: deny: {command: "git log"}' in logs
    assert "You said: `git log -1` is denied here by rule 2" in logs, "the reason reached the agent"
    assert "I did not run" in logs
    assert record["turns"] == 1, "no message is queued for it"
    assert [event["data"]["outcome"] for event in await house.events("request.answered", agent)] == ["denied"]


async def test_a_compound_command_is_asked(open_house: Opener) -> None:
    house = await open_house(rules=["allow execute git status"])
    agent = await house.spawn("run `git status; git log`")
    await house.wait_for(agent, "needs you")
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")


async def test_people_see_which_rule_cannot_be_ruled_out(open_house: Opener) -> None:
    house = await open_house(rules=["allow execute git", "deny git push"])
    agent = await house.spawn("run `git stash push`")
    await house.wait_for(agent, "needs you")
    await house.wait_for_activity(agent, 'deny: {command: "git push"}: it cannot be ruled out: `git stash push`')
    record = await house.agent(agent)
    assert "asked because it cannot be ruled out: `git stash push`" in record["card"]["lines"]
    assert record["requests"][0]["rule"] == 'rule 2: deny: {command: "git push"}'
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")


async def test_stock_rules_deny_and_can_be_switched_off(open_house: Opener) -> None:
    house = await open_house("one")
    agent = await house.spawn("run `git push --force`")
    await house.wait_for(agent, "done")
    assert "is denied here by rule" in await house.read_logs(agent)
    house = await open_house("two", stock_rules="none")
    agent = await house.spawn("run `git push --force`")
    await house.wait_for(agent, "needs you")


async def test_always_in_this_project(open_house: Opener) -> None:
    house = await open_house()
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    shown = await house.run("approve", request=agent, always=True, dry_run=True)
    assert shown["data"]["rule"] == 'allow: {tool: execute, exactly: "git status"}'
    assert (await house.agent(agent))["status"] == "needs you", "it was only shown"
    reply = await house.run("approve", request=agent, always=True)
    assert shown["data"]["rule"] in reply["text"]
    await house.wait_for(agent, "done")
    (added,) = await house.events("rule.added")
    assert added["data"]["text"] == shown["data"]["rule"]

    listed = (await house.run("rules list", project="sample"))["data"]["rules"]
    assert listed[0]["id"] == reply["data"]["rule_id"]
    assert listed[0]["source"].startswith("added by ")
    await house.restart()
    again = await house.spawn("run `git status`")
    await house.wait_for(again, "done")
    assert await house.events("request.opened", again) == []
    other = await house.spawn("run `git status -s`")
    await house.wait_for(other, "needs you")

    await house.run("rules remove", rule=reply["data"]["rule_id"])
    assert len(await house.events("rule.removed")) == 1
    last = await house.spawn("run `git status`")
    await house.wait_for(last, "needs you")
    assert (await house.post("rules remove", rule=reply["data"]["rule_id"])).status_code == 404


async def press(house: LiveHouse, agent: str, label: str, key: str = "") -> httpx.Response:
    """A click on a button of the agent's card, as a chat does it."""
    (button,) = [item for item in (await house.agent(agent))["card"]["buttons"] if item["label"] == label]
    return await send_command(house, button["command"], key)


async def send_command(house: LiveHouse, text: str, key: str = "") -> httpx.Response:
    words = text.split()
    arguments: dict[str, Any] = {"request": words[1]}
    for at, word in enumerate(words):
        if word.startswith("--"):
            value = words[at + 1] if word == "--shown" else True
            arguments[word.removeprefix("--").replace("-", "_")] = value
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return await house.http.post(f"/api/v1/commands/{words[0]}", json={"arguments": arguments}, headers=headers)


async def make_key(house: LiveHouse, person: str, role: str) -> str:
    return str((await house.run("admin token", person=person, role=role))["secret"])


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_the_button_adds_the_rule_that_it_shows_once(open_house: Opener, postgres_url: str, store: str) -> None:
    environ = {"CALLBOARD_DATABASE": postgres_url} if store == "postgresql" else {}
    people = {"ann": {"role": "approver"}, "oli": {"role": "operator"}}
    house = await open_house(environ=environ, people=people)
    ann, oli = await make_key(house, "ann", "approver"), await make_key(house, "oli", "operator")
    agent = await house.spawn("run `git status`")
    record = await house.wait_for(agent, "needs you")
    (button,) = [item for item in record["card"]["buttons"] if item["label"] == ALWAYS]
    rule = 'allow: {tool: execute, exactly: "git status"}'
    assert rule in button["confirm"]
    assert record["requests"][0]["always"] == {"rule": rule, "shown": button["command"].split()[-1]}

    refused = await press(house, agent, ALWAYS, oli)
    assert (refused.status_code, "approver" in refused.text) == (403, True)
    other = await send_command(house, f"{button['command'][:-3]}000", ann)
    assert (other.status_code, "not the one that was shown" in other.text) == (409, True)
    loose = await house.post("approve", request=agent, shown="0" * 16)
    assert loose.status_code == 400
    assert await house.events("rule.added") == []

    both = await asyncio.gather(*(send_command(house, button["command"], key) for key in (ann, "")))
    assert sorted(item.status_code for item in both) == [200, 409], [item.text for item in both]
    await house.wait_for(agent, "done")
    late = await send_command(house, button["command"], ann)
    assert (late.status_code, "already answered" in late.text) == (409, True)
    assert [event["data"]["text"] for event in await house.events("rule.added")] == [rule]
    await house.wait_for(await house.spawn("run `git status`"), "done")
    await house.assert_told("asks for permission", "is done", "is done")


async def test_the_http_answer_shows_the_rule_first(open_house: Opener) -> None:
    house = await open_house()
    agent = await house.spawn("run `git status`")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    path = f"/api/v1/requests/{request['id']}/answer"
    first = await house.http.post(path, json={"verdict": "always in this project"})
    assert first.status_code == 400
    assert "Nothing was added yet. This rule would be added to sample: allow: " in first.json()["detail"]
    assert request["always"]["shown"] in first.text
    assert await house.events("rule.added") == []
    wrong = await house.http.post(path, json={"verdict": "always in this project", "shown": "f" * 16})
    assert wrong.status_code == 409
    body = {"verdict": "always in this project", "shown": request["always"]["shown"]}
    assert (await house.http.post(path, json=body)).status_code == 200
    assert (await house.http.post(path, json=body)).status_code == 409
    await house.wait_for(agent, "done")
    assert len(await house.events("rule.added")) == 1


async def test_what_changed_since_it_was_asked_is_never_always_allowed(open_house: Opener) -> None:
    house = await open_house()
    agent = await house.spawn("run `git status`")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    async with house.bot.database.transaction() as tx:
        await change(tx, Request, {"id": request["id"]}, detail={**request["detail"], "command": "git log"})
    refused = await press(house, agent, ALWAYS)
    assert (refused.status_code, "not what was asked" in refused.text) == (409, True)
    assert await house.events("rule.added") == []


@pytest.mark.parametrize("command", ["git status; git log", "git $X", "sh -c 'git status'"])
async def test_where_no_rule_can_say_it_there_is_no_button(open_house: Opener, command: str) -> None:
    house = await open_house()
    agent = await house.spawn(f"run `{command}`")
    record = await house.wait_for(agent, "needs you")
    assert record["requests"][0]["always"] is None
    assert [item["label"] for item in record["card"]["buttons"]] == [
        "Once",
        "For this agent",
        "Deny",
        "Deny with reason…",
        "Stop",
    ]
    assert (await house.post("approve", request=agent, always=True)).status_code == 409


async def test_a_secret_never_comes_into_a_rule(open_house: Opener) -> None:
    house = await open_house(environ={"GITHUB_TOKEN": "s3cr3t-token-of-the-bot"})
    agent = await house.spawn("run `git log s3cr3t-token-of-the-bot`")
    record = await house.wait_for(agent, "needs you")
    assert "s3cr3t" not in str(record["requests"])
    assert record["requests"][0]["always"] is None


async def test_always_opens_nothing_that_another_rule_keeps(open_house: Opener) -> None:
    house = await open_house(rules=["ask git status"])
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    refused = await house.post("approve", request=agent, always=True)
    assert refused.status_code == 409
    assert "comes first" in refused.text
    assert (await house.agent(agent))["status"] == "needs you"
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")


@pytest.mark.parametrize(
    ("arguments", "effect", "words"),
    [
        ({"text": "rm -rf build"}, "ask", "no rule allows it"),
        ({"text": "git status"}, "allow", "git status"),
        ({"text": "env git push"}, "deny", "`git push`"),
        ({"text": ".github/ci.yml", "tool": "edit"}, "ask", ".github/ci.yml"),
        ({"text": "https://a.internal/x", "tool": "fetch"}, "deny", "a.internal"),
    ],
)
async def test_rules_test_says_what_would_happen(
    open_house: Opener, arguments: dict[str, Any], effect: str, words: str
) -> None:
    rules = ["allow execute git status", "deny git push", "ask edit .github/**", {"deny": {"host": "*.internal"}}]
    house = await open_house(rules=rules)
    reply = await house.run("rules test", project="sample", **arguments)
    assert reply["data"]["effect"] == effect
    assert words in reply["data"]["why"]
    assert (await house.events("request.opened")) == []


async def test_what_was_approved_is_what_runs(open_house: Opener) -> None:
    """The stored request is changed behind the bot's back between the question and the answer."""
    house = await open_house()
    agent = await house.spawn("run `git status`")
    record = await house.wait_for(agent, "needs you")
    (request,) = record["requests"]
    async with house.bot.database.transaction() as tx:
        detail = {**request["detail"], "command": "git log"}
        assert await change(tx, Request, {"id": request["id"]}, detail=detail)
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")
    logs = await house.read_logs(agent)
    assert CHANGED in logs
    assert "I did not run" in logs


def read_examples() -> list[tuple[list[str], list[str]]]:
    """Each `rules test` of the page: its words, and the lines that it shows."""
    text = (ROOT / "docs/permissions.md").read_text("utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    examples: list[tuple[list[str], list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            examples.append((shlex.split(line)[2:], []))
        elif examples:
            examples[-1][1].append(line)
    return [(words[2:], shown) for words, shown in examples if words[:2] == ["rules", "test"]]


async def test_the_page_tells_the_truth(open_house: Opener) -> None:
    written = re.search(r"^```yaml\n(.*?)^```$", (ROOT / "docs/permissions.md").read_text("utf-8"), re.M | re.S)
    assert written is not None
    house = await open_house(**yaml.safe_load(written[1]))
    examples = read_examples()
    assert len(examples) >= 12
    for (project, text, *options), shown in examples:
        reply = await house.run("rules test", project=project, text=text, **({"tool": options[1]} if options else {}))
        (card,) = reply["cards"]
        assert set(shown) <= {card["title"], *card["lines"]}, (text, card)
