"""The stand-in Slack through the real client: what it stores, what it refuses, and in which words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.server import FakeSlack

SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "*web-12* works"}}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "Spawn"}, "blocks": SECTION}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(ack_seconds=60.0) as opened:
        yield opened


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def client(slack: FakeSlack, session: aiohttp.ClientSession) -> AsyncWebClient:
    """The real client, which repeats nothing."""
    return make_client(slack, session, slack.bot_token)


def make_client(slack: FakeSlack, session: aiohttp.ClientSession, token: str) -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=slack.base_url, session=session, retry_handlers=[])


async def refused(call: Any) -> str:
    """The error code a call is answered with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_message_is_posted_edited_read_and_deleted(slack: FakeSlack, client: AsyncWebClient) -> None:
    ops = slack.channel("ops")
    note = {"event_type": "card", "event_payload": {"key": "web-12"}}
    posted = await client.chat_postMessage(channel=ops.id, text="web-12", blocks=SECTION, metadata=note)
    reply = await client.chat_postMessage(channel=ops.id, text="more", thread_ts=posted["ts"])
    assert float(reply["ts"]) > float(posted["ts"])
    await client.chat_update(channel=ops.id, ts=posted["ts"], text="done", blocks=[])
    thread = await client.conversations_replies(channel=ops.id, ts=posted["ts"], include_all_metadata=True)
    assert [message["text"] for message in thread["messages"]] == ["done", "more"]
    assert thread["messages"][0]["metadata"] == note
    plain = await client.conversations_history(channel=ops.id)
    assert [("metadata" in message, message["reply_count"]) for message in plain["messages"]] == [(False, 1)]
    await client.chat_delete(channel=ops.id, ts=reply["ts"])
    assert [slack.text_of(message) for message in slack.messages("#ops", posted["ts"])] == ["done"]
    assert slack.unexpected == []


async def test_history_is_paged_and_cut_by_time(slack: FakeSlack, client: AsyncWebClient) -> None:
    ops = slack.channel("ops")
    stamps = [(await client.chat_postMessage(channel=ops.id, text=str(n)))["ts"] for n in range(5)]
    page = await client.conversations_history(channel=ops.id, limit=3)
    rest = await client.conversations_history(channel=ops.id, limit=3, cursor=page["response_metadata"]["next_cursor"])
    assert [m["text"] for m in page["messages"] + rest["messages"]] == ["4", "3", "2", "1", "0"]
    late = await client.conversations_history(channel=ops.id, oldest=stamps[2])
    assert [message["text"] for message in late["messages"]] == ["4", "3"]
    both = await client.conversations_history(channel=ops.id, oldest=stamps[2], inclusive=True)
    assert len(both["messages"]) == 3


