"""What Slack tells the app of an act: commands, clicks, choices, forms, shortcuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.checks import Check
from tests.fakes.slack.elements import check_offer
from tests.fakes.slack.pointing import Picked
from tests.fakes.slack.records import Channel, Denied, Json, Message, ReplyUrl, View

if TYPE_CHECKING:
    from tests.fakes.slack.hands import User
    from tests.fakes.slack.server import FakeSlack

_PICKED = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
}


def _write_actor(user: User) -> Json:
    """Who did it, where: in every interaction."""
    return {
        "token": "verification",
        "api_app_id": user.slack.app,
        "team": {"id": user.slack.team, "domain": "home"},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": user.slack.make_trigger(user.id),
    }


def write_command(user: User, channel: Channel, command: str, text: str, reply: ReplyUrl) -> Json:
    return {
        "token": "verification",
        "team_id": user.team,
        "team_domain": "home",
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.kind == "im" else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": user.slack.app,
        "is_enterprise_install": "false",
        "response_url": write_url(user.slack, reply),
        "trigger_id": user.slack.make_trigger(user.id),
    }


def write_url(slack: FakeSlack, reply: ReplyUrl) -> str:
    return f"{slack.url}/response/{reply.id}"


def write_action(user: User, shown: Message | View, action: Json, reply: ReplyUrl | None) -> Json:
    """block_actions: on a message, or on a view."""
    found = _write_actor(user) | {"type": "block_actions", "actions": [action | {"action_ts": user.slack.next_ts()}]}
    found |= {"container": write_container(shown)}
    if reply is not None:
        found["response_url"] = write_url(user.slack, reply)
    return found | _write_shown(user, shown)


def _write_shown(user: User, shown: Message | View) -> Json:
    if isinstance(shown, View):
        return {"view": shown.to_json(user.slack.team, user.slack.app)}
    found: Json = {
        "channel": _write_channel(user, shown),
        "state": {"values": user.slack.states.get((shown.ts, user.id), {})},
    }
    # Of a message that only one person sees, the content is not told.
    return found if shown.to else found | {"message": shown.to_json(metadata=True)}


def _write_channel(user: User, message: Message) -> Json:
    channel = user.slack.channels[message.channel]
    return {"id": channel.id, "name": "directmessage" if channel.kind == "im" else channel.name}


def write_container(shown: Message | View) -> Json:
    if isinstance(shown, View):
        return {"type": "view", "view_id": shown.id}
    found = {"type": "message", "message_ts": shown.ts, "channel_id": shown.channel, "is_ephemeral": bool(shown.to)}
    return found | ({"thread_ts": shown.thread_ts} if shown.thread_ts else {})


def _write_element(picked: Picked) -> Json:
    return {"type": picked.element["type"], "action_id": picked.action_id, "block_id": picked.block_id}


def write_button(picked: Picked) -> Json:
    kept = {key: picked.element[key] for key in ("text", "value", "url", "style") if key in picked.element}
    return _write_element(picked) | kept


def write_choice(picked: Picked, chosen: Any) -> Json:
    placeholder = {"placeholder": picked.element["placeholder"]} if "placeholder" in picked.element else {}
    return _write_element(picked) | placeholder | write_state(picked, chosen)


def write_state(picked: Picked, value: Any) -> Json:
    """The state of one element of a form: what was typed, picked or ticked. `value` is as Slack keeps it."""
    kind = picked.element["type"]
    if kind in _PICKED:
        return {"type": kind, _PICKED[kind]: value}
    if kind == "checkboxes" or kind.startswith("multi_"):
        chosen = value if isinstance(value, list) else [value] if value else []
        return {"type": kind, "selected_options": chosen}
    if kind.endswith("_select") or kind in ("radio_buttons", "overflow"):
        return {"type": kind, "selected_option": value}
    return {"type": kind, "value": value}


def write_suggestion(user: User, shown: Message | View, picked: Picked, query: str) -> Json:
    """block_suggestion: the options load of an external menu."""
    found = _write_actor(user) | {"type": "block_suggestion", "value": query, "container": write_container(shown)}
    found.pop("trigger_id")
    return found | {"action_id": picked.action_id, "block_id": picked.block_id} | _write_shown(user, shown)


def check_offered(slack: FakeSlack, answer: Json) -> Json:
    """The options as the app gave them; none, and a note in `unexpected`, when Slack would not show them."""
    check = Check(answer, "", [])
    check_offer(check)
    if check.faults:
        slack.note_refusal("options answer", Denied("invalid_options", messages=check.faults, given=answer))
        return {"options": []}
    return answer


def write_submission(user: User, view: View) -> Json:
    shown = {"view": view.to_json(user.slack.team, user.slack.app), "response_urls": []}
    return _write_actor(user) | {"type": "view_submission"} | shown


def write_closing(user: User, view: View) -> Json:
    shown = {"view": view.to_json(user.slack.team, user.slack.app), "is_cleared": False}
    return _write_actor(user) | {"type": "view_closed"} | shown


def write_shortcut(user: User, message: Message, callback_id: str, reply: ReplyUrl) -> Json:
    return _write_actor(user) | {
        "type": "message_action",
        "callback_id": callback_id,
        "action_ts": user.slack.next_ts(),
        "message_ts": message.ts,
        "channel": _write_channel(user, message),
        "message": message.to_json(),
        "response_url": write_url(user.slack, reply),
    }
