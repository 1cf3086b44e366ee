"""What an agent finds when it begins: copied files, set-up commands, instructions, and the files of its task."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from shot import ShotHouse

from tests.fakes.walls import require_sandbox
from tests.flows.house import LiveHouse

Opener = Callable[..., Awaitable[LiveHouse]]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    run = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return run.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a file, and with files beside it that git does not keep."""
    folder = tmp_path / "web"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "app.py").write_text("print('hello')\n")
    (folder / "AGENTS.md").write_text("Use tabs. say never-say-this\n")
    (folder / ".gitignore").write_text(".env.test\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    (folder / ".env.test").write_text("KEY=1\n")
    (folder / "config").mkdir()
    (folder / "config" / "local.ini").write_text("[a]\n")
    return folder


@pytest.fixture
def begin(open_house: Opener, repository: Path) -> Callable[..., Awaitable[LiveHouse]]:
    """A bot whose project web is set up in some way."""

    async def start(environ: dict[str, str] | None = None, **project: Any) -> LiveHouse:
        projects = {"web": {"path": str(repository), "kind": "demo", **project}}
        return await open_house(environ=environ, projects=projects, default_project="web")

    return start


async def spawn(house: LiveHouse, text: str, **arguments: Any) -> str:
    return str((await house.run("spawn", project="web", text=text, **arguments))["data"]["id"])


def worktree(record: Mapping[str, Any]) -> Path:
    return Path(str(record["worktree"]))


# ------------------------------------------------------------------------------------------------------------- set-up


async def test_set_up_runs_once_before_the_agent(begin: Opener) -> None:
    house = await begin(
        setup=[
            "python3 -c \"open('made.txt','a').write('x')\"",
            ["sh", "-c", "cat .env.test config/local.ini; echo hi >&2"],
        ],
        copy=[".env.test", "config/local.ini"],
    )
    agent = await spawn(house, "say hello")
    record = await house.wait_for(agent, "done")
    assert (worktree(record) / "made.txt").read_text() == "x"
    said = (house.home / "agents" / agent / "setup.log").read_text()
    assert said.splitlines()[-3:] == ["KEY=1", "[a]", "hi"]
    kinds = [event["kind"] for event in await house.events(agent=agent)]
    assert kinds.count("agent.setting_up") == 2
    assert kinds.index("agent.set_up") < kinds.index("agent.started")
    # A message later does not set it up again.
    await house.run("send", agent=agent, text="say more")
    await house.wait_for_activity(agent, "more")
    await house.wait_for(agent, "done")
    assert (worktree(record) / "made.txt").read_text() == "x"


async def test_what_was_copied_is_not_committed(begin: Opener, repository: Path) -> None:
    house = await begin(copy=[".env.test", "config/local.ini"])
    record = await house.wait_for(await spawn(house, "edit app.py; commit"), "done")
    names = git(repository, "ls-tree", "-r", "--name-only", record["branch"]).splitlines()
    assert sorted(names) == [".gitignore", "AGENTS.md", "app.py"]
    assert (worktree(record) / "config" / "local.ini").read_text() == "[a]\n"
    assert (repository / ".git" / "info" / "exclude").read_text().count("/config/local.ini") == 1


async def test_failing_set_up_fails_the_agent_with_its_last_lines(begin: Opener) -> None:
    script = "import sys; [print('line', n) for n in range(100)]; print('key sk-ant-api03-' + 'a' * 95); sys.exit(7)"
    house = await begin(setup=[["python3", "-c", script], "touch never.txt"])
    agent = await spawn(house, "say hello")
    record = await house.wait_for(agent, "failed")
    first, *rest = record["reason"].split("\n")
    assert first.startswith("the set-up failed: python3 -c ")
    assert first.endswith(": exit code 7")
    assert len(rest) == 20
    assert rest[-2] == "line 99"
    assert "aaaa" not in record["reason"]
    assert "line 99" in record["card"]["code"]
    lines = (await house.run("logs", agent=agent, setup=True, lines=3))["data"]["lines"]
    assert lines[0] == "line 98"
    assert "aaaa" not in str(lines)
    assert not (worktree(record) / "never.txt").exists()
    assert record["commits"] == []
    assert record["attempts"] == 0
    # Once it is put right, a message has it tried again, from the beginning; and its worktree can be removed.
    await house.run("send", agent=agent, text="try again")
    await house.wait_for(agent, "failed")
    await house.run("remove", agent=agent, force=True)
    assert not worktree(record).exists()


async def test_missing_command_and_missing_file_are_named(begin: Opener) -> None:
    house = await begin(setup=["no-such-program --now"])
    record = await house.wait_for(await spawn(house, "say hello"), "failed")
    assert "no-such-program is not on the PATH" in record["reason"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing.txt", "There is no file missing.txt"), ("app.py", "app.py is tracked"), ("config", "is not a file")],
)
async def test_what_cannot_be_copied_is_named(begin: Opener, name: str, said: str) -> None:
    house = await begin(copy=[name])
    record = await house.wait_for(await spawn(house, "say hello"), "failed")
    assert said in record["reason"]


async def test_set_up_has_a_time_limit_and_leaves_nothing_running(begin: Opener, tmp_path: Path) -> None:
    note = tmp_path / "pid.txt"
    house = await begin(setup=[["sh", "-c", f"echo begun; echo $$ > {note}; sleep 600"]], setup_minutes=0.01)
    record = await house.wait_for(await spawn(house, "say hello"), "failed")
    assert record["reason"].startswith("the set-up took longer than 0.01 min")
    assert record["reason"].endswith("begun")
    assert not Path("/proc", note.read_text().strip()).exists()


async def test_card_tells_what_is_set_up_and_for_how_long(begin: Opener, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    house = await begin(setup=[["sh", "-c", f"until test -e {gate}; do sleep 0.05; done"]])
    agent = await spawn(house, "say hello")
    record: dict[str, Any] = {}
    while "setting up: sh -c " not in str(record.get("last_activity")):
        record = await house.wait_for(agent, "working")
    assert any(line.startswith("setting up: sh -c ") and line.endswith(" s") for line in record["card"]["lines"])
    gate.touch()
    await house.wait_for(agent, "done")


async def test_stopping_in_the_middle_of_a_set_up(begin: Opener, tmp_path: Path) -> None:
    note = tmp_path / "pid.txt"
    house = await begin(setup=[["sh", "-c", f"echo $$ > {note}; sleep 600"]])
    agent = await spawn(house, "say hello")
    await house.until(lambda: note.exists() and note.read_text().strip())
    await house.run("stop", agent=agent)
    await house.wait_for(agent, "stopped")
    assert not Path("/proc", note.read_text().strip()).exists()


async def test_restart_in_the_middle_begins_the_set_up_anew(begin: Opener, tmp_path: Path) -> None:
    gate, count = tmp_path / "gate", tmp_path / "count"
    script = f"echo begun >> {count}; until test -e {gate}; do sleep 0.05; done"
    house = await begin(setup=[["sh", "-c", f"echo first >> {count}"], ["sh", "-c", script]])
    agent = await spawn(house, "say hello")
    await house.until(lambda: count.exists() and "begun" in count.read_text())
    await house.stop()
    gate.touch()
    await house.start()
    await house.wait_for(agent, "done")
    assert count.read_text().split() == ["first", "begun"] * 2
    await house.restart()
    await house.run("send", agent=agent, text="say more")
    await house.wait_for_activity(agent, "more")
    assert count.read_text().split() == ["first", "begun"] * 2


async def test_set_up_sees_no_secret_of_the_bot(begin: Opener) -> None:
    house = await begin({"SLACK_BOT_TOKEN_X": "xoxb-1", "OTHER": "1", "LC_ALL": "C.UTF-8"}, setup=["env"])
    agent = await spawn(house, "say hello")
    await house.wait_for(agent, "done")
    names = {line.partition("=")[0] for line in (house.home / "agents" / agent / "setup.log").read_text().splitlines()}
    assert {"PATH", "LC_ALL"} <= names
    assert not {"SLACK_BOT_TOKEN_X", "OTHER", "CALLBOARD_HOME"} & names


# ------------------------------------------------------------------------------------------------------- instructions


@pytest.mark.parametrize(
    ("given", "heard"),
    [("AGENTS.md", "Use tabs. say never-say-this"), ("Be brief.\nsay not-this\n", "Be brief.\nsay not-this")],
)
async def test_instructions_come_before_the_first_task(begin: Opener, given: str, heard: str) -> None:
    house = await begin(instructions=given)
    agent = await spawn(house, "repeat the instructions")
    await house.wait_for(agent, "done")
    said = await house.read_logs(agent)
    for line in heard.split("\n"):
        assert line in said
    await house.run("send", agent=agent, text="repeat the instructions")
    await house.wait_for_activity(agent, "I was told nothing first.")


async def test_instructions_come_again_in_a_rebuilt_session(open_house: Opener, repository: Path) -> None:
    kinds = {"plain": {"command": ["python3", str(demo_agent()), "--no-load"]}}
    projects = {"web": {"path": str(repository), "kind": "plain", "instructions": "Be brief."}}
    house = await open_house(projects=projects, kinds=kinds)
    agent = await spawn(house, "say hello")
    await house.wait_for(agent, "done")
    await house.run("send", agent=agent, text="repeat the instructions")
    await house.wait_for_activity(agent, "I was told first: Be brief.")


async def test_missing_instructions_are_named(begin: Opener) -> None:
    house = await begin(instructions="NO-SUCH.md")
    record = await house.wait_for(await spawn(house, "say hello"), "failed")
    assert "The instructions NO-SUCH.md are not in the repository." in record["reason"]


# -------------------------------------------------------------------------------------------------------------- files


def demo_agent() -> Path:
    import integrations.demo

    return Path(integrations.demo.__file__).with_name("agent.py")


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_files_reach_the_agent(begin: Opener) -> None:
    house = await begin()
    files = [
        {"name": "notes.txt", "text": "say not-this\n"},
        {"name": "shot.png", "base64": encode(PNG)},
        {"name": "shot.png", "base64": encode(PNG + b"2")},
        {"name": "data.bin", "base64": encode(b"\x00\x01")},
    ]
    reply = await house.run("spawn", project="web", text="list the files", file=files)
    assert " with notes.txt, shot.png, shot-2.png and data.bin" in reply["text"]
    agent = reply["data"]["id"]
    await house.wait_for(agent, "done")
    said = await house.read_logs(agent)
    assert "notes.txt: resource, text/plain, 13 bytes" in said
    assert f"shot.png: image, image/png, {len(PNG)} bytes" in said
    assert f"shot-2.png: image, image/png, {len(PNG) + 1} bytes" in said
    assert "data.bin: resource_link, application/octet-stream, 2 bytes in its place" in said
    assert "not-this" not in said


async def test_files_with_a_message_after_a_restart_and_a_retry(open_house: Opener, repository: Path) -> None:
    """An agent that takes neither pictures nor embedded files is told where they are."""
    kinds = {"plain": {"command": ["python3", str(demo_agent()), "--plain"]}}
    house = await open_house(projects={"web": {"path": str(repository), "kind": "plain"}}, kinds=kinds)
    agent = await spawn(house, "list the files", file=[{"name": "a b.png", "base64": encode(PNG)}])
    await house.wait_for_activity(agent, f"a b.png: resource_link, image/png, {len(PNG)} bytes in its place")
    await house.wait_for(agent, "done")
    await house.restart()
    again = (await house.run("retry", agent=agent))["data"]["id"]
    await house.wait_for_activity(again, f"a b.png: resource_link, image/png, {len(PNG)} bytes in its place")
    await house.run("send", agent=agent, text="list the files", file=[{"name": "x.txt", "text": "four"}])
    await house.wait_for_activity(agent, "x.txt: resource_link, text/plain, 4 bytes in its place")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"name": "../x", "text": ""}, "no file name"),
        ({"name": "a\nb", "text": ""}, "no name that can be used"),
        ({"name": "..", "text": ""}, "no name that can be used"),
        ({"name": "x", "base64": "?"}, "not base64"),
        ({"name": "x"}, "its text or base64"),
        ({"name": "x", "text": 1}, "are text"),
        ({"name": "x", "kind": "text/plain", "size": 1, "sha256": "0" * 64}, "its text or base64"),
        ({"name": "x", "text": "y" * 5_000_001}, "larger than 5.0 MB"),
    ],
)
async def test_hostile_files_are_refused(house: LiveHouse, file: dict[str, Any], said: str) -> None:
    response = await house.post("spawn", project="sample", text="list the files", file=[file])
    assert response.status_code == 400, response.text
    assert said in response.text