async def test_bad_blocks_are_refused_with_remarks(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("ops")
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#ops", text="x", blocks=[block])
    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert "json-pointer:/blocks/0/text/text" in answer["response_metadata"]["messages"][0]
    assert [call.error for call in slack.unexpected] == ["invalid_blocks"]
    assert await refused(client.api_call("chat.postMessage", json={"channel": "#ops"})) == "no_text"
    assert slack.messages("ops") == []


async def test_blocks_without_text_are_noted(slack: FakeSlack, client: AsyncWebClient) -> None:
    ops = slack.channel("ops")
    with pytest.warns(UserWarning, match="text"):
        await client.chat_postMessage(channel=ops.id, blocks=SECTION)
    assert [call.method for call in slack.unexpected] == ["chat.postMessage"]


async def test_where_the_bot_may_not_post(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("elsewhere", joined=False)
    slack.channel("secret", joined=False, kind="group")
    slack.channel("old", archived=True)
    assert await refused(client.chat_postMessage(channel="#nowhere", text="x")) == "channel_not_found"
    assert await refused(client.chat_postMessage(channel="#elsewhere", text="x")) == "not_in_channel"
    assert await refused(client.chat_postMessage(channel="#secret", text="x")) == "channel_not_found"
    assert await refused(client.chat_postMessage(channel="#old", text="x")) == "is_archived"
    await client.conversations_join(channel=slack.need_channel("elsewhere").id)
    await client.chat_postMessage(channel="#elsewhere", text="x")


async def test_threads_and_messages_that_are_not_there(slack: FakeSlack, client: AsyncWebClient) -> None:
    ops = slack.channel("ops", slack.user("ann"))
    said = await slack.user("ann").say(ops, "hello")
    reply = await slack.user("ann").say(ops, "again", said.ts)
    where: dict[str, Any] = {"channel": ops.id, "text": "x"}
    assert await refused(client.chat_postMessage(**where, thread_ts="1.000000")) == "thread_not_found"
    assert await refused(client.chat_postMessage(**where, thread_ts=reply.ts)) == "cannot_reply_to_message"
    assert await refused(client.chat_update(**where, ts="1.000000")) == "message_not_found"
    assert await refused(client.chat_update(**where, ts=said.ts)) == "cant_update_message"
    assert await refused(client.chat_delete(channel=ops.id, ts=said.ts)) == "cant_delete_message"
    assert await refused(client.conversations_replies(channel=ops.id, ts="1.000000")) == "thread_not_found"


@pytest.mark.parametrize(
    ("token", "error"), [("", "not_authed"), ("xoxb-other", "invalid_auth"), ("app", "not_allowed_token_type")]
)
async def test_tokens(slack: FakeSlack, session: aiohttp.ClientSession, token: str, error: str) -> None:
    slack.channel("ops")
    client = make_client(slack, session, slack.app_token if token == "app" else token)
    assert await refused(client.chat_postMessage(channel="#ops", text="x")) == error


async def test_a_revoked_and_a_new_token(slack: FakeSlack, client: AsyncWebClient, session: Any) -> None:
    told = await client.auth_test()
    assert (told["user_id"], told["bot_id"], told["team_id"]) == (slack.bot, slack.bot_id, slack.team)
    assert "chat:write" in told.headers["x-oauth-scopes"]
    new = slack.rotate()
    assert await refused(client.auth_test()) == "token_revoked"
    assert (await make_client(slack, session, new).auth_test())["ok"]
    slack.revoke(error="account_inactive")
    assert await refused(make_client(slack, session, new).auth_test()) == "account_inactive"


async def test_a_missing_scope_is_named(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("ops")
    slack.scopes -= {"chat:write", "channels:history"}
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#ops", text="x")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "chat:write"
    assert "users:read" in caught.value.response["provided"]
    ops = slack.need_channel("ops").id
    assert await refused(client.conversations_history(channel=ops)) == "missing_scope"


async def test_edits_have_a_budget_a_minute(session: aiohttp.ClientSession) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    async with FakeSlack(now=lambda: noon) as slack:
        client = make_client(slack, session, slack.bot_token)
        ops = slack.channel("ops")
        ts = (await client.chat_postMessage(channel=ops.id, text="x"))["ts"]
        for _ in range(50):
            await client.chat_update(channel=ops.id, ts=ts, text="x")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel=ops.id, ts=ts, text="x")
        assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
        assert caught.value.response.headers["Retry-After"] == "60"
        await slack.advance(60)
        await client.chat_update(channel=ops.id, ts=ts, text="x")


async def test_posts_may_keep_to_one_a_second_in_a_channel(session: aiohttp.ClientSession) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    async with FakeSlack(now=lambda: noon) as slack:
        slack.pace.posts = True
        client = make_client(slack, session, slack.bot_token)
        slack.channel("ops")
        slack.channel("dev")
        await client.chat_postMessage(channel="#ops", text="x")
        await client.chat_postMessage(channel="#dev", text="x")
        assert await refused(client.chat_postMessage(channel="#ops", text="x")) == "ratelimited"


async def test_ordered_faults(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("ops")
    slack.channel("dev")
    slack.trouble("429", channel="ops", retry_after=7)
    await client.chat_postMessage(channel="#dev", text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#ops", text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    slack.trouble("500", "chat.postMessage")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#ops", text="x")
    assert caught.value.response.status_code == 500
    slack.trouble("fatal_error", "chat.postMessage")
    assert await refused(client.chat_postMessage(channel="#ops", text="x")) == "fatal_error"
    assert slack.messages("ops") == []
    await client.chat_postMessage(channel="#ops", text="x")


@pytest.mark.parametrize(("fault", "stored"), [("close", 0), ("close_after", 1), ("hang", 0), ("hang_after", 1)])
async def test_calls_that_are_never_answered(slack: FakeSlack, client: AsyncWebClient, fault: str, stored: int) -> None:
    slack.channel("ops")
    trouble = slack.trouble(fault, "chat.postMessage")
    call = asyncio.ensure_future(client.chat_postMessage(channel="#ops", text="x"))
    await slack.wait(lambda: trouble.hits and (not stored or slack.messages("ops")))
    assert not (fault.startswith("hang") and call.done())
    trouble.release()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await call
    assert len(slack.messages("ops")) == stored


async def test_who_would_be_called_is_noted(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("ops")
    for text in ("<!channel> a", "<@U123>", "<!subteam^S1>", "<!here|here>"):
        await client.chat_postMessage(channel="#ops", text=text)
    for text in ("&lt;!channel&gt;", "@here", "a <b> c", "<#C1|ops>", "<!date^1^{time}|now>", "x@y.org"):
        await client.chat_postMessage(channel="#ops", text=text)
    assert [ping.words for ping in slack.pings] == ["<!channel>", "<@U123>", "<!subteam^S1>", "<!here|here>"]
    slack.pings.clear()
    await client.chat_postMessage(channel="#ops", text="@here", link_names=True)
    user = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}
    await client.chat_postMessage(channel="#ops", text="x", blocks=[{"type": "rich_text", "elements": [user]}])
    await client.chat_postMessage(channel="#ops", text="x", blocks=[{"type": "markdown", "text": "<!everyone>"}])
    plain = {"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}
    await client.chat_postMessage(channel="#ops", text="x", blocks=[plain])
    assert [ping.words for ping in slack.pings] == ["@here", "<@U1>", "<!everyone>"]


async def test_links_under_another_name_are_noted(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.channel("ops")
    await client.chat_postMessage(channel="#ops", text="<https://evil.org|https://good.org> <https://x.org>")
    block = {"type": "markdown", "text": "[good](https://evil.org) <https://evil.org|good>"}
    await client.chat_postMessage(channel="#ops", text="x", blocks=[block])
    assert [(link.url, link.label) for link in slack.links] == [
        ("https://evil.org", "https://good.org"),
        ("https://evil.org", "good"),
        ("https://evil.org", "good"),
    ]
    assert slack.text_of(slack.messages("ops")[0]) == "https://good.org https://x.org"


async def test_a_stream(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann = slack.user("ann")
    ops = slack.channel("ops", ann)
    root = await ann.say(ops, "go")
    lost = client.chat_startStream(channel=ops.id, thread_ts=root.ts)
    assert await refused(lost) == "missing_recipient_user_id"
    people = {"recipient_user_id": ann.id, "recipient_team_id": ann.team}
    stream = await client.chat_stream(channel=ops.id, thread_ts=root.ts, **people, buffer_size=1)
    await stream.append(markdown_text="**hello ")
    await stream.append(markdown_text="world**")
    message = slack.messages(ops.id, root.ts)[1]
    assert message.streaming
    assert await refused(client.chat_update(channel=ops.id, ts=message.ts, text="x")) == "streaming_state_conflict"
    await stream.stop(blocks=SECTION)
    assert slack.text_of(message) == "**hello world**\n*web-12* works"
    late = client.chat_appendStream(channel=ops.id, ts=message.ts, markdown_text="x")
    assert await refused(late) == "message_not_in_streaming_state"


async def test_a_stream_that_is_not_fed_ends(slack: FakeSlack, client: AsyncWebClient) -> None:
    place = {"channel": slack.direct(slack.user("ann").id).id}
    ts = (await client.chat_startStream(**place, thread_ts="", markdown_text="x"))["ts"]
    await slack.advance(301)
    assert await refused(client.chat_stopStream(**place, ts=ts)) == "message_not_in_streaming_state"


async def test_people_and_groups(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann, guest = slack.user("ann"), slack.user("gus", is_restricted=True)
    far, gone = slack.user("far", team="T0FAR"), slack.user("gone", deleted=True)
    group = slack.group("oncall", ann)
    shown = {person: (await client.users_info(user=person.id))["user"] for person in (ann, guest, far, gone)}
    assert shown[ann]["profile"]["email"] == "ann@example.com"
    assert shown[guest]["is_restricted"]
    assert shown[far]["is_stranger"]
    assert "email" not in shown[far]["profile"]
    assert shown[gone]["deleted"]
    assert (await client.users_lookupByEmail(email="ANN@example.com"))["user"]["id"] == ann.id
    assert await refused(client.users_lookupByEmail(email="far@example.com")) == "users_not_found"
    assert await refused(client.users_info(user="U404")) == "user_not_found"
    assert (await client.usergroups_users_list(usergroup=group))["users"] == [ann.id]
    assert await refused(client.usergroups_users_list(usergroup="S404")) == "no_such_subteam"
    assert "users" not in (await client.usergroups_list())["usergroups"][0]
    assert (await client.team_info())["team"]["id"] == slack.team
    assert (await client.bots_info(bot=slack.bot_id))["bot"]["app_id"] == slack.app
    assert (await client.conversations_open(users=ann.id))["channel"]["id"].startswith("D")


async def test_the_address_needs_its_scope(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann = slack.user("ann")
    slack.scopes -= {"users:read.email"}
    assert "email" not in (await client.users_info(user=ann.id))["user"]["profile"]
    assert await refused(client.users_lookupByEmail(email="ann@example.com")) == "missing_scope"


async def test_a_whisper_is_seen_by_one(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    ops = slack.channel("ops", ann)
    sent = await client.chat_postEphemeral(channel=ops.id, user=ann.id, text="only you")
    assert [slack.text_of(message) for message in slack.ephemerals(ann)] == ["only you"]
    assert (slack.ephemerals(bob), slack.messages("ops")) == ([], [])
    edit = client.chat_update(channel=ops.id, ts=sent["message_ts"], text="x")
    assert await refused(edit) == "message_not_found"
    assert await refused(client.chat_postEphemeral(channel=ops.id, user=bob.id, text="x")) == "user_not_in_channel"


async def test_a_modal_needs_a_fresh_trigger(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann = slack.user("ann")
    trigger = slack.make_trigger(ann.id)
    opened = await client.views_open(trigger_id=trigger, view=MODAL)
    assert [view.id for view in slack.modals(ann)] == [opened["view"]["id"]]
    assert await refused(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    assert await refused(client.views_open(trigger_id="1.2.3", view=MODAL)) == "invalid_trigger_id"
    old = slack.make_trigger(ann.id)
    await slack.advance(61)
    assert await refused(client.views_open(trigger_id=old, view=MODAL)) == "expired_trigger_id"
    long = MODAL | {"title": {"type": "plain_text", "text": "x" * 25}}
    fresh = client.views_open(trigger_id=slack.make_trigger(ann.id), view=long)
    assert await refused(fresh) == "invalid_arguments"
    await client.views_update(view_id=opened["view"]["id"], view=MODAL | {"callback_id": "second"})
    stale = client.views_update(view_id=opened["view"]["id"], view=MODAL, hash=opened["view"]["hash"])
    assert await refused(stale) == "hash_conflict"


async def test_a_home_tab(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann = slack.user("ann")
    await client.views_publish(user_id=ann.id, view={"type": "home", "blocks": SECTION})
    home = slack.home(ann)
    assert home is not None
    assert slack.text_of(home) == "*web-12* works"
    await client.views_publish(user_id=ann.id, view={"type": "home", "blocks": []})
    assert slack.home(ann) is home
    assert slack.text_of(home) == ""


async def test_a_file_goes_up_and_comes_back(
    slack: FakeSlack, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    ops = slack.channel("ops")
    root = await client.chat_postMessage(channel=ops.id, text="x")
    more = {"filename": "out.log", "title": "Output", "thread_ts": root["ts"]}
    up = await client.files_upload_v2(channel=ops.id, content="line\n", **more)
    assert slack.files[up["file"]["id"]].text == "line\n"
    assert slack.text_of(slack.messages("ops", root["ts"])[1]) == "(Output)"
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with session.get(up["file"]["url_private"], headers=headers) as answer:
        assert await answer.read() == b"line\n"
    async with session.get(up["file"]["url_private"]) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    absent = client.files_completeUploadExternal(files=[{"id": "F404", "title": "x"}])
    assert await refused(absent) == "file_not_found"


async def test_an_upload_of_another_length_is_refused(
    slack: FakeSlack, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    told = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    async with session.post(told["upload_url"], data=b"four") as answer:
        assert answer.status == 400
    done = client.files_completeUploadExternal(files=[{"id": told["file_id"], "title": "x"}])
    assert await refused(done) == "file_not_found"


async def test_an_answer_url_is_good_for_five_uses_in_half_an_hour(
    slack: FakeSlack, session: aiohttp.ClientSession
) -> None:
    ann = slack.user("ann")
    ops = slack.channel("ops", ann)
    url = f"{slack.url}/response/{slack.make_reply_url(ann.id, ops.id).id}"
    for n in range(5):
        async with session.post(
            url, json={"text": str(n), "response_type": "ephemeral" if n else "in_channel"}
        ) as answer:
            assert answer.status == 200
    assert [message.text for message in slack.ephemerals(ann)] == ["1", "2", "3", "4"]
    assert [message.text for message in slack.messages("ops")] == ["0"]
    async with session.post(url, json={"text": "x"}) as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "used_url")
    late = f"{slack.url}/response/{slack.make_reply_url(ann.id, ops.id).id}"
    await slack.advance(1801)
    async with session.post(late, json={"text": "x"}) as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "expired_url")


async def test_an_incoming_webhook_answers_in_plain_text(slack: FakeSlack, session: aiohttp.ClientSession) -> None:
    slack.channel("ops")
    url = slack.url + slack.webhook("ops")
    async with session.post(url, json={"text": "down"}) as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    async with session.post(url, json={"text": ""}) as answer:
        assert (answer.status, await answer.text()) == (400, "no_text")
    async with session.post(url, data=b"{") as answer:
        assert (answer.status, await answer.text()) == (400, "invalid_payload")
    async with session.post(f"{slack.url}/services/T/B/x", json={"text": "x"}) as answer:
        assert (answer.status, await answer.text()) == (404, "no_service")
    assert [message.text for message in slack.messages("ops")] == ["down"]


async def test_channels_of_the_bot_and_their_links(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann = slack.user("ann")
    ops = slack.channel("ops", ann)
    slack.channel("elsewhere", joined=False)
    slack.channel("secret", kind="group")
    joined = await client.users_conversations(types="public_channel,private_channel")
    assert [channel["name"] for channel in joined["channels"]] == ["ops", "secret"]
    assert (await client.conversations_members(channel=ops.id))["members"] == sorted([slack.bot, ann.id])
    root = await client.chat_postMessage(channel=ops.id, text="x")
    reply = await client.chat_postMessage(channel=ops.id, text="y", thread_ts=root["ts"])
    link = (await client.chat_getPermalink(channel=ops.id, message_ts=reply["ts"]))["permalink"]
    assert link.endswith(f"/p{reply['ts'].replace('.', '')}?thread_ts={root['ts']}&cid={ops.id}")


async def test_reactions_and_what_is_no_method(slack: FakeSlack, client: AsyncWebClient) -> None:
    ops = slack.channel("ops")
    ts = (await client.chat_postMessage(channel=ops.id, text="x"))["ts"]
    await client.reactions_add(channel=ops.id, timestamp=ts, name="eyes")
    assert await refused(client.reactions_add(channel=ops.id, timestamp=ts, name="eyes")) == "already_reacted"
    await client.reactions_remove(channel=ops.id, timestamp=ts, name="eyes")
    assert await refused(client.reactions_remove(channel=ops.id, timestamp=ts, name="eyes")) == "no_reaction"
    assert await refused(client.api_call("chat.shout")) == "unknown_method"
