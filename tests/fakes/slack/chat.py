"""chat.*: messages that the app posts, edits and deletes."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.blocks import Refusal, judge_message
from tests.fakes.slack.events import emit_change, emit_deletion, emit_message
from tests.fakes.slack.marks import escape_raw
from tests.fakes.slack.methods import method, need_writable
from tests.fakes.slack.records import Call, Channel, Denied, Json, Message

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack


def refuse(refusal: Refusal | None) -> None:
    """Raises Denied with Slack's remarks where something was found."""
    if refusal is not None:
        more = {"errors": list(refusal.messages)} if refusal.error == "invalid_blocks" else {}
        raise Denied(refusal.error, response_metadata={"messages": list(refusal.messages)}, **more)


def fill_ids(slack: FakeSlack, blocks: Any) -> list[Json] | None:
    """The blocks as Slack stores them: what has no id is given one, plain texts are kept escaped."""
    if blocks is None:
        return None
    filled: list[Json] = deepcopy(blocks)
    _escape_plain(filled)
    for block in filled:
        block.setdefault("block_id", slack.next_id("b"))
        for element in (*block.get("elements", ()), block.get("accessory"), block.get("element")):
            if isinstance(element, dict) and block["type"] in ("actions", "section", "input"):
                element.setdefault("action_id", slack.next_id("a"))
    return filled


def _escape_plain(part: Any) -> None:
    if isinstance(part, dict) and part.get("type") == "plain_text":
        part["text"] = escape_raw(part["text"])
    elif isinstance(part, dict | list):
        for value in part.values() if isinstance(part, dict) else part:
            _escape_plain(value)


def check_thread(channel: Channel, thread_ts: str) -> None:
    """A thread hangs on a message that is no reply itself."""
    if not thread_ts:
        return
    root = channel.messages.get(thread_ts)
    if root is None:
        raise Denied("thread_not_found")
    if root.is_reply or root.subtype == "tombstone":
        raise Denied("cannot_reply_to_message")


def is_named(call: Call) -> bool:
    """Whether bare `@here` and the like call people in this post."""
    return call.is_true("link_names") or call.args.get("parse") == "full"


def post_as_app(slack: FakeSlack, channel: Channel, content: Json, method: str, named: bool = False) -> Message:
    """Store and announce a message of the app that was found good."""
    thread = str(content.get("thread_ts") or "")
    message = slack.keep_message(
        channel,
        slack.bot,
        bot=slack.bot_id,
        text=str(content.get("text") or ""),
        markdown=str(content.get("markdown_text") or ""),
        blocks=fill_ids(slack, content.get("blocks")),
        attachments=content.get("attachments"),
        metadata=content.get("metadata"),
        thread_ts=thread,
    )
    note_content(slack, message, method, named)
    emit_message(slack, message)
    return message


def note_content(slack: FakeSlack, message: Message, method: str, named: bool = False) -> None:
    streamed = {"type": "markdown", "text": message.markdown}
    parts = [{"type": "mrkdwn", "text": message.text}, streamed, message.blocks, message.attachments]
    slack.note_marks(method, parts, message.channel, message.ts, named)


@method("chat.postMessage", "chat:write")
def post_message(slack: FakeSlack, call: Call) -> Json:
    channel = need_writable(slack, call)
    refuse(judge_message(call.args))
    check_thread(channel, str(call.args.get("thread_ts") or ""))
    message = post_as_app(slack, channel, call.args, call.method, is_named(call))
    answer = {"channel": channel.id, "ts": message.ts, "message": message.to_json()}
    if message.blocks and not message.text:
        slack.unexpected.append(call)
        return answer | {"warning": "missing_text_in_message"}
    return answer


@method("chat.update", "chat:write")
def update_message(slack: FakeSlack, call: Call) -> Json:
    message = need_own(slack, call, "cant_update_message")
    refuse(judge_message(call.args))
    if message.streaming:
        raise Denied("streaming_state_conflict")
    before = message.to_json()
    change_message(slack, message, call.args)
    note_content(slack, message, call.method, is_named(call))
    emit_change(slack, message, before)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.to_json()}


def change_message(slack: FakeSlack, message: Message, content: Json) -> None:
    """What is not given stays as it is."""
    if content.get("text") is not None:
        message.text = str(content["text"])
    if content.get("blocks") is not None:
        message.blocks, message.markdown = fill_ids(slack, content["blocks"]), ""
    if content.get("markdown_text"):
        message.blocks, message.markdown = None, str(content["markdown_text"])
    if content.get("attachments") is not None:
        message.attachments = content["attachments"]
    if content.get("metadata") is not None:
        message.metadata = content["metadata"] or None
    message.edits.append(slack.next_ts())


def need_own(slack: FakeSlack, call: Call, error: str) -> Message:
    """The message of a call, which the app wrote."""
    name, ts = call.need("channel", "ts")
    channel = slack.channels.get(name)
    if channel is None:
        raise Denied("channel_not_found")
    if channel.archived:
        raise Denied("is_archived")
    message = channel.messages.get(ts)
    if message is None or message.subtype == "tombstone":
        raise Denied("message_not_found")
    if message.bot != slack.bot_id:
        raise Denied(error)
    return message


@method("chat.delete", "chat:write")
def delete_message(slack: FakeSlack, call: Call) -> Json:
    message = need_own(slack, call, "cant_delete_message")
    remove_message(slack, message)
    return {"channel": message.channel, "ts": message.ts}


def remove_message(slack: FakeSlack, message: Message) -> None:
    """Of a thread's first message a tombstone stays."""
    held = slack.channels[message.channel].messages
    before = message.to_json()
    if any(other.thread_ts == message.ts and other is not message for other in held.values()):
        message.subtype, message.text, message.blocks, message.markdown = (
            "tombstone",
            "This message was deleted.",
            None,
            "",
        )
    else:
        del held[message.ts]
    emit_deletion(slack, message, before)


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(slack: FakeSlack, call: Call) -> Json:
    channel = need_writable(slack, call)
    (user,) = call.need("user")
    if user not in channel.members:
        raise Denied("user_not_in_channel")
    refuse(judge_message(call.args))
    check_thread(channel, str(call.args.get("thread_ts") or ""))
    return {"message_ts": whisper(slack, channel.id, user, call.args, call.method).ts}


def whisper(slack: FakeSlack, channel: str, user: str, content: Json, method: str) -> Message:
    """Show a message to one person; it stands in no history."""
    message = Message(
        channel=channel,
        ts=slack.next_ts(),
        user=slack.bot,
        bot=slack.bot_id,
        to=user,
        text=str(content.get("text") or ""),
        blocks=fill_ids(slack, content.get("blocks")),
        attachments=content.get("attachments"),
        thread_ts=str(content.get("thread_ts") or ""),
    )
    slack.whispers.append(message)
    note_content(slack, message, method)
    return message
