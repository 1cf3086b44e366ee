"""The stand-in Slack's Socket Mode through the real clients of bolt and the SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.records import Sent
from tests.fakes.slack.server import FakeSlack

PATIENCE = 60.0


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(ack_seconds=PATIENCE) as opened:
        yield opened


@asynccontextmanager
async def plug(slack: FakeSlack, deaf: bool = False) -> AsyncIterator[SocketModeClient]:
    """A client of the SDK that acknowledges everything, or nothing."""
    web = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
    client = SocketModeClient(app_token=slack.app_token, web_client=web, ping_interval=0.2)
    count = len(slack.sockets.open)

    async def acknowledge(client: Any, request: Any) -> None:
        if not deaf:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    client.socket_mode_request_listeners.append(acknowledge)
    await client.connect()
    try:
        await slack.wait(lambda: len(slack.sockets.open) > count)
        yield client
    finally:
        await client.close()


async def open_raw(slack: FakeSlack, stack: AsyncExitStack) -> aiohttp.ClientWebSocketResponse:
    """A bare socket, its hello read."""
    session = await stack.enter_async_context(aiohttp.ClientSession())
    socket = await session.ws_connect(slack.sockets.issue_url(), autoping=False)
    assert (await socket.receive_json(timeout=PATIENCE))["type"] == "hello"
    return socket


async def test_bolt_answers_a_mention_in_socket_mode(slack: FakeSlack) -> None:
    ann = slack.user("ann")
    ops = slack.channel("ops", ann)
    app = AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.base_url))

    @app.event("app_mention")
    async def answer(event: dict[str, Any], say: Any) -> None:
        await say(text=f"heard {event['text'].partition(' ')[2]}", thread_ts=event["ts"])

    @app.event("message")
    async def ignore() -> None:
        pass

    handler = AsyncSocketModeHandler(app, slack.app_token)
    await handler.connect_async()
    try:
        await slack.wait(lambda: slack.sockets.open)
        said = await ann.mention(ops, "spawn")
        thread = await slack.wait(lambda: slack.messages("ops", said.ts)[1:])
        await slack.settle()
    finally:
        await handler.close_async()
    assert slack.text_of(thread[0]) == "heard spawn"
    assert {sent.payload["event"]["type"] for sent in slack.sent} == {"app_mention", "message"}
    assert all(sent.is_acked and sent.seconds is not None for sent in slack.sent)


async def test_addresses_are_for_the_app_token_and_for_one_use(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url, session=session)
        with pytest.raises(SlackApiError, match="not_allowed_token_type"):
            await client.apps_connections_open(app_token=slack.bot_token)
        url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
        socket = await stack.enter_async_context(session.ws_connect(url))
        hello = await socket.receive_json(timeout=PATIENCE)
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url.replace("ticket=", "ticket=x"))
    assert slack.sockets.refused == ["used", "unknown"]


async def test_a_connect_may_fail_after_its_address_was_issued(slack: FakeSlack) -> None:
    slack.sockets.refusals = 1
    url = slack.sockets.issue_url()
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)
    assert slack.sockets.refused == ["unavailable", "used"]


async def test_a_handshake_may_be_slow(slack: FakeSlack) -> None:
    slack.sockets.gate.clear()
    async with aiohttp.ClientSession() as session:
        connecting = asyncio.ensure_future(session.ws_connect(slack.sockets.issue_url()))
        await asyncio.wait([connecting], timeout=0.1)
        assert not connecting.done()
        slack.sockets.gate.set()
        socket = await connecting
        await socket.receive_json(timeout=PATIENCE)
        await socket.close()


async def test_an_eleventh_connection_is_sent_away(slack: FakeSlack) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await open_raw(slack, stack) for _ in range(10)]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        surplus = await session.ws_connect(slack.sockets.issue_url())
        frame = await surplus.receive_json(timeout=PATIENCE)
        assert (frame["type"], frame["reason"]) == ("disconnect", "too_many_websockets")
        assert len(slack.sockets.open) == len(sockets)


async def test_an_event_that_is_not_acknowledged_goes_to_another_connection() -> None:
    async with FakeSlack(ack_seconds=0.3) as slack, AsyncExitStack() as stack:
        ann = slack.user("ann")
        dm = slack.direct(ann.id)
        sockets = [await open_raw(slack, stack) for _ in range(2)]
        telling = asyncio.ensure_future(ann.say(dm, "hello"))
        frames = [await socket.receive_json(timeout=PATIENCE) for socket in sockets]
        first, second = sorted(frames, key=lambda frame: frame["retry_attempt"])
        assert [first["retry_attempt"], second["retry_attempt"]] == [0, 1]
        assert second["retry_reason"] == "timeout"
        assert first["payload"]["event_id"] == second["payload"]["event_id"]
        assert first["envelope_id"] != second["envelope_id"]
        await telling
        assert len(set(slack.sent[0].connections)) == 2


async def test_retries_come_at_once_after_a_minute_and_after_five() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    async with FakeSlack(now=lambda: noon) as slack:
        ann = slack.user("ann")
        await ann.dm("nobody is there")
        assert slack.sent[0].attempts == 2
        await slack.advance(59)
        assert slack.sent[0].attempts == 2
        await slack.advance(1)
        assert slack.sent[0].attempts == 3
        await slack.advance(300)
        assert slack.sent[0].attempts == 4
        assert slack.lost == slack.sent


async def test_a_retry_reaches_an_app_that_came_back(slack: FakeSlack) -> None:
    await slack.user("ann").dm("nobody is there")
    async with plug(slack):
        await slack.advance(60)
        assert slack.sent[0].is_acked
        await slack.redeliver(slack.sent[0])
        assert slack.sent[0].attempts == 4


async def test_a_command_that_is_not_acknowledged_fails_for_its_user() -> None:
    async with FakeSlack(ack_seconds=0.3) as slack:
        ann = slack.user("ann")
        slack.channel("ops", ann)
        await ann.command("/agent", "list", "ops")
        async with plug(slack, deaf=True):
            sent = await ann.command("/agent", "list", "ops")
        assert not sent.is_acked
        assert sent.attempts == 1
        assert [(f.kind, f.user, f.reason) for f in slack.failures] == [
            ("slash_commands", ann.id, "no_connection"),
            ("slash_commands", ann.id, "timeout"),
        ]


async def test_a_line_that_breaks_loses_the_envelope_to_another(slack: FakeSlack) -> None:
    ann = slack.user("ann")
    async with AsyncExitStack() as stack:
        first = await open_raw(slack, stack)
        telling = asyncio.ensure_future(ann.dm("hello"))
        await first.receive_json(timeout=PATIENCE)
        await stack.enter_async_context(plug(slack))
        slack.sockets.drop(slack.sockets.open[0])
        await telling
        [sent] = slack.sent
        assert (sent.attempts, sent.is_acked) == (2, True)
        assert (await first.receive(timeout=PATIENCE)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_the_client_follows_a_disconnect_frame(slack: FakeSlack) -> None:
    async with plug(slack):
        old = slack.sockets.open[0]
        await slack.sockets.ask_refresh()
        await slack.wait(lambda: slack.sockets.open and old not in slack.sockets.open, PATIENCE)
        await slack.user("ann").dm("hello")
        assert slack.sent[0].is_acked


async def test_the_client_comes_back_when_slack_hangs_up(slack: FakeSlack) -> None:
    async with plug(slack):
        old = slack.sockets.open[0]
        await slack.sockets.hang_up()
        await slack.wait(lambda: slack.sockets.open and old not in slack.sockets.open, PATIENCE)


async def test_a_half_open_connection_says_nothing() -> None:
    async with FakeSlack(ack_seconds=0.3) as slack, AsyncExitStack() as stack:
        socket = await open_raw(slack, stack)
        [connection] = slack.sockets.open
        await socket.ping(b"1")
        assert (await socket.receive(timeout=PATIENCE)).type == aiohttp.WSMsgType.PONG
        slack.sockets.freeze()
        await socket.ping(b"2")
        sent = await slack.user("ann").command("/agent")
        assert (slack.failures[0].reason, sent.is_acked) == ("timeout", False)
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.2)
        assert slack.sockets.open == [connection]


async def test_pings_are_answered_both_ways(slack: FakeSlack) -> None:
    async with plug(slack):
        [connection] = slack.sockets.open
        await slack.sockets.ping()
        await slack.user("ann").dm("hello")
        await slack.user("ann").dm("hello")
        assert connection.pongs == 1
        assert connection.pings >= 1


async def test_an_acknowledgement_of_nothing_is_noted(slack: FakeSlack) -> None:
    async with AsyncExitStack() as stack:
        socket = await open_raw(slack, stack)
        await socket.send_str(json.dumps({"envelope_id": "other"}))
        await slack.wait(lambda: slack.sockets.stray_acks)
    assert slack.sockets.stray_acks == [{"envelope_id": "other"}]


async def test_events_may_be_lost_and_need_their_scope(slack: FakeSlack) -> None:
    ann = slack.user("ann")
    ops = slack.channel("ops", ann)
    slack.losing_events = True
    await ann.say(ops, "hello")
    assert [sent.payload["event"]["text"] for sent in slack.lost] == ["hello"]
    slack.losing_events = False
    slack.scopes -= {"channels:history"}
    await ann.mention(ops, "hello")
    assert [sent.payload["event"]["type"] for sent in slack.sent] == ["app_mention"]


async def test_every_envelope_has_its_own_time(slack: FakeSlack) -> None:
    async with plug(slack), plug(slack):
        sent: list[Sent] = await asyncio.gather(*(slack.user(f"u{n}").command("/agent") for n in range(50)))
        assert all(each.seconds is not None for each in sent)
        assert len({each.connections[0] for each in sent}) == 2
