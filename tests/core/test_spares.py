"""What is to be done about spares, by table; and who gets one, on either database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.crew import Crew, LeaseLost, Site
from core.errors import PermanentFailure
from core.fitting import mark_site
from core.interfaces import Walls
from core.model import Agent, Holder, Outcome
from core.pool import Pool
from core.spares import (
    LONGEST_PAUSE,
    Plan,
    PoolTrouble,
    Scene,
    Spare,
    SpareState,
    Wish,
    may_begin,
    may_try,
    note_failure,
    plan_pool,
)
from core.store import Database, find, get, insert
from core.store.fleet import claim_agent
from core.taking import take_place
from core.work import Stand
from tests.fakes.board import keep_agent, read_agent, set_agent
from tests.fakes.clock import START
from tests.fakes.crew import Yard
from tests.fakes.records import make_agent

STAND = Stand("main", "c0ffee", "")
WISH = Wish("web", 2, "mark", STAND)
SITE = Site("/repositories/web", "main", warm=1)


def make_spare(id: str = "web.a", **values: Any) -> Spare:
    known: dict[str, Any] = {
        "project": "web",
        "house": "house",
        "holder": "me",
        "repository": "/repositories/web",
        "fingerprint": "mark",
        "base": "main",
        "base_commit": "c0ffee",
        "copies": "",
        "created_at": START,
        "state": SpareState.READY,
        "ready_at": START,
        "folder": f"/worktrees/{id}",
        "seal": "sealed",
    }
    return Spare(id, **{**known, **values})


# ------------------------------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize(
    ("values", "wish", "scene", "removed"),
    [
        ({}, {}, {}, False),
        ({}, {"fingerprint": "other"}, {}, True),
        ({}, {"count": 0}, {}, True),
        ({}, {"stand": Stand("main", "beef")}, {}, True),
        ({}, {"stand": Stand("trunk", "c0ffee")}, {}, True),
        ({}, {"stand": Stand("main", "c0ffee", "other files")}, {}, True),
        ({}, {"stand": None}, {}, False),
        ({}, {"stand": None, "fingerprint": "other"}, {}, True),
        ({"holder": "dead"}, {}, {}, False),
        ({"state": SpareState.PREPARING}, {}, {"busy": ["web.a"]}, False),
        ({"state": SpareState.PREPARING}, {}, {}, True),
        ({"state": SpareState.PREPARING, "holder": "other"}, {}, {"alive": ["me", "other"]}, False),
        ({"state": SpareState.PREPARING, "holder": "dead"}, {}, {}, True),
        ({"state": SpareState.GOING}, {}, {"busy": ["web.a"]}, False),
        ({"state": SpareState.GOING}, {}, {}, True),
        ({"state": SpareState.GOING, "holder": "other"}, {}, {"alive": ["me", "other"]}, False),
        ({"state": SpareState.TAKEN, "agent": "web-1"}, {}, {}, True),
        ({"state": SpareState.TAKEN, "agent": "web-1"}, {}, {"owners": {"web-1": make_agent()}}, False),
        ({"state": SpareState.TAKEN, "agent": "web-1"}, {"count": 0}, {"owners": {"web-1": make_agent()}}, False),
        ({"state": SpareState.KEPT}, {"count": 0}, {}, False),
        ({"state": SpareState.KEPT}, {}, {"gone": ["web.a"]}, True),
    ],
)
def test_what_is_removed(values: dict[str, Any], wish: dict[str, Any], scene: dict[str, Any], removed: bool) -> None:
    spare = make_spare(**values)
    plan = plan_pool(replace(WISH, **wish), [spare], Scene("me", **{"alive": ["me"], **scene}))
    assert list(plan.remove) == ([spare] if removed else [])


def preparing(id: str, **values: Any) -> Spare:
    return make_spare(id, state=SpareState.PREPARING, ready_at=None, **values)


@pytest.mark.parametrize(
    ("count", "spares", "plan"),
    [
        (0, [], Plan()),
        (2, [], Plan(missing=2)),
        (2, [make_spare()], Plan(missing=1)),
        (2, [make_spare(), preparing("web.b")], Plan()),
        (1, [make_spare(), preparing("web.b")], Plan(abandon=[preparing("web.b")])),
        (2, [preparing("web.b", fingerprint="old")], Plan(abandon=[preparing("web.b", fingerprint="old")], missing=2)),
        (2, [make_spare(state=SpareState.KEPT)], Plan(missing=2)),
        (2, [make_spare(state=SpareState.TAKEN, agent="web-1")], Plan(missing=2)),
        (
            1,
            [make_spare("web.b", ready_at=START + timedelta(1)), make_spare()],
            Plan(remove=[make_spare("web.b", ready_at=START + timedelta(1))]),
        ),
    ],
)
def test_how_many_are_missing_and_too_many(count: int, spares: list[Spare], plan: Plan) -> None:
    busy = [spare.id for spare in spares if spare.state is SpareState.PREPARING]
    found = plan_pool(replace(WISH, count=count), spares, Scene("me", ["me"], busy, {"web-1": make_agent()}))
    assert list(found.remove) == list(plan.remove)
    assert list(found.abandon) == list(plan.abandon)
    assert found.missing == plan.missing


def test_nothing_is_prepared_while_the_repository_cannot_be_read() -> None:
    assert plan_pool(replace(WISH, stand=None), [], Scene("me", ["me"])).missing == 0


@pytest.mark.parametrize(
    ("values", "begins"),
    [
        ({}, True),
        ({"worktree": "/worktrees/web.a"}, True),
        ({"worktree": "/worktrees/web-1"}, False),
        ({"outcome": Outcome.STOPPED}, False),
        ({"removed_at": START}, False),
    ],
)
def test_who_may_begin_in_a_spare_that_was_taken(values: dict[str, Any], begins: bool) -> None:
    assert may_begin(make_spare(agent="web-1"), make_agent(**values)) is begins


def test_failures_back_off_and_are_one_trouble_until_something_changes() -> None:
    trouble: PoolTrouble | None = None
    now, pauses = START, []
    for _ in range(9):
        trouble = note_failure(WISH, "house", trouble, "no", now)
        pauses.append((trouble.retry_at - now).total_seconds() / 60)
        assert not may_try(WISH, trouble, now)
        now = trouble.retry_at
        assert may_try(WISH, trouble, now)
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert pauses[-1] == LONGEST_PAUSE.total_seconds() / 60
    assert trouble is not None
    told = replace(trouble, told_at=START)
    assert note_failure(WISH, "house", told, "no", now).told_at == START
    moved = replace(WISH, stand=Stand("main", "beef"))
    assert may_try(moved, note_failure(WISH, "house", told, "no", now), now), "a commit may have put it right"
    assert note_failure(moved, "house", told, "no", now).told_at == START
    other = note_failure(replace(WISH, fingerprint="other"), "house", told, "no", now)
    assert (other.failures, other.told_at) == (1, None)


@pytest.mark.parametrize(
    ("site", "kind", "same"),
    [
        (SITE, "demo", True),
        (SITE, "other", True),
        (replace(SITE, warm=5, instructions="Be brief."), "demo", True),
        (replace(SITE, walls=Walls(network=False)), "demo", True),
        (replace(SITE, host="bubblewrap"), "demo", False),
        (replace(SITE, copy=(".env",)), "demo", False),
        (replace(SITE, setup=(("true",),)), "demo", False),
        (replace(SITE, base="trunk"), "demo", False),
    ],
)
def test_what_makes_a_spare_another_one(site: Site, kind: str, same: bool) -> None:
    assert (mark_site(site, kind) == mark_site(SITE, "demo")) is same


def test_with_commands_the_kind_counts_and_in_a_sandbox_the_walls() -> None:
    commands, boxed = replace(SITE, setup=(("true",),)), replace(SITE, host="bubblewrap")
    assert mark_site(commands, "demo") != mark_site(commands, "other")
    assert mark_site(boxed, "demo") != mark_site(replace(boxed, walls=Walls(network=False)), "demo")


# ------------------------------------------------------------------------------------------------------------ taking


def open_yard(database: Database, home: Path, **values: Any) -> Yard:
    yard = Yard(database, home)
    yard.catalogue.projects = {"web": replace(SITE, **values)}
    return yard


async def hold(database: Database, id: str = "web-1") -> Agent:
    """An agent that this process holds."""
    agent = await keep_agent(database, id)
    async with database.transaction() as tx:
        assert await claim_agent(tx, agent, "me", START)
    return await read_agent(database, id)


async def begin(crew: Crew, agent: Agent) -> tuple[Agent, str]:
    """The agent and its folder, "" where it needs a new one."""
    taken = await take_place(crew, agent, crew.catalogue.find_site(agent.project))
    return (taken[0], taken[1].folder) if taken else (agent, "")


async def keep_spare(database: Database, id: str = "web.a", **values: Any) -> Spare:
    spare = make_spare(id, **{"fingerprint": mark_site(SITE, "demo"), **values})
    async with database.transaction() as tx:
        await insert(tx, spare)
    return spare


async def read_spares(database: Database) -> dict[str, str]:
    async with database.reading() as tx:
        return {spare.id: spare.state.value for spare in await find(tx, Spare)}


async def test_a_spare_becomes_the_agents(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database)
    agent, folder = await begin(yard.crew, await hold(database))
    stored = await read_agent(database, "web-1")
    assert (stored.worktree, stored.spare, stored.branch) == ("/worktrees/web.a", "web.a", "callboard/web-1")
    assert agent == stored
    assert folder == "/worktrees/web.a"
    assert await read_spares(database) == {}
    assert yard.host.prepared == []


@pytest.mark.parametrize(
    "values",
    [
        {"fingerprint": "old"},
        {"base_commit": "beef"},
        {"base": "trunk"},
        {"copies": "old"},
        {"house": "elsewhere"},
        {"project": "api"},
        {"state": SpareState.PREPARING},
        {"state": SpareState.GOING},
    ],
)
async def test_what_does_not_fit_is_not_taken(database: Database, tmp_path: Path, values: dict[str, Any]) -> None:
    yard = open_yard(database, tmp_path)
    spare = await keep_spare(database, **values)
    agent, folder = await begin(yard.crew, await hold(database))
    assert (agent.spare, folder) == ("", "")
    assert await read_spares(database) == {"web.a": spare.state.value}


async def test_of_two_homes_each_takes_its_own_though_the_other_is_older(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database, "web.a", house="elsewhere", ready_at=START - timedelta(hours=1))
    await keep_spare(database, "web.b")
    agent, _ = await begin(yard.crew, await hold(database))
    assert agent.spare == "web.b"
    assert await read_spares(database) == {"web.a": "ready"}


async def test_an_interrupted_taking_goes_on_with_the_same_spare(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database, "web.b", state=SpareState.TAKEN, agent="web-1")
    await keep_spare(database)
    yard.spares.stand = Stand("main", "beef")
    agent, _ = await begin(yard.crew, await hold(database))
    assert agent.spare == "web.b"
    assert await read_spares(database) == {"web.a": "ready"}


async def test_a_spare_that_was_spoilt_is_given_up(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database)

    async def refuse(_agent: str) -> None:
        raise PermanentFailure("It is gone.")

    yard.spares.before_hand_over = refuse
    agent, folder = await begin(yard.crew, await hold(database))
    assert (agent.spare, folder) == ("", "")
    assert await read_spares(database) == {"web.a": "going"}


async def test_an_agent_that_another_process_holds_by_now_takes_nothing(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database)
    agent = await hold(database)
    await set_agent(database, "web-1", epoch=agent.epoch + 1)
    with pytest.raises(LeaseLost):
        await begin(yard.crew, agent)
    assert await read_spares(database) == {"web.a": "ready"}


async def test_two_processes_give_each_spare_to_one_agent(
    postgres_pair: tuple[Database, Database], tmp_path: Path
) -> None:
    crews: list[Crew] = [open_yard(database, tmp_path).crew for database in postgres_pair]
    for number in range(6):
        await keep_spare(postgres_pair[0], f"web.{number}")
    agents = [await hold(postgres_pair[0], f"web-{number}") for number in range(1, 11)]
    taken = await asyncio.gather(*(begin(crews[agent.number % 2], agent) for agent in agents))
    spares = sorted(agent.spare for agent, _ in taken if agent.spare)
    assert spares == [f"web.{number}" for number in range(6)]
    assert await read_spares(postgres_pair[0]) == {}


# -------------------------------------------------------------------------------------------------------------- pool


async def open_pool(yard: Yard, me: str = "me") -> Pool:
    async with yard.database.transaction() as tx:
        await insert(tx, Holder(me, "here", 1, START, yard.clock.now()))
    return Pool(yard.crew, me)


async def run_pool(pool: Pool) -> None:
    """Ticks until there is nothing left to do."""
    for _ in range(6):
        await pool.tick()
        await pool.settle()


async def test_a_pool_is_filled_and_cleared(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path, warm=2)
    pool = await open_pool(yard)
    await run_pool(pool)
    spares = await read_spares(database)
    assert list(spares.values()) == ["ready", "ready"]
    yard.spares.stand = Stand("main", "beef")
    yard.catalogue.projects = {}
    await run_pool(pool)
    assert sorted(yard.spares.dropped) == sorted(spares)
    assert sorted(yard.host.reclaimed) == sorted(spares)
    assert await read_spares(database) == {}


async def test_a_home_that_got_another_name_keeps_its_spares(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path, warm=2)
    await keep_spare(database, "web.b", house="lost")
    await keep_spare(database, "web.c", house="lost", state=SpareState.PREPARING, holder="dead", seal="")
    pool = await open_pool(yard)
    assert await pool.enter(is_alone=False) == 0
    assert await pool.enter(is_alone=True) == 2
    await run_pool(pool)
    found = await read_spares(database)
    assert list(found.values()) == ["ready", "ready"]
    assert "web.b" in found
    assert yard.spares.dropped == ["web.c"]


async def test_a_dead_process_leaves_nothing(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database, "web.b", state=SpareState.PREPARING, holder="dead", seal="")
    await keep_spare(database, "web.c", state=SpareState.GOING, holder="dead", seal="")
    await keep_spare(database, "web.d", state=SpareState.TAKEN, holder="dead", agent="web-1")
    await keep_agent(database, "web-1", outcome=Outcome.STOPPED)
    await run_pool(await open_pool(yard))
    assert sorted(yard.spares.dropped) == ["web.b", "web.c", "web.d"]
    assert list((await read_spares(database)).values()) == ["ready"]


async def test_a_worktree_on_record_as_an_agents_is_never_removed(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    await keep_spare(database, "web.d", fingerprint="old")
    await keep_agent(database, "web-1", worktree="/worktrees/web.d", outcome=Outcome.DONE)
    await run_pool(await open_pool(yard))
    assert yard.spares.dropped == []
    assert "web.d" not in await read_spares(database)


async def test_a_changed_spare_is_kept(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    folder = tmp_path / "web.d"
    folder.mkdir()
    await keep_spare(database, "web.d", fingerprint="old", folder=str(folder), seal="another")
    pool = await open_pool(yard)
    await run_pool(pool)
    assert (await read_spares(database))["web.d"] == "kept"
    folder.rmdir()
    await run_pool(pool)
    assert yard.spares.dropped == ["web.d"]


async def test_a_repository_that_cannot_be_read_is_one_trouble(database: Database, tmp_path: Path) -> None:
    yard = open_yard(database, tmp_path)
    yard.spares.trouble = PermanentFailure("/repositories/web does not exist.")
    pool = await open_pool(yard)
    await run_pool(pool)
    async with database.reading() as tx:
        trouble = await get(tx, PoolTrouble, project="web")
    assert trouble is not None
    assert (trouble.failures, trouble.told_at) == (1, None)
    await keep_agent(database, "web-1", place="terminal:local")
    await run_pool(pool)
    yard.spares.trouble = None
    yard.clock.advance(61)
    await run_pool(pool)
    async with database.reading() as tx:
        assert await get(tx, PoolTrouble, project="web") is None
    assert list((await read_spares(database)).values()) == ["ready"]
