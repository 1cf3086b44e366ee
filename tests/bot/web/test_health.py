"""What watches the bot: health, readiness, metrics."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.web.metrics import METRICS
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read_metrics(door: Door) -> dict[str, float]:
    response = await door.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(response.text))
    assert {family.name for family in families} == set(METRICS)
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_metrics_count_what_there_is(door: Door) -> None:
    nothing = await read_metrics(door)
    assert nothing["agent_active"] == nothing["agent_stuck"] == nothing["agent_count working"] == 0
    done = await door.spawn("say done")
    failed = await door.spawn("fail with trouble")
    asking = await door.spawn("run `git status`")
    working = await door.spawn("take 300 seconds")
    await door.wait_for(done, "done")
    await door.wait_for(failed, "failed")
    await door.wait_for(asking, "needs you")
    await door.wait_for_activity(working, "300")
    before = len(await door.events())
    found = await read_metrics(door)
    assert before <= found["event_last"] <= len(await door.events())
    counted = {name.removeprefix("agent_count "): value for name, value in found.items() if "agent_count" in name}
    assert counted == {"needs you": 1, "stuck": 0, "failed": 1, "working": 1, "queued": 0, "ready": 0, "done": 1,
                       "stopped": 0}  # fmt: skip
    assert (found["agent_active"], found["agent_stuck"], found["request_open"]) == (2, 0, 1)
    assert found["delivery_failed"] == found["inbox_waiting"] == 0
    assert {name for name in found if name.startswith("delivery_waiting")} == {
        f"delivery_waiting {lane}" for lane in ("critical", "human", "normal", "bulk")
    }
    for agent in (asking, working):
        await door.run("stop", agent=agent)
        await door.wait_for(agent, "stopped")
    found = await read_metrics(door)
    assert (found["agent_active"], found["agent_count stopped"], found["request_open"]) == (0, 2, 0)
    await door.run("remove", agent=done)
    assert (await read_metrics(door))["agent_count done"] == 0


async def test_lag_is_of_the_time_since_the_last_look(door: Door) -> None:
    door.bot.lag._worst = 0.25
    assert (await read_metrics(door))["event_loop_lag_seconds"] >= 0.25
    assert (await read_metrics(door))["event_loop_lag_seconds"] < 0.25


async def test_healthy_and_ready(door: Door) -> None:
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        response = await door.http.get(path)
        assert (response.status_code, response.json()) == (200, {"status": status, "reasons": []})


async def test_answers_do_not_wait_for_the_other_sides_ack(door: Door) -> None:
    """Linux delays an ACK by 40 ms: without TCP_NODELAY the quickest of ten calls takes as long."""
    loop = asyncio.get_running_loop()
    quickest = 1.0
    await door.http.get("/healthz")
    for _ in range(10):
        begun = loop.time()
        await door.http.get("/healthz")
        quickest = min(quickest, loop.time() - begun)
    assert quickest < 0.03


async def test_not_ready_says_why(door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    which = shutil.which

    def lose(names: set[str]) -> None:
        def find_program(name: str, *rest: Any, **more: Any) -> str | None:
            return None if Path(name).name in names else which(name, *rest, **more)

        monkeypatch.setattr(shutil, "which", find_program)

    lose({"git"})
    response = await door.http.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "reasons": ["git is not on the PATH"]}
    programs = {Path(kind.command[0]).name for kind in door.bot.house.kinds.values()}
    lose({"git", *programs})
    assert (await door.http.get("/readyz")).json()["reasons"] == ["git is not on the PATH", "no agent kind is ready"]
    assert (await door.http.get("/healthz")).status_code == 200


async def test_kinds_and_people_are_listed(door: Door) -> None:
    kinds = {kind["name"]: kind for kind in (await door.call("GET", "/kinds")).json()["kinds"]}
    assert set(kinds) >= {"claude", "codex", "gemini", "opencode", "demo"}
    assert kinds["demo"] == {"name": "demo", "about": kinds["demo"]["about"], "state": "ready", "remedy": "",
                             "scripted": True}  # fmt: skip
    assert all(kind["remedy"] or kind["state"] == "ready" for kind in kinds.values())
    people = (await door.call("GET", "/people")).json()["people"]
    me = (await door.command("me")).json()["reply"]["data"]
    assert people == [{"id": me["person"], "name": me["name"], "role": "admin"}]


async def test_the_banners_address_says_where_one_is(door: Door) -> None:
    response = await door.http.get("/")
    assert response.status_code == 200
    assert "<title>Chat · Callboard</title>" in response.text
