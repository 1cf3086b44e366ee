"""A warm pool: worktrees that are prepared before an agent asks for one, on either database, with the real host."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.home import read_house
from core.model import Agent
from core.spares import Spare, SpareState
from core.store import find
from tests.fakes.walls import require_sandbox
from tests.flows.house import LiveHouse, commits_of

Opener = Callable[..., Awaitable[LiveHouse]]
SETUP = ["sh", "-c", "echo x >> made.txt; cp .env.test seen.txt"]


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    run = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return run.stdout


def commit(repository: Path, text: str) -> str:
    """A new commit on the branch that is checked out."""
    (repository / "app.py").write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", text)
    return git(repository, "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".env.test\nmade.txt\nseen.txt\n")
    commit(folder, "one")
    (folder / ".env.test").write_text("KEY=1\n")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def warm(request: pytest.FixtureRequest, open_house: Opener, repository: Path) -> Callable[..., Awaitable[LiveHouse]]:
    """A bot whose project web has a warm pool."""

    async def start(environ: dict[str, str] | None = None, **project: Any) -> LiveHouse:
        if request.param == "postgresql":
            environ = {**(environ or {}), "CALLBOARD_DATABASE": request.getfixturevalue("postgres_url")}
        web = {"path": str(repository), "kind": "demo", "warm": 1, "setup": [SETUP], "copy": [".env.test"], **project}
        return await open_house(environ=environ, projects={"web": web})

    return start


async def spares_of(house: LiveHouse) -> list[Spare]:
    async with house.bot.database.reading() as tx:
        return await find(tx, Spare, order=None)


async def wait_pool(house: LiveHouse, holds: Callable[[Sequence[Spare]], object]) -> list[Spare]:
    """The spares once something holds of them."""
    bells = house.bot.database.bells
    async with asyncio.timeout(20):
        while True:
            heard = bells.listen("pool")
            found = await spares_of(house)
            if holds(found):
                return found
            await bells.wait("pool", heard, 0.5)


def ready(count: int = 1) -> Callable[[Sequence[Spare]], bool]:
    return lambda spares: [spare.state for spare in spares] == [SpareState.READY] * count


async def wait_ready(house: LiveHouse, count: int = 1) -> list[Spare]:
    return await wait_pool(house, ready(count))


async def change_settings(house: LiveHouse, **project: Any) -> None:
    """Other settings of web, taken by `reload`; None takes one away."""
    settings = yaml.safe_load(house.config.read_text())
    settings["projects"]["web"].update(project)
    house.config.write_text(yaml.safe_dump(settings))
    await house.run("reload")


async def spawn(house: LiveHouse, text: str, **arguments: Any) -> str:
    return str((await house.run("spawn", project="web", text=text, **arguments))["data"]["id"])


def list_worktrees(house: LiveHouse, repository: Path) -> list[str]:
    """Names of folders, which are the names that git knows as well."""
    folders = sorted(path.name for path in (house.home / "worktrees").iterdir())
    known = git(repository, "worktree", "list", "--porcelain").split("\n")
    assert sorted(Path(line[9:]).name for line in known if line.startswith("worktree "))[: len(folders) + 1] == sorted(
        [*folders, repository.name]
    )
    return folders


# ------------------------------------------------------------------------------------------------------------ taking


async def test_an_agent_takes_a_prepared_worktree_and_another_is_prepared(warm: Opener, repository: Path) -> None:
    house = await warm()
    (spare,) = await wait_ready(house)
    assert git(repository, "branch", "--list", "callboard/*") == ""
    assert (await house.run("list"))["data"]["agents"] == []
    agent = await spawn(house, "edit app.py; commit")
    record = await house.wait_for(agent, "done")
    assert record["spare"] == spare.id
    assert Path(record["worktree"]).name == spare.id
    assert (Path(record["worktree"]) / "made.txt").read_text() == "x\n"
    assert (Path(record["worktree"]) / "seen.txt").read_text() == "KEY=1\n"
    assert record["branch"].startswith(f"callboard/{agent}-")
    assert ["worktree", "taken from the warm pool"] in [list(pair) for pair in record["card"]["fields"]]
    assert len(commits_of(record)) == 1
    kinds = [event["kind"] for event in await house.events(agent=agent)]
    assert kinds.count("agent.took_spare") == 1
    assert "agent.set_up" not in kinds
    assert "KEY" not in (await house.run("logs", agent=agent, setup=True))["text"]
    (another,) = await wait_ready(house)
    assert another.id != spare.id
    assert list_worktrees(house, repository) == sorted([another.id, spare.id])
    await house.run("accept", agent=agent)
    await house.run("remove", agent=agent)
    (third,) = await wait_pool(house, lambda found: ready()(found) and found[0].id != another.id)
    assert list_worktrees(house, repository) == [third.id]
    assert third.base_commit == git(repository, "rev-parse", "main").strip()
    await house.assert_told(f"{agent} is done")


async def test_the_start_is_that_of_a_new_worktree(warm: Opener, repository: Path) -> None:
    """Whatever moves, nobody begins where a new worktree would not have begun."""
    house = await warm()
    (old,) = await wait_ready(house)
    head = commit(repository, "two")
    record = await house.wait_for(await spawn(house, "say hello"), "done")
    assert git(Path(record["worktree"]), "rev-parse", "HEAD").strip() == head
    (new,) = await wait_pool(house, lambda found: ready()(found) and found[0].base_commit == head)
    assert new.id != old.id
    (repository / ".env.test").write_text("KEY=22\n")
    record = await house.wait_for(await spawn(house, "say hello"), "done")
    assert (Path(record["worktree"]) / "seen.txt").read_text() == "KEY=22\n"
    git(repository, "commit", "-q", "--amend", "-m", "other")
    head = git(repository, "rev-parse", "HEAD").strip()
    await wait_pool(house, lambda found: ready()(found) and found[0].base_commit == head)
    git(repository, "branch", "older", "HEAD~1")
    record = await house.wait_for(await spawn(house, "say hello", base="older"), "done")
    assert record["spare"] == ""
    await house.assert_told("web-1 is done", "web-2 is done", "web-3 is done")


async def test_a_branch_name_that_is_taken(warm: Opener, repository: Path) -> None:
    house = await warm()
    git(repository, "branch", "callboard/web-1-say-hello")
    git(repository, "switch", "-q", "callboard/web-1-say-hello")
    commit(repository, "somebody's")
    git(repository, "switch", "-q", "main")
    await wait_ready(house)
    record = await house.wait_for(await spawn(house, "say hello"), "done")
    assert record["branch"] == "callboard/web-1-say-hello-2"
    assert record["spare"]
    await house.assert_told("web-1 is done")


# ---------------------------------------------------------------------------------------------------------- settings


async def test_reloads_remove_what_is_not_wanted(warm: Opener, repository: Path) -> None:
    house = await warm(warm=2)
    first = await wait_ready(house, 2)
    await change_settings(house, warm=1)
    (left,) = await wait_ready(house)
    assert left.id in {spare.id for spare in first}
    await change_settings(house, setup=["touch made.txt"])
    (other,) = await wait_pool(house, lambda found: ready()(found) and found[0].id != left.id)
    assert (house.home / "worktrees" / other.id / "made.txt").read_text() == ""
    await change_settings(house, warm=0)
    await wait_pool(house, lambda found: not found)
    assert list_worktrees(house, repository) == []
    assert list((house.home / "agents").glob("web.*")) == []
    await change_settings(house, warm=1)
    await wait_ready(house)
    await house.run("project remove", project="web")
    await wait_pool(house, lambda found: not found)
    assert list_worktrees(house, repository) == []
    await house.assert_told()


async def test_a_set_up_of_no_use_any_more_is_ended(warm: Opener, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    house = await warm(setup=[["sh", "-c", f"echo $$ > {note}; sleep 600"]])
    pid = await house.until(lambda: note.exists() and note.read_text().strip())
    await change_settings(house, setup=[])
    await wait_ready(house)
    assert not Path("/proc", pid).exists()
    await house.assert_told()


# ----------------------------------------------------------------------------------------------------------- trouble


async def test_a_failing_pool_is_told_once_and_blocks_nobody(warm: Opener, repository: Path) -> None:
    script = 'case "$PWD" in *web.*) echo no room for spares; exit 3;; esac'
    house = await warm(setup=[["sh", "-c", script]], copy=[])
    async with asyncio.timeout(20):
        while not await house.events("pool.failed"):
            await asyncio.sleep(0.02)
    await house.wait_for(await spawn(house, "say hello"), "done")
    await wait_pool(house, lambda found: not found)
    await house.wait_for(await spawn(house, "say hello"), "done")
    (event,) = await house.events("pool.failed")
    assert "no room for spares" in event["data"]["reason"]
    checks = {check["name"]: check for check in (await house.run("doctor", quick=True))["data"]["checks"]}
    assert not checks["warm pool web"]["ok"]
    async with asyncio.timeout(30):
        while len(told := sorted(await house.told())) < 3:
            await asyncio.sleep(0.02)
    assert [text.partition(":")[0] for text in told] == ["web-1 is done", "web-2 is done", "web"]
    assert "no worktree can be kept ready (warm): the set-up failed" in told[-1]
    assert "no room for spares" in told[-1]
    assert list_worktrees(house, repository) == ["web-1", "web-2"]
    await change_settings(house, setup=[])
    await wait_ready(house)
    checks = {check["name"]: check for check in (await house.run("doctor", quick=True))["data"]["checks"]}
    assert checks["warm pool web"] == {**checks["warm pool web"], "ok": True, "detail": "1 of 1 ready"}


async def test_a_repository_that_is_gone(warm: Opener, repository: Path) -> None:
    house = await warm()
    await wait_ready(house)
    repository.rename(repository.with_name("moved"))
    record = await house.wait_for(await spawn(house, "say hello"), "failed")
    assert "does not exist" in record["reason"]
    repository.with_name("moved").rename(repository)
    record = await house.wait_for(await spawn(house, "say hello"), "done")
    assert record["spare"]
    await house.assert_told("no worktree can be kept ready|web-1 failed", "no worktree|web-1 failed", "web-2 is done")


async def test_what_somebody_left_in_a_spare_is_not_removed(warm: Opener, repository: Path) -> None:
    house = await warm()
    (spare,) = await wait_ready(house)
    await house.wait_for(await spawn(house, "say hello", base="main"), "done")
    (spare,) = await wait_ready(house)
    notes = house.home / "worktrees" / spare.id / "notes.txt"
    notes.write_text("mine")
    await change_settings(house, warm=0)
    await wait_pool(house, lambda found: [item.state for item in found] == [SpareState.KEPT])
    assert notes.read_text() == "mine"
    await house.assert_told("web-1 is done", "is kept, and used no more: something in .* was changed")
    git(repository, "worktree", "remove", "--force", str(notes.parent))
    house.bot.database.bells.ring("pool")
    await wait_pool(house, lambda found: not found)


async def test_a_restart_goes_on_with_what_is_ready(warm: Opener, repository: Path, tmp_path: Path) -> None:
    house = await warm()
    (spare,) = await wait_ready(house)
    await house.restart()
    record = await house.wait_for(await spawn(house, "say hello"), "done")
    assert record["spare"] == spare.id
    gate, note = tmp_path / "gate", tmp_path / "pid"
    await change_settings(house, setup=[["sh", "-c", f"echo $$ > {note}; until test -e {gate}; do sleep 0.05; done"]])
    pid = await house.until(lambda: note.exists() and note.read_text().strip())
    await house.stop()
    assert not Path("/proc", pid).exists()
    gate.touch()
    await house.start()
    (new,) = await wait_ready(house)
    assert list_worktrees(house, repository) == sorted([new.id, spare.id])
    await house.assert_told("web-1 is done")


# ------------------------------------------------------------------------------------------------- walls, and machines


async def test_a_spare_behind_walls(warm: Opener, repository: Path, tmp_path: Path) -> None:
    """It is set up behind them; what that left in the sandbox's home is there for the agent that takes it."""
    require_sandbox()
    script = f"echo x > made.txt; echo seed > ~/seed.txt; ! cat {tmp_path}/home/callboard.yaml"
    house = await warm(host="bubblewrap", setup=[["sh", "-c", script]], copy=[])
    (spare,) = await wait_ready(house)
    agent = await spawn(house, "run `sh -c 'cat made.txt ~/seed.txt'`; edit app.py; commit")
    await house.wait_for(agent, "needs you")
    await house.run("approve", request=agent)
    record = await house.wait_for(agent, "done")
    assert (record["spare"], Path(record["worktree"]).name) == (spare.id, spare.id)
    assert record["card"]["footer"] == "scripted, no model · sandboxed"
    assert (house.home / "agents" / agent / "home/seed.txt").read_text() == "seed\n"
    assert "exit code 0" in await house.read_logs(agent)
    assert len(commits_of(record)) == 1
    (another,) = await wait_ready(house)
    await house.run("accept", agent=agent)
    await house.run("remove", agent=agent)
    (third,) = await wait_pool(house, lambda found: ready()(found) and found[0].id != another.id)
    assert list_worktrees(house, repository) == [third.id]
    assert sorted(path.name for path in (house.home / "agents").glob("web?*")) == [agent, third.id]
    await house.assert_told(f"{agent} asks for permission", f"{agent} is done")