async def test_large_files_fit_and_more_do_not(house: LiveHouse) -> None:
    noise = encode(zlib.compress(b"x") + b"\xff" * 4_900_000)
    files = [{"name": f"{number}.bin", "base64": noise} for number in range(2)]
    agent = await house.spawn("list the files", file=files)
    await house.wait_for(agent, "done")
    assert (await house.read_logs(agent)).count("4900009 bytes in its place") == 2
    response = await house.post(
        "spawn", project="sample", text="x", file=[*files, {"name": "y", "text": "y" * 300_000}]
    )
    assert "larger than 10.0 MB together" in response.text
    response = await house.post("list", project="y" * 2_100_000)
    assert response.status_code == 413


async def test_the_api_takes_files_with_tasks_and_messages(house: LiveHouse) -> None:
    file = {"name": "a.txt", "text": "abc"}
    answer = await house.http.post(
        "/api/v1/agents", json={"task": "list the files", "project": "sample", "files": [file]}
    )
    agent = answer.json()["reply"]["data"]["id"]
    await house.wait_for_activity(agent, "a.txt: resource, text/plain, 3 bytes")
    body = {"text": "list the files", "files": [{"name": "b.txt", "base64": encode(b"abcd")}]}
    assert (await house.http.post(f"/api/v1/agents/{agent}/messages", json=body)).status_code == 200
    await house.wait_for_activity(agent, "b.txt: resource, text/plain, 4 bytes")


