"""The line between Slack and the bot: nothing is lost, and nothing done twice."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.model import Delivery, DeliveryState
from core.store import count, set_note
from integrations.slack import history
from tests.fakes.slack.records import Token
from tests.flows.slack_house import open_team, read_console, write_tokens
from tests.flows.test_slack import Team
from tests.flows.test_trouble import fill_disk


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LEAST_GAP", 0.05)


async def reconnect(team: Team) -> None:
    """Cut all connections; the bot has both again."""
    team.slack.sockets.drop()
    await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")


# ------------------------------------------------------------------------------------------------------------ missed


async def test_words_that_slack_never_delivered_are_found_once(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        team.slack.losing_events = True
        await team.ann.mention("ops", "spawn sample -- say hello")
        await reconnect(team)
        card = await team.see("sample-1 · done")
        await team.ann.say("ops", "say more", thread_ts=card.ts)
        await team.ann.say("ops", "nobody's business")
        await reconnect(team)
        await team.see("sample-1 goes on", card.ts)
        await team.wait(lambda: "done" in team.slack.text_of(card), "the end")
        lost, team.slack.losing_events = list(team.slack.lost), False
        for _ in range(2):
            for sent in lost:
                assert await team.slack.redeliver(sent) == ""
        await reconnect(team)
        await team.slack.settle()
        assert await team.calls() == ["send", "spawn"]
        assert len(team.slack.messages("ops")) == 4


async def test_words_said_while_the_bot_was_down_are_done_once(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        await team.house.stop()
        await team.ann.mention("ops", "spawn sample -- say hello")
        await team.ann.dm("spawn sample -- say hello")
        await team.house.start()
        await team.see(" · done")
        await team.wait(lambda: len(team.slack.messages(team.slack.direct(team.ann.id).id)) > 1, "an answer")
        assert team.slack.due, "Slack tries these again by itself"
        await team.slack.advance(70)
        await team.slack.settle()
        await team.house.restart()
        await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")
        await team.slack.wait(lambda: len(team.slack.calls("users.conversations")) >= 3)
        assert await team.calls() == ["spawn", "spawn"]


async def test_without_a_socket_it_looks_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "AGAIN", 0.3)
    async with open_team(tmp_path, http=True) as team:
        team.slack.losing_events = True
        await team.ann.mention("ops", "spawn sample -- say hello")
        await team.see("sample-1 · done")
        assert await team.calls() == ["spawn"]


async def test_what_was_said_days_ago_is_told_once_and_not_done(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        note = {"since": time.time() - 5 * 86_400, "places": {}}
        team.slack.losing_events, team.slack._offset = True, -2 * 86_400.0
        for _ in range(3):
            await team.ann.mention("ops", "spawn sample -- say hello")
        team.slack._offset, team.slack._last = 0.0, 0
        await look_back(team, note)
        await team.see("more than a day ago")
        await look_back(team, note)
        assert await team.calls() == []
        assert sum("more than a day ago" in team.slack.text_of(one) for one in team.slack.messages("ops")) == 1


async def look_back(team: Team, note: dict[str, Any]) -> None:
    """Have the bot look through what is new since the note."""
    await team.house.stop()
    async with team.house.bot.database.transaction() as tx:
        await set_note(tx, "slack", history.NOTE, json.dumps(note))
    asked = len(team.slack.calls("conversations.history"))
    await team.house.start()
    await team.slack.wait(lambda: len(team.slack.calls("conversations.history")) > asked)
    await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")
    await team.slack.wait(lambda: len(team.slack.calls("conversations.history")) > asked + 1)


async def test_whoever_becomes_known_later_has_nothing_done_twice(tmp_path: Path) -> None:
    """The refusal was the answer: what is found again, or comes again, is not done after all."""
    async with open_team(tmp_path) as team:
        sam = team.slack.user("sam")
        team.slack.channel("ops", sam)
        await sam.mention("ops", "spawn sample -- say hello")
        refusal = await team.whispered(sam, "You are not known here")
        await sam.click(refusal, "Ask for access")
        await team.ann.click(await team.see("sam asks for access"), "Operator")
        await team.see("granted operator by ann")
        for sent in [one for one in team.slack.sent if one.kind == "events_api" and one.user == sam.id]:
            await team.slack.redeliver(sent)
        await team.house.restart()
        await team.slack.settle()
        await team.slack.wait(lambda: len(team.slack.calls("users.conversations")) >= 2)
        assert await team.calls() == ["admin grant", "spawn"]
        assert await team.house.events("agent.queued") == []


async def test_slack_asks_the_search_to_wait(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        team.slack.losing_events = True
        await team.ann.mention("ops", "spawn sample -- say hello")
        limited = team.slack.trouble("429", "conversations.history", times=2, retry_after=1)
        await reconnect(team)
        await team.see("sample-1 · done")
        assert limited.hits == 2
        assert await team.calls() == ["spawn"]


# -------------------------------------------------------------------------------------------------------- not stored


async def test_what_cannot_be_stored_is_not_acknowledged_and_told(tmp_path: Path) -> None:
    """F20: the disk is full."""
    async with open_team(tmp_path, ack_seconds=4) as team:
        await fill_disk(team.house, 0)
        words = f"spawn sample -- say hello {'x' * 20_000}"
        sent = await team.ann.command("/agent", words, "ops")
        assert not sent.is_acked
        await team.whispered(team.ann, "nothing was done")
        (failed,) = team.slack.failures
        assert failed.kind == "slash_commands"
        team.slack.failures.clear()
        await team.ann.mention("ops", words)
        mention = next(one for one in team.slack.sent if one.payload.get("event", {}).get("type") == "app_mention")
        assert not mention.is_acked
        assert mention.attempts == 2
        await team.whispered(team.ann, "It is tried again by itself")
        assert len(team.slack.ephemerals(team.ann)) == 2
        await fill_disk(team.house, 100_000)
        await team.slack.advance(70)
        await team.slack.settle()
        assert mention.is_acked
        await team.see("sample-1 · done")
        assert await team.calls() == ["spawn"]


async def test_too_much_at_once_is_refused_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_team(tmp_path) as team:
        gate, begun = asyncio.Event(), 0
        hear = team.house.bot.street.hear

        async def wait(message: Any) -> None:
            nonlocal begun
            begun += 1
            await gate.wait()
            await hear(message)

        monkeypatch.setattr(type(team.house.bot.street), "hear", lambda _self, message: wait(message))
        told = [asyncio.create_task(team.ann.command("/agent", "list", "ops")) for _ in range(40)]
        refused = await team.wait(lambda: [task for task in told if task.done()], "a refusal")
        await team.wait(lambda: sum(task.done() for task in told) == 8, "the others")
        assert begun == 32
        gate.set()
        sent = await asyncio.gather(*told)
        assert refused
        assert all(one.is_acked for one in sent)
        assert sum("nothing was done" in str(one.answer) for one in sent) == 8
        async with asyncio.timeout(60):
            while len(await team.calls()) < 32:
                await asyncio.sleep(0.05)
        assert len(await team.calls()) == 32


# ------------------------------------------------------------------------------------------------------------ tokens


async def test_a_token_revoked_in_the_middle_holds_what_is_to_be_said(tmp_path: Path, capsys: Any) -> None:
    """F19, and the reload that ends it."""
    async with open_team(tmp_path) as team:
        await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
        card = await team.see("asks: Run")
        await team.see("asks for permission", card.ts)
        team.slack.revoke()
        began = time.monotonic()
        await team.house.run("approve", request="sample-1")
        await team.house.wait_for("sample-1", "done")
        await team.house.run("send", agent="sample-1", text="say more")
        await team.wait(lambda: "slack does not listen: Slack refused: token_revoked" in capsys.readouterr().out, "it")
        said = ""
        while "slack does not listen" not in said:
            said = await read_console(team.house)
            await asyncio.sleep(0.02)
        print(f"F19: told after {time.monotonic() - began:.1f} s")
        await team.house.wait_for("sample-1", "done")
        await team.wait(lambda: not team.slack.sockets.open, "no connection")
        checks = {check["name"]: check for check in (await team.house.run("doctor", quick=True))["data"]["checks"]}
        assert not checks["slack listens"]["ok"]
        assert "SLACK_BOT_TOKEN" in checks["slack listens"]["remedy"]
        asked = len([call for call in team.slack.calls() if call.method != "auth.test"])
        await team.house.run("send", agent="sample-1", text="say a third thing")
        await team.house.wait_for("sample-1", "done")
        assert len([call for call in team.slack.calls() if call.method != "auth.test"]) == asked, "nothing is asked"
        await reload_tokens(team)
        await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")
        await team.wait(lambda: sum("is done" in text for text in read_thread(team, card.ts)) == 3, "what was held")
        assert [text for text in read_thread(team, card.ts) if "is done" in text] == sorted(
            (text for text in read_thread(team, card.ts) if "is done" in text), key=lambda text: "third" in text
        )
        async with team.house.bot.database.reading() as tx:
            assert await count(tx, Delivery, state=DeliveryState.FAILED) == 0
        await team.ann.mention("ops", "list")
        await team.see("sample-1", None)


async def reload_tokens(team: Team) -> None:
    """Bad tokens change nothing; then a good one."""
    bad = team.slack.tokens["xoxb-1-away"] = Token(kind="bot", scopes=team.slack.scopes, team="T0AWAY")
    for bot, app, words in (
        ("xoxb-1-nonsense", "", "invalid_auth"),
        ("xoxb-1-away", "", "of another workspace"),
        ("", "xapp-1-nonsense", "invalid_auth"),
    ):
        write_tokens(team.house, team.slack, bot=bot or team.slack.bot_token, app=app)
        refused = await team.house.post("reload")
        assert refused.status_code == 409, refused.text
        assert words in refused.text or words in str(refused.json())
    del bad
    team.slack.rotate()
    write_tokens(team.house, team.slack)
    await team.house.run("reload")


def read_thread(team: Team, ts: str) -> list[str]:
    return [team.slack.text_of(one) for one in team.slack.messages("ops", ts)[1:]]


async def test_the_app_is_removed_and_comes_back_with_the_same_token(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        await team.slack.uninstall()
        await team.wait(lambda: not team.slack.sockets.open, "no connection")
        async with asyncio.timeout(60):
            while "app was removed" not in await read_console(team.house):
                await asyncio.sleep(0.02)
        settings = yaml.safe_load(team.house.config.read_text()) | {"limits": {"max_agents": 3}}
        team.house.config.write_text(yaml.safe_dump(settings))
        assert (await team.house.run("reload"))["text"].endswith("In force now: limits.max_agents.")
        assert team.house.bot.listeners.ailing
        team.slack.tokens[team.slack.bot_token].state = ""
        assert "Tried again: slack" in (await team.house.run("reload"))["text"]
        await team.wait(lambda: len(team.slack.sockets.open) == 2, "two connections")
        await team.ann.mention("ops", "spawn sample -- say hello")
        await team.see("sample-1 · done")


async def test_socket_mode_is_turned_off(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        asked = len(team.slack.calls("apps.connections.open"))
        await team.slack.sockets.ask_refresh(reason="link_disabled")
        async with asyncio.timeout(60):
            while "Socket Mode was turned off" not in await read_console(team.house):
                await asyncio.sleep(0.02)
        await team.wait(lambda: not team.slack.sockets.open, "no connection")
        assert len(team.slack.calls("apps.connections.open")) == asked


# ----------------------------------------------------------------------------------------------------------- sockets


async def test_no_click_finds_nobody_while_connections_are_renewed(tmp_path: Path) -> None:
    """F14: both are to be renewed again and again, and each handshake takes its time."""
    async with open_team(tmp_path) as team:
        team.slack.sockets.handshake_seconds = 0.5
        acts = 0
        for number in range(4):
            await team.slack.sockets.ask_refresh(reason="warning" if number % 2 else "refresh_requested")
            old = list(team.slack.sockets.open)
            while any(link in team.slack.sockets.open for link in old):
                sent = await team.ann.command("/agent", "list", "ops")
                assert sent.is_acked
                acts += 1
                fresh = [link for link in team.slack.sockets.open if link not in old]
                for link in old if len(fresh) == 2 else ():
                    await team.slack.sockets.hang_up(link)
        print(f"F14: {acts} commands while connections were renewed, without a socket 0")
        assert team.slack.sockets.refused == []


async def test_a_connect_that_fails_gets_a_new_address(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        team.slack.sockets.refusals = 3
        await reconnect(team)
        assert team.slack.sockets.refused == ["unavailable"] * 3, "no address is used twice"
