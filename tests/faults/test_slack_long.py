"""Slack's faults at full length: F4, F14, F15, S2. Prints figures. Run by `make faults`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fakes.slack.server import FakeSlack
from tests.flows.slack_faults import SlackShot, block_loop, send_commands, shoot_between
from tests.flows.slack_house import open_team
from tests.flows.test_slack_faults import assert_once, assert_refuses


@pytest.mark.timeout(1800)
async def test_fifty_kills_between_envelope_and_acknowledgement(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        shot = SlackShot(tmp_path, slack)
        async with shot.house:
            seen = await shoot_between(shot, 50, seed=1)
            await assert_once(shot, 50)
        print(f"F4: 50 kills ({dict(seen)}), run twice 0, lost 0")


@pytest.mark.timeout(600)
async def test_half_open_connections_are_replaced_in_time(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        began = time.monotonic()
        team.slack.sockets.freeze()
        old = list(team.slack.sockets.open)
        await team.slack.wait(lambda: sum(link not in old for link in team.slack.sockets.open) == 2)
        seconds = time.monotonic() - began
        print(f"F14: two half-open connections, both made anew after {seconds:.1f} s")
        assert seconds < 30


@pytest.mark.timeout(600)
async def test_a_thousand_commands_in_ten_seconds(tmp_path: Path) -> None:
    async with FakeSlack(ack_seconds=30) as slack:
        slack.pace.limits.clear()
        shot = SlackShot(tmp_path, slack)
        async with shot.house:
            await shot.start()
            sent = await send_commands(slack, shot.ann, "list", 1_000, 10)
            seconds = sorted(one.seconds or 99.0 for one in sent)
            await shot.answered()
            refused = sum("nothing was done" in str(one.answer) for one in sent)
            taken = shot.count_calls("list")
            assert await shot.house.end() == 0
    print(
        f"F15: 1,000 commands in 10 s: ack p50 {seconds[500]:.3f} s, p99 {seconds[990]:.3f} s, "
        f"max {seconds[-1]:.3f} s; "
        f"taken {taken}, refused with a word {refused}, lost {1_000 - taken - refused}"
    )
    assert taken + refused == 1_000
    assert seconds[990] < 1
    assert seconds[-1] < 3


@pytest.mark.timeout(600)
async def test_a_loop_blocked_for_ten_seconds(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        shot = SlackShot(tmp_path, slack)
        async with shot.house:
            await block_loop(shot, 10)
            await assert_once(shot, 1)
    print("F15: the loop stood still for 10 s: reported, redeliveries run 0 times")


@pytest.mark.timeout(1800)
async def test_a_hundred_thousand_forged_requests(tmp_path: Path) -> None:
    await assert_refuses(tmp_path, 100_000, seed=3)
