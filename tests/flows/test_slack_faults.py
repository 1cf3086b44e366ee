"""Faults on the line to Slack: killed, twice, waiting, forged, refused. `make faults` has more of each."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.model import AuditRow, InboxItem
from core.store import count, find
from integrations.slack import people, socket
from tests.fakes.slack import payloads
from tests.fakes.slack.hands import User
from tests.fakes.slack.pointing import find_element
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse
from tests.flows.slack_faults import SlackShot, await_calls, block_loop, find_mention, send_forged, shoot_between
from tests.flows.slack_house import open_team, write_tokens
from tests.flows.test_slack import Team


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    async with open_team(tmp_path) as made:
        yield made


async def test_killed_between_the_envelope_and_its_acknowledgement(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        shot = SlackShot(tmp_path, slack)
        async with shot.house:
            seen = await shoot_between(shot, 2, seed=4)
            await assert_once(shot, 2)
        print(f"F4: 2 kills ({dict(seen)}), run twice 0, lost 0")


async def assert_once(shot: SlackShot, number: int) -> None:
    """So many commands ran, each once."""
    await shot.answered()
    assert shot.count_calls("spawn") == number
    assert len(await shot.house.agents()) == number
    assert await shot.house.end() == 0


async def test_a_loop_that_stands_still_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    async with FakeSlack(ack_seconds=1.5) as slack:
        shot = SlackShot(tmp_path, slack)
        async with shot.house:
            await block_loop(shot, 4.0)
            await assert_once(shot, 1)


async def test_the_same_event_four_times_to_two_processes(tmp_path: Path, postgres_url: str) -> None:
    """F13."""
    async with open_team(tmp_path, environ={"CALLBOARD_DATABASE": postgres_url}) as team:
        second = LiveHouse(
            tmp_path / "second", yaml.safe_load(team.house.config.read_text()), {"CALLBOARD_DATABASE": postgres_url}
        )
        write_tokens(second, team.slack)
        await second.start()
        await team.wait(lambda: len(team.slack.sockets.open) == 4, "four connections")
        await team.ann.mention("ops", "spawn sample -- say hello")
        mention = find_mention(team.slack, "spawn")
        assert mention
        await asyncio.gather(*(team.slack.redeliver(mention) for _ in range(3)))
        assert len(set(mention.connections)) == 4, "each connection had it"
        await team.see("sample-1 · done")
        assert await team.calls() == ["spawn"]
        assert len(await team.house.events("agent.queued")) == 1
        print("F13: 4 deliveries over 4 connections of 2 processes, run 1")
        await second.stop()


async def test_only_the_channel_that_slack_asks_to_wait_waits(team: Team) -> None:
    """F16."""
    for name in ("slow", "broken"):
        team.slack.channel(name, team.ann)
    limited = team.slack.trouble("429", "chat.postMessage", channel="slow", times=None, retry_after=30)
    broken = team.slack.trouble("500", "chat.postMessage", channel="broken", times=None)
    for name in ("slow", "broken", "ops"):
        await team.ann.command("/agent", "spawn sample -- run `git status`", name)
    card = await team.see("asks: Run")
    await team.see("asks for permission", card.ts)
    await team.wait(lambda: limited.hits and broken.hits, "both troubles")
    assert team.slack.messages("slow") == team.slack.messages("broken") == []
    assert limited.hits == 1, "Slack said when to come again"
    limited.times = broken.times = 0
    await team.ann.click(card, "Once")
    await team.see("· done")
    await team.wait(lambda: team.slack.messages("broken"), "what was tried again")
    print(f"F16: asked again within 30 s of a 429: {limited.hits - 1}; the third channel waited for neither")


async def test_urgent_text_is_not_behind_progress(team: Team) -> None:
    """F16: no edit may be made, and yet the question and its thread arrive."""
    team.slack.trouble("429", "chat.update", times=None, retry_after=60)
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("sample-1")
    await team.see("asks for permission", card.ts)


async def test_a_prompt_answered_while_the_agent_was_down(team: Team) -> None:
    """F26: the agent is gone when somebody answers, and acts on the answer when it is back, once."""
    await team.ann.command("/agent", "spawn sample -- run `git status`; say over", "ops")
    card = await team.see("asks: Run")
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and is_agent(path, team)]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await team.ann.click(card, "Once")
    done = await team.see("sample-1 · done")
    assert "answered by ann" in team.slack.text_of(done)
    record = await team.house.agent("sample-1")
    assert record["attempts"] == 2
    assert len(await team.house.events("request.used")) == 1
    assert len(await team.house.events("request.answered")) == 1


def is_agent(entry: Path, team: Team) -> bool:
    try:
        line = (entry / "cmdline").read_bytes().decode(errors="replace")
        folder = str((entry / "cwd").readlink())
    except OSError:
        return False
    return "demo/agent.py" in line and "guard" not in line and folder.startswith(str(team.house.home))


async def test_forged_requests_are_not_accepted(tmp_path: Path) -> None:
    await assert_refuses(tmp_path, 2_000, seed=2)


async def assert_refuses(folder: Path, number: int, seed: int) -> None:
    async with open_team(folder, http=True) as team:
        statuses = await send_forged(team.house, team.slack.signing_secret, number, seed)
        assert sum(statuses.values()) == number
        assert set(statuses) <= {400, 401}, statuses
        async with team.house.bot.database.reading() as tx:
            assert await count(tx, InboxItem) == 0
        sent = await team.ann.command("/agent", "list", "ops")
        for _ in range(20):
            taken = await team.slack.door.trick(sent, "replayed")
            assert taken.status == 200
        assert (await team.slack.door.trick(sent, "oversized")).status in (400, 401, 413)
        assert await team.calls() == ["list"]
        print(f"S2: {number:,} forged requests, accepted 0, answered 5xx 0 ({dict(statuses)}); 20 replays, run 0")


async def test_half_open_connections_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F14, with a heartbeat of a tenth."""
    monkeypatch.setattr(socket, "HEARTBEAT", 1.0)
    async with open_team(tmp_path) as team:
        old = list(team.slack.sockets.open)
        team.slack.sockets.freeze()
        await team.wait(lambda: sum(link not in old for link in team.slack.sockets.open) == 2, "new connections")
        for link in old:
            team.slack.sockets.drop(link)
        assert (await team.ann.command("/agent", "list", "ops")).is_acked


