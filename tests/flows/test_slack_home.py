"""The home tab in a workspace of the stand-in Slack: what a person sees there, and does there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from core import postings
from core.interfaces import Pace
from core.model import Posting
from core.store import find, tabs
from core.tab import Tab, is_subject
from integrations.slack.manifest import read_manifest
from tests.fakes.slack.hands import User
from tests.fakes.slack.records import View
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse
from tests.flows.test_slack import PATIENCE, Team


class Desk(Team):
    """A team that looks at its tabs."""

    async def home(self, user: User, words: str, *, without: str = "\0") -> View:
        """Wait until somebody's tab shows the words."""

        def find_view() -> View | None:
            view = self.slack.home(user)
            text = self.slack.text_of(view) if view else ""
            return view if view and words in text and without not in text else None

        found: View = await self.wait(find_view, f"{words} in the tab of {user.name}")
        return found

    def read(self, user: User) -> str:
        view = self.slack.home(user)
        return self.slack.text_of(view) if view else ""

    async def told(self, user: User, words: str) -> None:
        """Wait until the bot told somebody directly."""
        direct = self.slack.direct(user.id)
        await self.wait(
            lambda: any(words in self.slack.text_of(one) for one in direct.messages.values()), f"{words}, told directly"
        )


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    # What is promised of the gap is in tests/core/test_tabs.py, by a clock that is moved by hand.
    for module in (postings, tabs):
        monkeypatch.setattr(module, "GAP", timedelta(seconds=0.2))
    monkeypatch.setattr("core.desk.Desk.pace_of", lambda *_: Pace())
    async with FakeSlack(ack_seconds=30) as slack:
        slack.install(read_manifest())
        ann = slack.user("ann")
        channel = slack.channel("ops", ann)
        settings = {
            "integrations": {"slack": {"api_url": slack.base_url}},
            "people": {"ann": {"role": "admin", "identities": [f"slack:{slack.team}/{ann.id}"]}},
        }
        secrets = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        house = LiveHouse(tmp_path / "home", settings, secrets)
        await house.start()
        made = Desk(slack, house, ann, channel.id)
        await made.listen()
        yield made
        await house.stop()
        assert slack.pings == []
        assert slack.unexpected == []
        assert slack.failures == []


async def test_what_is_done_in_the_tab_is_done_and_seen_everywhere(desk: Desk) -> None:
    await desk.ann.open_home("messages")
    assert desk.slack.calls("views.publish") == []
    await desk.ann.open_home()
    await desk.home(desk.ann, "Nothing needs you.")
    await desk.ann.command("/agent", "spawn sample -- run `git status`; run `git log`; say bye", "ops")
    card = await desk.see("asks: Run `git status`")
    home = await desk.home(desk.ann, "asks: Run `git status`")
    await desk.ann.click(home, "Only mine")
    home = await desk.home(desk.ann, "[Everybody's]")
    text = desk.slack.text_of(home)
    assert text.index("Needs you (1)") < text.index("Your agents") < text.index("Fleet (1)") < text.index("ann: admin")
    assert f"slack:{desk.slack.team}/{desk.ann.id}" in text
    await desk.house.restart()
    await desk.listen()
    await desk.ann.click(home, "Once")
    await desk.see("asks: Run `git log`")
    assert "answered by ann" in desk.slack.text_of(card)
    home = await desk.home(desk.ann, "asks: Run `git log`", without="asks: Run `git status`")
    await desk.ann.click(home, "Deny with reason…")
    (form,) = await desk.wait(lambda: desk.slack.modals(desk.ann), "a form")
    await desk.ann.submit(form, {"text": "not today"})
    await desk.see("denied")
    await desk.home(desk.ann, "may not do it")
    await desk.see("sample-1 · done")
    await desk.home(desk.ann, "sample-1 · done")
    await desk.home(desk.ann, "Nothing needs you.")
    assert "[Everybody's]" in desk.read(desk.ann), "a filter survives a restart"
    assert await desk.calls() == ["approve", "deny", "spawn"]
    assert desk.slack.direct(desk.ann.id).messages == {}, "what the tab shows is not told as well"


