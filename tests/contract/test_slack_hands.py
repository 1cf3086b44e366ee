"""People before the stand-in Slack, and a real bolt app behind it: over Socket Mode, and over signed HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.door import Trick
from tests.fakes.slack.hands import User
from tests.fakes.slack.records import Message, Sent, View
from tests.fakes.slack.server import FakeSlack

PATIENCE = 60.0


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(text: str) -> dict[str, Any]:
    return {"text": plain(text), "value": f"v-{text}"}


STOP = {"type": "button", "text": plain("Stop"), "action_id": "stop", "value": "web-12"}
CARD = [{"type": "actions", "block_id": "acts", "elements": [STOP]}]
PROJECTS = {"type": "external_select", "action_id": "project", "placeholder": plain("Project"), "min_query_length": 0}
KINDS = {"type": "static_select", "action_id": "kind", "options": [option("claude"), option("codex")]}
TASK = {"type": "plain_text_input", "action_id": "task", "max_length": 20}
FORM = {
    "type": "modal",
    "callback_id": "spawn",
    "title": plain("Spawn"),
    "submit": plain("Start"),
    "notify_on_close": True,
    "blocks": [
        {"type": "input", "block_id": "p", "label": plain("Project"), "element": PROJECTS},
        {"type": "input", "block_id": "k", "label": plain("Kind"), "element": KINDS, "optional": True},
        {"type": "input", "block_id": "t", "label": plain("Task"), "element": TASK},
    ],
}


class Crew:
    """A small bolt app that writes down what it heard."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.heard: list[tuple[str, Any]] = []
        self.verdict: dict[str, Any] = {}
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
        self.app = AsyncApp(client=client, signing_secret=slack.signing_secret)
        self.app.command("/agent")(self.take_command)
        self.app.action("stop")(self.take_click)
        self.app.action("project")(self.take_choice)
        self.app.action("kind")(self.take_choice)
        self.app.options("project")(self.offer_projects)
        self.app.view("spawn")(self.take_form)
        self.app.view_closed("spawn")(self.take_closing)
        self.app.shortcut("start_here")(self.take_shortcut)
        self.app.event("app_home_opened")(self.show_home)
        self.app.event("message")(self.take_message)

    async def take_command(self, ack: Any, body: Any, client: AsyncWebClient) -> None:
        self.heard.append(("command", body["text"]))
        if body["text"] == "spawn":
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)
        else:
            await ack(text=f"no {body['text']} here")

    async def take_click(self, ack: Any, body: Any, respond: Any) -> None:
        await ack()
        self.heard.append(("click", (body["user"]["id"], body["actions"][0]["value"])))
        await respond(text="stopped", blocks=[], replace_original=True)

    async def take_choice(self, ack: Any, body: Any) -> None:
        await ack()
        self.heard.append(("choice", body["actions"][0]["selected_option"]["value"]))

    async def offer_projects(self, ack: Any, payload: Any) -> None:
        self.heard.append(("options", payload["value"]))
        await ack(options=[option(name) for name in ("web", "api") if payload["value"] in name])

    async def take_form(self, ack: Any, view: Any) -> None:
        self.heard.append(("form", view["state"]["values"]))
        await ack(**self.verdict)

    async def take_closing(self, ack: Any) -> None:
        await ack()
        self.heard.append(("closed", ""))

    async def take_shortcut(self, ack: Any, shortcut: Any) -> None:
        await ack()
        self.heard.append(("shortcut", shortcut["message"]["text"]))

    async def show_home(self, event: Any, client: AsyncWebClient) -> None:
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "nothing needs you"}}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    async def take_message(self, event: Any) -> None:
        self.heard.append(("message", event))


