"""The main job behind walls, by the whole bot with the demo agent."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Opener
from house import LiveHouse, commits_of

from tests.fakes.walls import require_sandbox

GUIDE = "Write a CONTRIBUTING guide"


def make_repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "README.md").write_text("Start here.\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "Start."]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, timeout=20)
    return folder


@pytest.fixture
async def walled(open_house: Opener, tmp_path: Path) -> LiveHouse:
    """A bot with a project whose agents are shut in without network."""
    require_sandbox()
    project = {"path": str(make_repository(tmp_path / "web")), "host": "bubblewrap", "kind": "demo"}
    return await open_house(projects={"web": {**project, "sandbox": {"network": False}}})


async def spawn(house: LiveHouse, text: str) -> str:
    return str((await house.run("spawn", project="web", text=text))["data"]["id"])


async def test_spawn_approve_done_accept(walled: LiveHouse, tmp_path: Path) -> None:
    agent = await spawn(walled, GUIDE)
    await walled.wait_for(agent, "needs you")
    record = await walled.agent(agent)
    assert record["card"]["footer"] == "scripted, no model · sandboxed (network off)"
    await walled.run("approve", request=agent)
    record = await walled.wait_for(agent, "done")
    assert commits_of(record) == [GUIDE]
    await walled.run("accept", agent=agent)
    assert (tmp_path / "web/CONTRIBUTING.md").exists()
    await walled.run("remove", agent=agent)


async def test_asks_by_its_tool_and_goes_on_after_a_restart(walled: LiveHouse) -> None:
    agent = await spawn(walled, "ask by tool Which one? options red, green; commit")
    await walled.wait_for(agent, "needs you")
    await walled.restart()
    await walled.wait_for(agent, "needs you")
    await walled.run("answer", request=agent, text="2")
    record = await walled.wait_for(agent, "done")
    assert "green" in await walled.read_logs(agent)
    assert record["attempts"] == 2
    resumed = await walled.events("agent.resumed")
    assert [event["data"]["how"] for event in resumed] == ["loaded"]


async def test_reads_no_key_of_the_bot(walled: LiveHouse) -> None:
    agent = await spawn(walled, f"run `cat {walled.home}/run.json {walled.home}/callboard.yaml`")
    await walled.wait_for(agent, "needs you")
    await walled.run("approve", request=agent)
    await walled.wait_for(agent, "done", "ready")
    logs = await walled.read_logs(agent)
    assert "token" not in logs
    assert logs.count("No such file") + logs.count("ermission denied") >= 2


async def test_never_without_the_walls_that_were_asked_for(
    open_house: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "sh", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tools))
    project = {"path": str(make_repository(tmp_path / "web")), "host": "bubblewrap", "kind": "demo"}
    house = await open_house(projects={"web": project})
    record = await house.wait_for(await spawn(house, "edit notes.txt"), "failed")
    assert "bwrap is not on the PATH" in record["reason"]
    assert "apt-get install bubblewrap" in record["reason"]
    assert not Path(record["worktree"], "notes.txt").exists()


async def test_without_a_sandbox_the_card_says_so(house: LiveHouse) -> None:
    agent = await house.spawn("say hello")
    record = await house.wait_for(agent, "done")
    assert record["sandbox"] == "no sandbox"
    assert record["card"]["footer"].endswith("no sandbox")
