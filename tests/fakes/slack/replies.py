"""`response_url` and incoming webhooks: posting without a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.slack.blocks import judge_message
from tests.fakes.slack.chat import (
    change_message,
    check_thread,
    note_content,
    post_as_app,
    refuse,
    remove_message,
    whisper,
)
from tests.fakes.slack.events import emit_change
from tests.fakes.slack.records import Call, Denied, Json, Message, ReplyUrl

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

USES, SECONDS = 5, 30 * 60.0


def use_url(slack: FakeSlack, call: Call, reply: ReplyUrl | None) -> Json:
    """Post to a `response_url`. Raises Denied: used_url, expired_url, or what a post is refused for."""
    if reply is None or slack.now() - reply.made > SECONDS:
        raise Denied("expired_url", status=404)
    if reply.uses >= USES:
        raise Denied("used_url", status=404)
    reply.uses += 1
    answer_act(slack, reply, call.args, call.method)
    return {}


def answer_act(slack: FakeSlack, reply: ReplyUrl, content: Json, method: str) -> Message | None:
    """What a body given as an answer to an act does: the act's message is changed or removed, or one is posted."""
    if content.get("delete_original") and reply.message:
        _remove(slack, reply.message)
        return None
    refuse(judge_message(content))
    if content.get("replace_original") and reply.message:
        return _replace(slack, reply.message, content, method)
    thread = content.get("thread_ts")
    channel = slack.channels[reply.channel]
    check_thread(channel, str(thread or ""))
    if content.get("response_type") == "in_channel":
        return post_as_app(slack, channel, content, method)
    return whisper(slack, reply.channel, reply.user, content, method)


def _remove(slack: FakeSlack, message: Message) -> None:
    if message.to:
        slack.whispers = [whispered for whispered in slack.whispers if whispered is not message]
    else:
        remove_message(slack, message)


def _replace(slack: FakeSlack, message: Message, content: Json, method: str) -> Message:
    before = message.to_json()
    change_message(slack, message, content)
    if content.get("blocks") is None:
        message.blocks = None
    note_content(slack, message, method)
    if not message.to:
        emit_change(slack, message, before)
    return message


async def receive_reply(slack: FakeSlack, request: web.Request) -> web.StreamResponse:
    reply = slack.reply_urls.get(request.match_info["id"])
    args = await _read_body(request)
    channel = reply.channel if reply else ""
    call = Call(method="response_url", args=args, token="", at=slack.now(), channel=channel)
    return await slack.answer(request, call, lambda: use_url(slack, call, reply))


async def receive_webhook(slack: FakeSlack, request: web.Request) -> web.StreamResponse:
    """An incoming webhook answers in plain text."""
    channel = slack.webhooks.get(request.path)
    args = await _read_body(request)
    call = Call(method="webhook", args=args, token="", at=slack.now(), channel=channel or "")

    def post() -> Json:
        if channel is None:
            raise Denied("no_service", status=404)
        if slack.channels[channel].archived:
            raise Denied("channel_is_archived", status=410)
        if args.get("_raw"):
            raise Denied("invalid_payload", status=400)
        refuse(judge_message(args))
        post_as_app(slack, slack.channels[channel], args, "webhook")
        return {}

    return await slack.answer(request, call, post, plain=True)


async def _read_body(request: web.Request) -> Json:
    raw = await request.text()
    try:
        read = json.loads(raw)
    except ValueError:
        return {"_raw": raw}
    return read if isinstance(read, dict) else {"_raw": raw}
