"""The whole bot with nothing of Slack but an incoming webhook: who needs somebody, what failed, what is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse

PATIENCE = 60.0
Start = Callable[..., Any]


class Hooked:
    """A house whose agents are told of in the channel `ops`."""

    def __init__(self, slack: FakeSlack, house: LiveHouse) -> None:
        self.slack, self.house = slack, house

    def said(self) -> list[str]:
        return [self.slack.text_of(message) for message in self.slack.messages("ops")]

    async def hear(self, count: int) -> list[str]:
        """Wait until so many notices came."""
        await self.slack.wait(lambda: len(self.said()) >= count, PATIENCE)
        return self.said()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with FakeSlack() as slack:
        slack.channel("ops")
        houses: list[LiveHouse] = []

        async def start(**settings: Any) -> Hooked:
            secrets = {"SLACK_WEBHOOK_URL": f"{slack.url}{slack.webhook('ops')}"}
            houses.append(LiveHouse(tmp_path / "home", settings, secrets))
            await houses[0].start()
            return Hooked(slack, houses[0])

        yield start
        for house in houses:
            await house.stop()
        assert slack.pings == slack.unexpected == []
        assert {call.method for call in slack.calls()} <= {"webhook"}


async def test_who_needs_somebody_and_what_is_done(start: Start) -> None:
    hooked = await start()
    agent = await hooked.house.spawn("run `git status`; say bye")
    (asks,) = await hooked.hear(1)
    assert f"{agent} asks for permission" in asks
    assert f"callboard approve {agent}" in asks
    assert "http" not in asks
    await hooked.house.run("approve", request=agent)
    _, done = await hooked.hear(2)
    assert f"{agent} is done" in done
    checks = {check["name"]: check for check in (await hooked.house.run("doctor", quick=True))["data"]["checks"]}
    assert checks["slack webhook"]["ok"]
    assert len(hooked.said()) == 2


async def test_links_lead_to_the_console_where_others_reach_it(start: Start) -> None:
    hooked = await start(http={"public_url": "https://callboard.example.com"})
    agent = await hooked.house.spawn("run `git status`")
    (asks,) = await hooked.hear(1)
    assert f"https://callboard.example.com/agents/{agent}" in asks
    assert "approve" not in asks


async def test_a_loopback_address_is_no_link(start: Start) -> None:
    hooked = await start(http={"public_url": "http://127.0.0.1:8765"})
    await hooked.house.spawn("run `git status`")
    (asks,) = await hooked.hear(1)
    assert "127.0.0.1" not in asks
    assert "callboard approve" in asks


async def test_only_what_is_wanted_is_told(start: Start) -> None:
    hooked = await start(integrations={"slack": {"notify": ["failed"]}})
    done = await hooked.house.spawn("say hello")
    await hooked.house.wait_for(done, "done")
    failed = await hooked.house.spawn("crash")
    await hooked.house.wait_for(failed, "failed")
    (said,) = await hooked.hear(1)
    assert f"{failed} failed" in said


async def test_a_slack_in_trouble_gets_it_later_in_order(start: Start) -> None:
    hooked = await start()
    hooked.slack.trouble("503", "webhook", times=1)
    hooked.slack.trouble("429", "webhook", times=1, retry_after=1)
    agent = await hooked.house.spawn("run `git status`")
    await hooked.house.wait_for(agent, "needs you")
    await hooked.house.run("approve", request=agent)
    asks, done = await hooked.hear(2)
    assert "asks for permission" in asks
    assert "is done" in done
    assert len(hooked.slack.calls("webhook")) == 4


async def test_a_webhook_that_is_gone_is_told_and_holds_nobody_up(start: Start) -> None:
    hooked = await start()
    hooked.slack.webhooks.clear()
    agent = await hooked.house.spawn("say hello")
    await hooked.house.wait_for(agent, "done")
    async with asyncio.timeout(PATIENCE):
        while not (failed := await hooked.house.events("delivery.failed")):
            await asyncio.sleep(0.02)
    assert failed[0]["data"]["place"] == "slack:webhook"
    assert "no_service" in failed[0]["data"]["reason"]
    assert "SLACK_WEBHOOK_URL" in failed[0]["data"]["reason"]
    assert "/services/" not in str(failed)