async def test_two_bots_take_each_spare_once_and_only_their_own(
    open_house: Opener, repository: Path, postgres_url: str
) -> None:
    project = {"path": str(repository), "kind": "demo", "warm": 2}
    options = {"projects": {"web": project}, "limits": {"max_agents": 2}}
    environ = {"CALLBOARD_DATABASE": postgres_url}
    one, two = [await open_house(name, environ=environ, **options) for name in ("one", "two")]
    spares = {spare.id: spare for spare in await wait_ready(one, 4)}
    asked = "run `git status`; edit a.txt"
    agents = await asyncio.gather(*(spawn(house, asked) for house in (one, two) for _ in range(2)))
    for agent in agents:
        await one.wait_for(agent, "needs you", patience=60)
    async with one.bot.database.reading() as tx:
        begun = await find(tx, Agent)
    assert {agent.spare for agent in begun} == set(spares)
    places = {read_house(house.home, ""): house.home / "worktrees" for house in (one, two)}
    for agent in begun:
        assert agent.home == spares[agent.spare].house
        assert Path(agent.worktree) == places[agent.home] / agent.spare
    fresh = await wait_ready(two, 4)
    assert not {spare.id for spare in fresh} & set(spares)
    for agent in agents:
        await two.run("approve", request=agent)
    for agent in agents:
        record = await two.wait_for(agent, "done", patience=60)
        assert (record["attempts"], len(commits_of(record))) == (1, 1)
    taken = [event["data"]["spare"] for event in await one.events("agent.took_spare")]
    assert sorted(taken) == sorted(spares)
    ends = [f"{agent} {what}" for agent in agents for what in ("asks for permission", "is done")]
    for house in (one, two):
        assert sorted(text.partition(":")[0] for text in await house.told()) == sorted(ends)
