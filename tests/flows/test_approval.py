"""A project whose permissions take two people, from the first vote to the use of the answer."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from house import LiveHouse

NONE = "0 of 2 approvals; needs 2 of role:admin, kim"


def make_repository(path: Path) -> Path:
    path.mkdir()
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for words in (["init", "-q", "-b", "main"], [*who, "commit", "-q", "--allow-empty", "-m", "Begin."]):
        subprocess.run(["git", *words], cwd=path, check=True, timeout=20)
    return path


@pytest.fixture
async def house(open_house, tmp_path: Path) -> LiveHouse:  # type: ignore[no-untyped-def]
    people = {"kim": {"role": "approver"}, "lee": {"role": "approver"}, "max": {"role": "admin"}}
    project = {
        "path": str(make_repository(tmp_path / "web")),
        "kind": "demo",
        "approvers": "2 of [role:admin, person:kim]",
    }
    found: LiveHouse = await open_house(people=people, projects={"web": project})
    return found


async def make_key(house: LiveHouse, person: str, role: str = "approver") -> str:
    response = await house.http.post(
        "/api/v1/commands/admin.token", json={"arguments": {"person": person, "role": role}}
    )
    assert response.status_code == 200, response.text
    return str(response.json()["reply"]["secret"])


async def say(house: LiveHouse, key: str, command: str, **arguments: Any) -> httpx.Response:
    """Somebody else says something."""
    headers = {"Authorization": f"Bearer {key}"}
    return await house.http.post(f"/api/v1/commands/{command}", json={"arguments": arguments}, headers=headers)


async def test_two_people_approve_over_a_restart(house: LiveHouse) -> None:
    keys = {
        name: await make_key(house, name, "admin" if name == "max" else "approver") for name in ("kim", "lee", "max")
    }
    agent = str((await house.run("spawn", project="web", text="run `git status`; say it ran"))["data"]["id"])
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    assert request["approvals"] == {
        "by": [],
        "needed": 2,
        "missing": "2 more of role admin, kim",
        "text": NONE,
        "never": "",
    }
    assert (await house.http.get("/api/v1/requests")).json()["requests"] == [request]
    own = await house.post("approve", request=agent)
    assert (own.status_code, "your own agent" in own.text) == (403, True)
    assert "not among them" in (await say(house, keys["lee"], "approve", request=agent)).text

    first = await say(house, keys["kim"], "approve", request=agent)
    assert first.json()["reply"]["text"].startswith(
        f"{request['id']}: 1 of 2 approvals: kim; needs role:admin. {agent} still waits."
    )
    again = await say(house, keys["kim"], "approve", request=agent)
    assert "1 of 2 approvals: kim" in again.text
    await house.restart()
    record = await house.wait_for(agent, "needs you")
    assert any(f"({request['id']}) · 1 of 2 approvals: kim" in line for line in record["card"]["lines"])
    commands = [button["command"] for button in record["card"]["buttons"]]
    assert f"approve {request['id']}" in commands
    assert not [command for command in commands if "--for-agent" in command]
    for longer in ({"for_agent": True}, {"always": True}):
        assert (await say(house, keys["max"], "approve", request=agent, **longer)).status_code == 400
    last = await say(house, keys["max"], "approve", request=agent)
    assert last.status_code == 200, last.text
    await house.wait_for(agent, "done")
    assert "it ran" in await house.read_logs(agent)
    (answered,) = await house.events("request.answered", agent)
    assert answered["data"] == {"request": request["id"], "outcome": "once", "by": "kim, max"}
    assert len(await house.events("request.voted", agent)) == 3


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_a_rule_of_two_over_a_restart_without_the_rule(
    open_house: Any, postgres_url: str, tmp_path: Path, store: str
) -> None:
    people = {"kim": {"role": "approver"}, "lee": {"role": "approver"}, "max": {"role": "admin"}}
    rule = {"ask": {"command": "git status", "approvers": "2 of [role:admin, person:kim]"}}
    web = {"path": str(make_repository(tmp_path / "web")), "kind": "demo", "approvers": "1 of [lee]"}
    environ = {"CALLBOARD_DATABASE": postgres_url} if store == "postgresql" else {}
    house = await open_house(environ=environ, people=people, projects={"web": {**web, "rules": [rule]}})
    keys = {
        name: await make_key(house, name, "admin" if name == "max" else "approver") for name in ("kim", "lee", "max")
    }
    tried = await house.run("rules test", project="web", text="git status")
    assert "Approval: 2 of role admin, kim." in tried["cards"][0]["lines"]
    other = await house.run("rules test", project="web", text="ls")
    assert "Approval: 1 of lee." in other["cards"][0]["lines"]

    agent = str((await house.run("spawn", project="web", text="run `git status`; say it ran"))["data"]["id"])
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    assert request["approvals"]["text"] == NONE
    assert (await house.events("request.opened", agent))[0]["data"]["takes"] == "2 of role admin, kim"
    assert "not among them" in (await say(house, keys["lee"], "approve", request=agent)).text
    assert "1 of 2 approvals: kim; needs role:admin" in (await say(house, keys["kim"], "approve", request=agent)).text

    house.config.write_text(yaml.safe_dump({"people": people, "projects": {"web": {**web, "rules": ["allow git"]}}}))
    await house.restart()
    record = await house.wait_for(agent, "needs you")
    needs = f"({request['id']}) · 1 of 2 approvals: kim; needs role:admin"
    assert any(line.endswith(needs) for line in record["card"]["lines"]), record["card"]
    shown = await house.run("show", agent=agent)
    assert "1 of 2 approvals: kim; needs role:admin" in str(shown)
    both = await asyncio.gather(*(say(house, keys["max"], "approve", request=agent) for _ in range(2)))
    assert sorted(item.status_code for item in both) == [200, 409]
    await house.wait_for(agent, "done")
    (answered,) = await house.events("request.answered", agent)
    assert answered["data"]["by"] == "kim, max"
    await house.assert_told(r"asks for permission: .*; it takes 2 of role admin, kim", "is done")


async def test_an_approval_that_can_never_be_is_told(open_house: Any, tmp_path: Path) -> None:
    people = {"kim": {"role": "approver"}, "lee": {"role": "approver"}}
    web = {"path": str(make_repository(tmp_path / "web")), "kind": "demo", "approvers": "2 of [kim, lee]"}
    house = await open_house(people=people, projects={"web": web})
    kim = await make_key(house, "kim")
    lines = {line["name"]: line for line in (await house.run("doctor", quick=True))["data"]["checks"]}
    line = lines["approvers web"]
    assert line["ok"] is False
    assert line["detail"] == (
        "projects.web.approvers: for agents of kim, 2 of kim, lee can never be: only lee could approve; "
        "for agents of lee, 2 of kim, lee can never be: only kim could approve"
    )
    assert "self: true" in line["remedy"]
    assert "approvers sample" not in lines
    spawned = await say(house, kim, "spawn", project="web", text="run `git status`")
    agent = spawned.json()["reply"]["data"]["id"]
    (request,) = (record := await house.wait_for(agent, "needs you"))["requests"]
    never = "2 of kim, lee can never be: only lee could approve"
    assert request["approvals"]["never"] == never
    assert any(text.endswith(f"0 of 2 approvals; {never}") for text in record["card"]["lines"]), record["card"]
    refused = await say(house, kim, "approve", request=agent)
    assert (refused.status_code, never in refused.text, "`doctor`" in refused.text) == (403, True, True)
    assert (await say(house, kim, "deny", request=agent)).status_code == 200
    await house.wait_for(agent, "done")


async def test_one_denial_ends_it(house: LiveHouse) -> None:
    kim, lee = await make_key(house, "kim"), await make_key(house, "lee")
    agent = str((await house.run("spawn", project="web", text="run `git status`"))["data"]["id"])
    await house.wait_for(agent, "needs you")
    await say(house, kim, "approve", request=agent)
    denied = await say(house, lee, "deny", request=agent, reason="not today")
    assert denied.status_code == 200
    await house.wait_for(agent, "done")
    assert "not today" in await house.read_logs(agent)


async def test_other_projects_take_one(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")