async def test_a_bot_killed_in_a_set_up_leaves_nothing_and_begins_anew(repository: Path, tmp_path: Path) -> None:
    gate, count, note = tmp_path / "gate", tmp_path / "count", tmp_path / "pid"
    script = (
        f"echo $$ > {note}; echo begun >> {count}; until test -e {gate}; do sleep 0.05; done; echo ended >> {count}"
    )
    project = {"path": str(repository), "kind": "demo", "setup": [["sh", "-c", script]]}
    shot = ShotHouse(tmp_path / "home", {"projects": {"web": project}})
    await shot.start()
    file = {"name": "a.txt", "text": "abc"}
    await shot.ask("POST", "/agents", body={"task": "list the files", "project": "web", "files": [file]})
    await until(lambda: count.exists() and note.exists())
    killed = Path("/proc", note.read_text().strip())
    await shot.shoot()
    await until(lambda: not killed.exists())
    await shot.start()
    await until(lambda: count.read_text().split() == ["begun"] * 2)
    gate.touch()
    async with asyncio.timeout(20):
        while [agent["status"] for agent in await shot.agents()] != ["done"]:
            await asyncio.sleep(0.05)
    assert count.read_text().split() == ["begun", "begun", "ended"]
    updates = await shot.ask("GET", "/agents/web-1/updates")
    assert "a.txt: resource, text/plain, 3 bytes" in str(updates)
    assert await shot.end() == 0


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


