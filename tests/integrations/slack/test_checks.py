"""What `doctor` says of Slack, each fault with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.exam.record import Moorings, make_setup
from core.interfaces import Check, Setup
from core.messages import Place
from integrations.slack import integration
from integrations.slack.checks import check_age, check_clock, run_checks
from integrations.slack.line import open_line
from tests.fakes.slack.records import Token
from tests.fakes.slack.server import FakeSlack

DATE = "Tue, 01 Dec 2026 05:00:00 GMT"
AT = 1_796_101_200.0


async def look(setup: Setup) -> dict[str, Check]:
    return {check.name: check for check in await run_checks(setup)}


def make(slack: FakeSlack, home: Path, *channels: str, app: str = "") -> Setup:
    example = {"bot_token": slack.bot_token, "app_token": app or slack.app_token, "api_url": slack.base_url}
    moored = Moorings()
    for channel in channels:
        moored.moored[str(Place("slack", channel)), "agent:web-1"] = f"{channel}/1.2"
    setup = replace(make_setup(integration, home, example), anchors=moored)
    open_line(setup).connected[0] = AT
    return setup


async def test_all_is_well(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        found = await look(make(slack, tmp_path, slack.channel("ops").id))
        assert [check for check in found.values() if not check.ok] == []
        assert found["slack channels"].detail == "1 with cards"
        assert found["slack connections"].detail.startswith("1 open")


async def test_channels_it_may_not_speak_in_are_named(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        away, old = slack.channel("away", joined=False), slack.channel("old", archived=True)
        found = await look(make(slack, tmp_path, away.id, old.id, "C0GONE"))
        assert "/invite" in found["slack channel #away"].remedy
        assert found["slack channel #old"].detail == "it is archived"
        assert "channel_not_found" in found["slack channel C0GONE"].detail


async def test_tokens_of_two_apps_and_bad_ones(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        slack.tokens["xapp-other"] = Token(kind="app", scopes=frozenset({"connections:write"}), app="A0OTHER")
        found = await look(make(slack, tmp_path, app="xapp-other"))
        assert "A0OTHER" in found["slack socket mode"].detail
        slack.revoke()
        found = await look(make(slack, tmp_path, app="xapp-wrong"))
        assert "SLACK_BOT_TOKEN" in found["slack bot token"].remedy
        assert "connections:write" in found["slack socket mode"].remedy


def test_connections_and_their_age() -> None:
    assert check_age({0: AT - 600, 1: AT - 60}, AT).detail == "2 open, since 10 min, 1 min"
    assert check_age({}, AT).remedy


def test_a_clock_that_is_off() -> None:
    assert check_clock(DATE, AT + 3)[0].ok
    (late,) = check_clock(DATE, AT + 400)
    assert not late.ok
    assert "clock" in late.remedy
    assert check_clock("", AT) == []
