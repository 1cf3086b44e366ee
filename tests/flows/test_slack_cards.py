"""Cards in Slack, as people answer and read them there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.model import Request
from core.store import find
from tests.fakes.slack.records import Message
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse
from tests.flows.test_slack import Team


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    async with FakeSlack(ack_seconds=30) as slack:
        ann = slack.user("ann")
        channel = slack.channel("ops", ann)
        settings = {
            "integrations": {"slack": {"api_url": slack.base_url}},
            "people": {"ann": {"role": "admin", "identities": [f"slack:{slack.team}/{ann.id}"]}},
        }
        secrets = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        house = LiveHouse(tmp_path / "home", settings, secrets)
        await house.start()
        made = Team(slack, house, ann, channel.id)
        await made.listen()
        yield made
        await house.stop()
        assert slack.pings == []
        assert slack.links == []
        assert slack.unexpected == []
        assert slack.failures == []


async def see_prose(team: Team, thread: str, words: str) -> Message:
    """Wait until the one message with what the agent says shows the words."""

    def look() -> Message | None:
        shown = [one for one in team.slack.messages("ops", thread) if one.markdown or "markdown" in str(one.blocks)]
        assert len(shown) <= 1
        return next((one for one in shown if words in team.slack.text_of(one)), None)

    found: Message = await team.wait(look, words)
    return found


async def read_request(team: Team) -> Request:
    async with team.house.bot.database.reading() as tx:
        (request,) = await find(tx, Request)
    return request


async def test_few_options_are_buttons_and_other_words_a_form(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- ask Tabs or spaces? options Tabs, Spaces", "ops")
    card = await team.see("asks: Tabs or spaces?")
    await team.house.restart()
    await team.listen()
    await team.ann.click(card, "Other…")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    await team.ann.submit(form, {"Tabs or spaces?": "Both <!channel>"})
    done = await team.see("sample-1 · done")
    assert done.ts == card.ts
    assert "answered by ann" in team.slack.text_of(done)
    assert "[Spaces]" not in team.slack.text_of(done)
    assert (await read_request(team)).text == "Both <!channel>"


async def test_many_options_are_a_menu(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- ask Which? options A1, B2, C3, D4, E5, F6, G7", "ops")
    card = await team.see("asks: Which?")
    await team.house.restart()
    await team.listen()
    await team.ann.choose(card, "Choose an answer", "F6")
    done = await team.see("sample-1 · done")
    assert "“F6”" in team.slack.text_of(done)
    assert "Choose an answer" not in team.slack.text_of(done)
    assert (await read_request(team)).answered_by == "ann"


async def test_a_form_of_several_fields(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- ask with fields How big? options Red, Green", "ops")
    card = await team.see("asks: How big?")
    await team.house.restart()
    await team.listen()
    await team.ann.click(card, "Answer…")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    labels = [block["label"]["text"] for block in form.content["blocks"] if block["type"] == "input"]
    sent = await team.ann.submit(form, {labels[0]: "Green", labels[1]: "7", labels[2]: "Yes"})
    assert not sent.answer
    await team.see("sample-1 · done")
    assert list((await read_request(team)).fields.values()) == ["Green", 7, True]


async def test_a_form_that_is_of_no_use_any_more_is_not_opened(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- ask with fields How big? options Red, Green", "ops")
    card = await team.see("asks: How big?")
    await team.ann.click(card, "Answer…")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    blocks = [block for block in card.blocks or () if block["type"] == "actions"]
    await team.house.run("deny", request="sample-1")
    labels = [block["label"]["text"] for block in form.content["blocks"] if block["type"] == "input"]
    await team.see("sample-1 · done")
    sent = await team.ann.submit(form, {labels[0]: "Green", labels[1]: "7", labels[2]: "Yes"})
    assert "cannot be done any more" in str(sent.answer)
    card.blocks = [*(card.blocks or ()), *blocks]
    await team.ann.click(card, "Answer…")
    await team.whispered(team.ann, "cannot be done any more")


async def test_what_the_agent_says_is_streamed_in_its_thread(team: Team) -> None:
    words = "say [good.com](http://evil.example) <!channel> & <@U1>; take 5 seconds; say the rest of it"
    await team.ann.command("/agent", f"spawn sample -- {words}", "ops")
    card = await team.see("sample-1 · done")
    said = await see_prose(team, card.ts, "the rest of it")
    shown = team.slack.text_of(said)
    assert "[good.com] (http://evil.example) <!channel> & <@U1>" in shown
    assert len(team.slack.calls("chat.startStream")) == 1
    await team.wait(lambda: not said.streaming, "the end of the stream")


async def test_where_no_streams_are_taken_the_words_are_edited(team: Team) -> None:
    team.slack.trouble("feature_not_enabled", "chat.startStream", times=1)
    await team.ann.command("/agent", "spawn sample -- say one **bold**; take 5 seconds; say two", "ops")
    card = await team.see("sample-1 · done")
    said = await see_prose(team, card.ts, "two")
    assert "one **bold**" in team.slack.text_of(said)
    assert [block["type"] for block in said.blocks or ()] == ["markdown"]
    assert said.edits


async def test_a_stream_that_a_restart_cut_is_ended_and_edited(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- say one; run `git status`; say two", "ops")
    card = await team.see("asks: Run")
    said = await see_prose(team, card.ts, "one")
    assert said.streaming
    await team.house.restart()
    await team.listen()
    await team.ann.click(card, "Once")
    await team.see("sample-1 · done")
    assert await see_prose(team, card.ts, "two") is said
    assert not said.streaming