async def test_people_are_told_in_one_line_and_the_project_says_how_it_is_set_up(begin: Opener) -> None:
    house = await begin(setup=["false"], copy=[".env.test"], instructions="Be brief.")
    agent = await spawn(house, "say hello")
    await house.wait_for(agent, "failed")
    await house.assert_told(rf"^{agent} failed: the set-up failed: false: exit code 1$")
    fields = dict((await house.run("project show", project="web"))["cards"][0]["fields"])
    assert (fields["set-up"], fields["copied"], fields["instructions"]) == ("false", ".env.test", "Be brief.")


async def test_behind_walls_the_set_up_is_shut_in_and_files_are_there(open_house: Opener, repository: Path) -> None:
    require_sandbox()
    kinds = {"plain": {"command": ["python3", str(demo_agent()), "--plain"]}}
    script = "cat .env.test; touch made.txt; touch /etc/made.txt; true"
    project = {"path": str(repository), "kind": "plain", "host": "bubblewrap", "copy": [".env.test"]}
    house = await open_house(projects={"web": {**project, "setup": [["sh", "-c", script]]}}, kinds=kinds)
    agent = await spawn(house, "list the files", file=[{"name": "x.txt", "text": "four"}])
    record = await house.wait_for(agent, "done")
    said = (house.home / "agents" / agent / "setup.log").read_text()
    assert "KEY=1" in said
    assert "Read-only file system" in said
    assert (worktree(record) / "made.txt").exists()
    assert "x.txt: resource_link, text/plain, 4 bytes in its place" in await house.read_logs(agent)
