"""Events that Slack tells the app of: what each says, and whether the app hears of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.fakes.slack.records import EVENT_SCOPES, Channel, Json, Message, Sent

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

_KINDS = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


def emit(slack: FakeSlack, name: str, event: Json, user: str = "") -> asyncio.Task[Sent] | None:
    """Send an event in the background. None when the app is not subscribed or may not hear of it."""
    scope = EVENT_SCOPES[name]
    if name not in slack.subscribed or (scope and scope not in slack.scopes):
        return None
    sent = Sent(kind="events_api", payload=wrap_event(slack, event), user=user)
    if slack.losing_events:
        slack.lost.append(sent)
        return None
    return slack.spawn(slack.send(sent))


def wrap_event(slack: FakeSlack, event: Json) -> Json:
    """An event with everything around it; its `event_id` stays the same however often it is sent."""
    authorization = {"enterprise_id": None, "team_id": slack.team, "user_id": slack.bot, "is_bot": True}
    return {
        "token": "verification",
        "team_id": slack.team,
        "context_team_id": slack.team,
        "context_enterprise_id": None,
        "api_app_id": slack.app,
        "event": {"event_ts": slack.next_ts(), **event},
        "type": "event_callback",
        "event_id": slack.next_id("Ev"),
        "event_time": int(slack.now()),
        "authorizations": [authorization | {"is_enterprise_install": False}],
        "is_ext_shared_channel": False,
        "event_context": slack.next_id("4-"),
    }


def emit_message(slack: FakeSlack, message: Message) -> list[asyncio.Task[Sent]]:
    """Tell of a new message in a channel the bot is in; and of the mention, when it names the bot."""
    channel = slack.channels[message.channel]
    if slack.bot not in channel.members or (message.bot == slack.bot_id and not slack.echoes):
        return []
    told = write_message(slack, channel, message)
    events = [emit(slack, _KINDS[channel.kind], told | {"channel_type": channel.kind}, message.user)]
    if f"<@{slack.bot}" in message.text and channel.kind != "im" and not message.bot:
        events.append(emit(slack, "app_mention", told | {"type": "app_mention"}, message.user))
    return [event for event in events if event is not None]


def write_message(slack: FakeSlack, channel: Channel, message: Message) -> Json:
    written = message.to_json() | {"channel": channel.id, "event_ts": message.ts}
    if message.user in slack.people:
        written["team"] = slack.people[message.user].team
    if message.user in slack.people and slack.people[message.user].team != slack.team:
        written |= {"user_team": slack.people[message.user].team, "source_team": slack.people[message.user].team}
    return written | ({"app_id": slack.app} if message.bot == slack.bot_id else {})


def emit_change(slack: FakeSlack, message: Message, before: Json) -> asyncio.Task[Sent] | None:
    """Tell of an edit."""
    changed = {"message": message.to_json(), "previous_message": before}
    return _emit_hidden(slack, message, "message_changed", changed)


def emit_deletion(slack: FakeSlack, message: Message, before: Json) -> asyncio.Task[Sent] | None:
    """Tell of a deletion."""
    deleted = {"deleted_ts": message.ts, "previous_message": before}
    return _emit_hidden(slack, message, "message_deleted", deleted)


def _emit_hidden(slack: FakeSlack, message: Message, subtype: str, more: Json) -> asyncio.Task[Sent] | None:
    channel = slack.channels[message.channel]
    if slack.bot not in channel.members or (message.bot == slack.bot_id and not slack.echoes):
        return None
    ts = slack.next_ts()
    event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id, "ts": ts, "event_ts": ts}
    return emit(slack, _KINDS[channel.kind], event | more | {"channel_type": channel.kind}, message.user)