async def test_filters_stay_and_many_are_stopped_as_shown(desk: Desk) -> None:
    for task in ("run `git status`", "run `git log`", "say hello"):
        await desk.house.spawn(task)
    await desk.house.wait_for("sample-3", "done")
    await desk.ann.open_home()
    home = await desk.home(desk.ann, "Needs you (2)")
    await desk.ann.click(home, "Done (1)")
    home = await desk.home(desk.ann, "✓ Done (1)")
    assert "Fleet (1)\nsample-3" in desk.slack.text_of(home)
    assert "[Stop these" not in desk.slack.text_of(home)
    await desk.ann.click(home, "Needs you (2)")
    home = await desk.home(desk.ann, "✓ Needs you (2)")
    await desk.ann.click(home, "Stop these (2)…")
    asked = await desk.home(desk.ann, "Stop 2 agents?")
    assert (await desk.house.agent("sample-1"))["status"] == "needs you", "it is only asked"
    late = await desk.house.spawn("run `git diff`")
    await desk.house.wait_for(late, "needs you")
    await desk.ann.click(asked, "Stop these 2")
    await desk.house.wait_for("sample-1", "stopped")
    await desk.house.wait_for("sample-2", "stopped")
    home = await desk.home(desk.ann, "Stopping sample-1, sample-2", without="sample-1 · needs you")
    assert (await desk.house.agent(late))["status"] == "needs you", "exactly those that were shown"
    await desk.ann.click(home, "Dismiss")
    await desk.home(desk.ann, f"Fleet (1)\n{late}", without="Answer")


async def test_who_may_not_and_how_they_get_in(desk: Desk) -> None:
    guest, sam = desk.slack.user("gus", is_restricted=True), desk.slack.user("sam")
    desk.slack.channel("ops", guest, sam)
    agent = await desk.house.spawn("run `git status`")
    await desk.house.wait_for(agent, "needs you")
    await desk.ann.open_home()
    await guest.open_home()
    await desk.home(guest, "Guests may not use this bot.")
    assert "Ask for access" not in desk.read(guest)
    await sam.open_home()
    home = await desk.home(sam, "no role here")
    assert agent not in desk.read(sam) + desk.read(guest)
    await sam.click(home, "Ask for access")
    await desk.home(sam, "it waits for an admin")
    asked = await desk.home(desk.ann, "sam asks for access")
    assert re.search(r"code word is “(\w.*?)”", desk.read(sam))[1] in desk.read(desk.ann)  # type: ignore[index]
    assert desk.find("asks for access") is None
    await desk.ann.click(asked, "Viewer")
    home = await desk.home(sam, f"{agent} · needs you")
    assert "[Once]" not in desk.read(sam)
    await desk.house.run("admin revoke", who="sam")
    await sam.click(home, "Done (0)")
    await desk.told(sam, "cannot be done any more")
    await desk.home(sam, "no role here", without=agent)


async def test_a_button_of_long_ago_and_one_who_left(desk: Desk) -> None:
    agent = await desk.house.spawn("run `git status`")
    await desk.ann.open_home()
    home = await desk.home(desk.ann, "asks: Run")
    old = View(id=home.id, user=home.user, content=home.content, hash=home.hash)
    await desk.house.run("approve", request=agent)
    await desk.home(desk.ann, "Nothing needs you.")
    await desk.ann.click(old, "Deny")
    await desk.told(desk.ann, "cannot be done any more")
    await desk.house.wait_for(agent, "done")
    desk.ann.deleted = True
    await desk.house.spawn("say hello")

    async with asyncio.timeout(PATIENCE):
        while await list_tabs(desk):
            await asyncio.sleep(0.02)
    published = len(desk.slack.calls("views.publish"))
    await desk.house.wait_for(await desk.house.spawn("say bye"), "done")
    await desk.slack.settle()
    assert len(desk.slack.calls("views.publish")) == published


async def list_tabs(desk: Desk) -> list[str]:
    """What is drawn for people's tabs."""
    async with desk.house.bot.database.reading() as tx:
        shown = [posting.subject for posting in await find(tx, Posting) if is_subject(posting.subject)]
        return [*shown, *[tab.place for tab in await find(tx, Tab)]]