@asynccontextmanager
async def serve_http(slack: FakeSlack, crew: Crew) -> AsyncIterator[None]:
    async def receive(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await crew.app.async_dispatch(await to_bolt_request(request)))

    door = web.Application()
    door.router.add_post("/slack/events", receive)
    runner = web.AppRunner(door, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield
    await runner.cleanup()


@asynccontextmanager
async def serve_sockets(slack: FakeSlack, crew: Crew) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(crew.app, slack.app_token)
    await handler.connect_async()
    await slack.wait(lambda: slack.sockets.open)
    yield
    await handler.close_async()


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(ack_seconds=PATIENCE) as opened:
        yield opened


@pytest.fixture(params=["sockets", "http"])
async def crew(slack: FakeSlack, request: pytest.FixtureRequest) -> AsyncIterator[Crew]:
    made = Crew(slack)
    async with (serve_http if request.param == "http" else serve_sockets)(slack, made):
        yield made


@pytest.fixture
def ann(slack: FakeSlack) -> User:
    person = slack.user("ann")
    slack.channel("ops", person)
    return person


async def post_card(slack: FakeSlack, blocks: list[Any]) -> Message:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
    ts = (await client.chat_postMessage(channel="#ops", text="web-12", blocks=blocks))["ts"]
    return slack.need_channel("ops").messages[ts]


async def open_form(slack: FakeSlack, ann: User) -> View:
    await ann.command("/agent", "spawn", "ops")
    return (await slack.wait(lambda: slack.modals(ann)))[0]


async def test_a_command_is_answered_in_private(slack: FakeSlack, crew: Crew, ann: User) -> None:
    sent = await ann.command("/agent", "list", "ops")
    assert [slack.text_of(message) for message in slack.ephemerals(ann)] == ["no list here"]
    assert (sent.is_acked, slack.messages("ops")) == (True, [])
    assert slack.unexpected == slack.failures == []


async def test_a_click_is_on_what_is_seen(slack: FakeSlack, crew: Crew, ann: User) -> None:
    card = await post_card(slack, CARD)
    assert slack.text_of(card) == "[Stop]"
    with pytest.raises(AssertionError, match=r"\['Stop'\]"):
        await ann.click(card, "Go")
    await ann.click(card, "Stop")
    await slack.wait(lambda: card.text == "stopped")
    with pytest.raises(AssertionError):
        await ann.click(card, "Stop")
    assert crew.heard[-1] == ("click", (ann.id, "web-12"))


async def test_a_confirmation_may_be_withheld(slack: FakeSlack, crew: Crew, ann: User) -> None:
    words = {"title": plain("Stop?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}
    card = await post_card(slack, [{"type": "actions", "elements": [STOP | {"confirm": words}]}])
    assert await ann.click(card, "stop", confirmed=False) is None
    assert [kind for kind, _ in crew.heard if kind == "click"] == []


async def test_who_is_not_there_sees_nothing(slack: FakeSlack, ann: User) -> None:
    card = await post_card(slack, CARD)
    with pytest.raises(AssertionError, match="bob is not in #ops"):
        await slack.user("bob").click(card, "Stop")
    await ann.delete(await ann.say("ops", "hello"))
    del slack.need_channel("ops").messages[card.ts]
    with pytest.raises(AssertionError, match="gone"):
        await ann.click(card, "Stop")


async def test_an_external_menu_asks_first(slack: FakeSlack, crew: Crew, ann: User) -> None:
    card = await post_card(slack, [{"type": "actions", "elements": [PROJECTS, KINDS]}])
    await ann.choose(card, "Project", "api", query="a")
    await ann.choose(card, "kind", "codex")
    with pytest.raises(AssertionError, match="no option 'nope'"):
        await ann.choose(card, "project", "nope")
    heard = [each for each in crew.heard if each[0] != "message"]
    assert heard == [("options", "a"), ("choice", "v-api"), ("choice", "v-codex"), ("options", "nope")]


async def test_a_form_is_filled_in(slack: FakeSlack, crew: Crew, ann: User) -> None:
    view = await open_form(slack, ann)
    assert slack.text_of(view).splitlines()[0] == "Spawn"
    with pytest.raises(AssertionError, match="'Task' is required"):
        await ann.submit(view, {"p": "web"})
    with pytest.raises(AssertionError, match="0 to 20 characters"):
        await ann.submit(view, {"p": "web", "Task": "x" * 21})
    await ann.submit(view, {"p": "web", "Task": "fix it", "kind": "codex"})
    assert view.closed
    state = crew.heard[-1][1]
    assert state["p"]["project"]["selected_option"]["value"] == "v-web"
    assert state["k"]["kind"]["selected_option"]["value"] == "v-codex"
    assert state["t"]["task"]["value"] == "fix it"


async def test_a_form_may_be_refused_replaced_and_cleared(slack: FakeSlack, crew: Crew, ann: User) -> None:
    view = await open_form(slack, ann)
    values = {"p": "web", "t": "fix"}
    crew.verdict = {"response_action": "errors", "errors": {"t": "too vague"}}
    sent = await ann.submit(view, values)
    assert sent.answer == crew.verdict
    assert not view.closed
    second = FORM | {"title": plain("Sure?")}
    crew.verdict = {"response_action": "push", "view": second}
    await ann.submit(view, values)
    assert [shown.content["title"]["text"] for shown in slack.modals(ann)] == ["Spawn", "Sure?"]
    crew.verdict = {"response_action": "clear"}
    await ann.submit(slack.modals(ann)[-1], values)
    assert slack.modals(ann) == []
    assert slack.unexpected == []


async def test_a_bad_answer_to_a_form_is_noted(slack: FakeSlack, crew: Crew, ann: User) -> None:
    view = await open_form(slack, ann)
    crew.verdict = {"response_action": "errors", "errors": {"nowhere": "too vague"}}
    await ann.submit(view, {"p": "web", "t": "fix"})
    assert [call.error for call in slack.unexpected] == ["invalid_errors"]


async def test_a_form_is_closed(slack: FakeSlack, crew: Crew, ann: User) -> None:
    view = await open_form(slack, ann)
    await ann.close(view)
    assert crew.heard[-1] == ("closed", "")
    with pytest.raises(AssertionError, match="closed"):
        await ann.submit(view, {})


async def test_a_shortcut_and_the_home_tab(slack: FakeSlack, crew: Crew, ann: User) -> None:
    await ann.shortcut(await ann.say("ops", "the login is broken"), "start_here")
    await slack.wait(lambda: ("shortcut", "the login is broken") in crew.heard)
    await ann.open_home()
    home = await slack.wait(lambda: slack.home(ann))
    assert slack.text_of(home) == "nothing needs you"


async def test_files_go_with_what_is_said(slack: FakeSlack, crew: Crew, ann: User) -> None:
    await ann.say("ops", "see this", files={"shot.png": b"PNG"})
    await slack.wait(lambda: crew.heard)
    [(_, event)] = crew.heard
    assert (event["subtype"], event["files"][0]["mimetype"]) == ("file_share", "image/png")
    assert event["files"][0]["url_private"].startswith(slack.url)


async def test_somebody_of_another_company_is_told_apart(slack: FakeSlack, crew: Crew) -> None:
    far = slack.user("far", team="T0FAR")
    slack.channel("shared", far, shared=True)
    await far.say("shared", "hello")
    await slack.wait(lambda: crew.heard)
    assert crew.heard[0][1]["user_team"] == "T0FAR"


async def test_what_is_typed_comes_escaped_and_linked(slack: FakeSlack, crew: Crew, ann: User) -> None:
    said = await ann.say("ops", f"a < b & <@{ann.id}> in main.py: https://x.org/?a=1&b=2")
    await slack.wait(lambda: crew.heard)
    wire = f"a &lt; b &amp; <@{ann.id}> in <http://main.py|main.py>: <https://x.org/?a=1&amp;b=2>"
    assert crew.heard[0][1]["text"] == wire
    assert slack.text_of(said) == "a < b & @ann in main.py: https://x.org/?a=1&b=2"


async def test_the_words_on_a_button_come_back_escaped(slack: FakeSlack, crew: Crew, ann: User) -> None:
    card = await post_card(slack, [{"type": "actions", "elements": [STOP | {"text": plain("Stop & go &lt;1")}]}])
    assert slack.text_of(card) == "[Stop & go <1]"
    sent = await ann.click(card, "Stop & go <1")
    assert sent is not None
    assert sent.payload["actions"][0]["text"]["text"] == "Stop &amp; go &lt;1"


async def test_what_is_chosen_stays_chosen_in_a_message(slack: FakeSlack, crew: Crew, ann: User) -> None:
    blocks = [{"type": "actions", "block_id": "acts", "elements": [KINDS, STOP]}]
    card = await post_card(slack, blocks)
    await ann.choose(card, "kind", "codex")
    sent = await ann.click(card, "stop")
    assert sent is not None
    assert sent.payload["state"]["values"]["acts"]["kind"]["selected_option"]["value"] == "v-codex"


async def test_the_bot_is_invited_and_removed(slack: FakeSlack) -> None:
    ann = slack.user("ann")
    room = slack.channel("room", ann, joined=False)
    await ann.say(room, "nobody hears this")
    await ann.invite_bot(room)
    await slack.uninstall()
    events = [sent.payload["event"]["type"] for sent in slack.sent]
    assert events == ["member_joined_channel", "tokens_revoked", "app_uninstalled"]
    assert slack.tokens[slack.bot_token].state == "account_inactive"


async def test_only_what_the_manifest_asks_for(slack: FakeSlack, ann: User) -> None:
    slack.install(
        {
            "features": {"slash_commands": [{"command": "/crew"}], "shortcuts": [{"callback_id": "start_here"}]},
            "oauth_config": {"scopes": {"bot": ["commands", "channels:history"]}},
            "settings": {"event_subscriptions": {"bot_events": ["message.channels"]}},
        }
    )
    with pytest.raises(AssertionError, match="/agent is not a command"):
        await ann.command("/agent", "list", "ops")
    message = await ann.mention("ops", "hello")
    assert [sent.payload["event"]["type"] for sent in slack.sent] == ["message"]
    with pytest.raises(AssertionError, match="other is not a shortcut"):
        await ann.shortcut(message, "other")


@pytest.fixture
async def signed(slack: FakeSlack) -> AsyncIterator[Crew]:
    made = Crew(slack)
    async with serve_http(slack, made):
        yield made


TRICKS: list[Trick] = ["forged", "stale", "future", "unsigned", "changed"]


@pytest.mark.parametrize("trick", TRICKS)
async def test_what_is_not_signed_well_is_refused(slack: FakeSlack, signed: Crew, ann: User, trick: Trick) -> None:
    sent = await ann.command("/agent", "list", "ops")
    assert sent.status == 200
    signed.heard.clear()
    assert (await slack.door.trick(sent, trick)).status == 401
    assert signed.heard == []


async def test_what_is_replayed_is_the_same_to_the_byte(slack: FakeSlack, signed: Crew, ann: User) -> None:
    sent = await ann.command("/agent", "list", "ops")
    assert (await slack.door.trick(sent, "replayed")).status == 200
    assert [text for _, text in signed.heard] == ["list", "list"]


async def test_the_request_url_is_verified(slack: FakeSlack, signed: Crew) -> None:
    assert await slack.door.verify_url()


@asynccontextmanager
async def serve_plain(slack: FakeSlack, handle: Any) -> AsyncIterator[None]:
    """An app of one function."""
    door = web.Application()
    door.router.add_post("/", handle)
    runner = web.AppRunner(door, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield
    await runner.cleanup()


async def test_an_event_is_posted_again_with_its_number(slack: FakeSlack) -> None:
    seen: list[tuple[str | None, str | None, str]] = []

    async def refuse(request: web.Request) -> web.Response:
        event = (await request.json())["event_id"]
        seen.append((request.headers.get("x-slack-retry-num"), request.headers.get("x-slack-retry-reason"), event))
        return web.Response(status=500)

    ann = slack.user("ann")
    async with serve_plain(slack, refuse):
        await ann.dm("hello")
        await slack.advance(60)
        await slack.advance(300)
    assert [retry[:2] for retry in seen] == [(None, None), *((str(n), "http_error") for n in (1, 2, 3))]
    assert len({event for _, _, event in seen}) == 1
    assert slack.lost == slack.sent


async def test_who_asks_for_no_more_is_told_no_more(slack: FakeSlack) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})

    async with serve_plain(slack, refuse):
        await slack.user("ann").dm("hello")
    assert [sent.attempts for sent in slack.lost] == [1]


async def test_a_command_that_is_refused_is_not_posted_again(slack: FakeSlack) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with serve_plain(slack, refuse):
        sent: Sent = await slack.user("ann").command("/agent")
    assert (sent.attempts, sent.is_acked, slack.failures[0].reason) == (1, False, "http_error")


async def test_an_app_that_does_not_answer_in_time() -> None:
    async with FakeSlack(ack_seconds=0.2) as slack:

        async def hang(request: web.Request) -> web.Response:
            await slack.wait(lambda: slack.failures)
            return web.Response()

        async with serve_plain(slack, hang):
            await slack.user("ann").command("/agent")
        assert slack.failures[0].reason == "http_timeout"
