"""conversations.* and reactions.add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.methods import PREFIXES, cut_page, method, need_scope, need_visible
from tests.fakes.slack.records import Call, Channel, Denied, Json, Message

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack


def _need_readable(slack: FakeSlack, call: Call) -> Channel:
    channel = need_visible(slack, call, "history")
    if slack.bot not in channel.members:
        raise Denied("not_in_channel")
    return channel


def _is_within(call: Call, message: Message) -> bool:
    oldest, latest = str(call.args.get("oldest") or "0"), str(call.args.get("latest") or "9999999999")
    ts, low, high = float(message.ts), float(oldest), float(latest)
    return low <= ts <= high if call.is_true("inclusive") else low < ts < high


def _write_message(slack: FakeSlack, call: Call, channel: Channel, message: Message) -> Json:
    written = message.to_json(metadata=call.is_true("include_all_metadata"))
    replies = [other for other in channel.messages.values() if other.is_reply and other.thread_ts == message.ts]
    if replies:
        users = sorted({reply.user for reply in replies})
        written |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": users,
            "latest_reply": replies[-1].ts,
        }
    return written


@method("conversations.replies")
def list_replies(slack: FakeSlack, call: Call) -> Json:
    channel = _need_readable(slack, call)
    (ts,) = call.need("ts")
    asked = channel.messages.get(ts)
    if asked is None:
        raise Denied("thread_not_found")
    root = asked.thread_ts or asked.ts
    held = [message for message in channel.messages.values() if root in (message.ts, message.thread_ts)]
    # The first message is always there, whatever the times asked for.
    found = [message for message in held if message.ts == root or _is_within(call, message)]
    page, more = cut_page(call, [_write_message(slack, call, channel, message) for message in found])
    return {"messages": page} | more


@method("conversations.history")
def list_history(slack: FakeSlack, call: Call) -> Json:
    """Newest first, without the replies in threads."""
    channel = _need_readable(slack, call)
    held = [message for message in channel.messages.values() if not message.is_reply and _is_within(call, message)]
    page, more = cut_page(call, [_write_message(slack, call, channel, message) for message in reversed(held)], 999)
    return {"messages": page, "pin_count": 0} | more


@method("conversations.info")
def show_channel(slack: FakeSlack, call: Call) -> Json:
    return {"channel": need_visible(slack, call, "read").to_json(slack.bot)}


@method("conversations.open", "im:write")
def open_direct(slack: FakeSlack, call: Call) -> Json:
    (users,) = call.need("users")
    names = users.split(",")
    if len(names) > 1:
        raise Denied("missing_scope", needed="mpim:write", provided=",".join(sorted(slack.scopes)))
    user = slack.people.get(names[0])
    if user is None:
        raise Denied("user_not_found")
    if user.deleted:
        raise Denied("user_disabled")
    return {"channel": {"id": slack.direct(user.id).id}}


@method("conversations.join", "channels:join")
def join_channel(slack: FakeSlack, call: Call) -> Json:
    (name,) = call.need("channel")
    channel = slack.need_channel(name)
    if channel.kind != "channel":
        raise Denied("method_not_supported_for_channel_type" if channel.kind == "im" else "channel_not_found")
    if channel.archived:
        raise Denied("is_archived")
    channel.members.add(slack.bot)
    return {"channel": channel.to_json(slack.bot)}


@method("conversations.members")
def list_channel_members(slack: FakeSlack, call: Call) -> Json:
    channel = need_visible(slack, call, "read")
    page, more = cut_page(call, [{"id": id} for id in sorted(channel.members)])
    return {"members": [member["id"] for member in page]} | more


@method("users.conversations")
def list_joined(slack: FakeSlack, call: Call) -> Json:
    """The channels the bot is in, of the `types` asked for and granted."""
    kinds = {"public_channel": "channel", "private_channel": "group", "im": "im"}
    asked = [kinds[name] for name in str(call.args.get("types") or "public_channel").split(",") if name in kinds]
    for kind in asked:
        need_scope(slack, call.token, f"{PREFIXES[kind]}:read")
    joined = [channel for channel in slack.channels.values() if channel.kind in asked and slack.bot in channel.members]
    page, more = cut_page(call, [channel.to_json(slack.bot) for channel in joined if not channel.archived])
    return {"channels": page} | more


@method("chat.getPermalink")
def show_permalink(slack: FakeSlack, call: Call) -> Json:
    name, ts = call.need("channel", "message_ts")
    message = slack.need_message(name, ts)
    link = f"{slack.url}/archives/{message.channel}/p{ts.replace('.', '')}"
    thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else ""
    return {"channel": message.channel, "permalink": link + thread}


@method("reactions.remove", "reactions:write")
def remove_reaction(slack: FakeSlack, call: Call) -> Json:
    name, ts, emoji = call.need("channel", "timestamp", "name")
    users = slack.need_message(name, ts).reactions.get(emoji, [])
    if slack.bot not in users:
        raise Denied("no_reaction")
    users.remove(slack.bot)
    return {}


@method("reactions.add", "reactions:write")
def add_reaction(slack: FakeSlack, call: Call) -> Json:
    name, ts, emoji = call.need("channel", "timestamp", "name")
    channel = slack.channels.get(name)
    if channel is None:
        raise Denied("channel_not_found")
    if slack.bot not in channel.members:
        raise Denied("not_in_channel")
    message = slack.need_message(name, ts)
    users = message.reactions.setdefault(emoji, [])
    if slack.bot in users:
        raise Denied("already_reacted")
    users.append(slack.bot)
    return {}


@method("assistant.threads.setStatus")
def set_status(slack: FakeSlack, call: Call) -> Json:
    """A line under a thread while the app works; kept in the log of calls alone."""
    scope = "assistant:write" if "assistant:write" in slack.scopes else "chat:write"
    need_scope(slack, call.token, scope)
    name, ts = call.need("channel_id", "thread_ts")
    slack.need_message(name, ts)
    return {}