# ----------------------------------------------------------------------------------------------------------- buttons


async def test_who_may_not_press_a_button(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3: refused, written down, and told to them alone."""
    monkeypatch.setattr(people, "BELIEVED", 0.0)
    other, former = team.slack.user("bob"), team.slack.user("former")
    pressing = {
        "no role here": other,
        "Guests may not": team.slack.user("gus", is_restricted=True),
        "other organisations": team.slack.user("fay", team="T0FOREIGN"),
        "Bots may not": team.slack.user("rob", is_bot=True),
        "elsewhere": former,
    }
    team.slack.channel("ops", *pressing.values())
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    former.deleted = True
    for person in pressing.values():
        await press_refused(team, person, card)
    assert (await team.house.agent("sample-1"))["status"] == "needs you"
    assert await list_refusals(team) == 5
    print("S3: other user, guest, foreign, bot, ex-member: refused 5, audited 5, told privately 5")


async def press_refused(team: Team, person: User, card: Any) -> None:
    before = len(team.slack.ephemerals(person))
    await person.click(card, "Once")
    await team.wait(lambda: len(team.slack.ephemerals(person)) == before + 1, f"a refusal of {person.name}")


async def list_refusals(team: Team) -> int:
    async with team.house.bot.database.reading() as tx:
        return len([row for row in await find(tx, AuditRow) if not row.allowed and row.via == "slack"])


async def test_buttons_that_are_of_no_use_any_more(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3: used, of an older generation, expired."""
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    picked = find_element(card, "Once", ("button",))
    old = payloads.write_button(picked)
    await team.ann.click(card, "Once")
    await team.see("sample-1 · done")
    await team.ann._act(card, picked, dict(old, action_ts="1.5"))
    await team.whispered(team.ann, "cannot be done any more")
    await team.ann.say("ops", "stop", thread_ts=card.ts)
    offer = await team.whispered(team.ann, "Nothing was sent yet")
    await team.ann.click(offer, "Send as text")
    await await_calls(team, 3)
    await team.ann.click(offer, "Send as text")
    await team.whispered(team.ann, "used already")
    await team.see("sample-1 · done")
    now = team.house.bot.clock.now
    monkeypatch.setattr(team.house.bot.clock, "now", lambda: now() + timedelta(days=91))
    await team.ann._act(card, picked, dict(old, action_ts="2.5"))
    await team.whispered(team.ann, "too old")
    assert await list_refusals(team) == 3
    assert await team.calls() == ["approve", "send", "spawn"]


async def test_where_nobody_is_named_nobody_may(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
        card = await team.see("asks: Run")
        settings = yaml.safe_load(team.house.config.read_text()) | {"people": {}}
        team.house.config.write_text(yaml.safe_dump(settings))
        await team.house.restart()
        await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")
        await team.ann.command("/agent", "spawn sample -- say hello", "ops")
        await team.whispered(team.ann, "no role here")
        await press_refused(team, team.ann, card)
        assert (await team.house.agent("sample-1"))["status"] == "needs you"
        assert await list_refusals(team) == 2
