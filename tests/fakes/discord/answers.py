"""Answers to what people did: within 3 s, and by its token for 15 minutes; and posts by a webhook's address.

https://discord.com/developers/docs/interactions/receiving-and-responding
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.discord.posts import (
    change_message,
    check_content,
    keep_files,
    keep_message,
    tell_message,
)
from tests.fakes.discord.records import DM, EPHEMERAL, Channel, Interaction, Json, Message, Refused
from tests.fakes.discord.rules import judge_choices, judge_modal
from tests.fakes.discord.shapes import write_message

if TYPE_CHECKING:
    from tests.fakes.discord.rest import Asked
    from tests.fakes.discord.server import FakeDiscord

SECONDS, TOKEN_SECONDS = 3.0, 15 * 60.0
_BY_KIND = {2: (4, 5, 9), 3: (4, 5, 6, 7, 9), 4: (8,), 5: (4, 5, 6, 7)}


async def answer_act(discord: FakeDiscord, asked: Asked) -> Json:
    """The first response."""
    act = discord.interactions.get(asked["id"])
    if act is None or act.token != asked["token"] or discord.now() - act.made > discord.answer_seconds:
        raise Refused(404, 10062, "Unknown interaction")
    if act.answer is not None:
        raise Refused(400, 40060, "Interaction has already been acknowledged.")
    kind, data = int(asked.body["type"]), dict(asked.body.get("data") or {})
    if kind not in _BY_KIND[act.kind]:
        raise Refused(400, 50035, f"type: {kind} does not answer {act.kind}")
    _check_answer(kind, data)
    act.answer, act.took = {"type": kind, "data": data}, discord.now() - act.made
    files = keep_files(discord, discord.channels[act.channel], asked.files)
    _show(discord, act, kind, data, files)
    act.acked.set()
    resource: Json = {"type": kind}
    if act.original:
        resource["message"] = write_message(discord, act.original)
    return {"interaction": {"id": act.id, "type": act.kind, "response_message_id": None}, "resource": resource}


def _check_answer(kind: int, data: Json) -> None:
    told: list[str] = []
    if kind == 4:
        check_content(data)
    elif kind == 7:
        check_content(data, is_edit=True)
    elif kind == 8:
        told = [*judge_choices(data.get("choices") or [])]
    elif kind == 9:
        told = [*judge_modal(data)]
    if told:
        raise Refused(400, 50035, f"Invalid Form Body: {'; '.join(told)}")


def _show(discord: FakeDiscord, act: Interaction, kind: int, data: Json, files: list[Json]) -> None:
    """4 a message, 5 "is thinking …", 6 nothing, 7 the message of the component is changed."""
    channel = discord.channels[act.channel]
    if kind in (4, 5):
        to = act.user if int(data.get("flags") or 0) & EPHEMERAL else ""
        act.original = keep_message(discord, channel, discord.bot, data, files, to=to)
        act.original.loading = kind == 5
    elif kind in (6, 7) and act.message:
        act.original = channel.messages.get(act.message)
        if kind == 7 and act.original:
            change_message(discord, act.original, data, files)


def _find_act(discord: FakeDiscord, asked: Asked) -> Interaction | None:
    """None for the address of a webhook. Raises Refused for a token that is over."""
    act = next((item for item in discord.interactions.values() if item.token == asked["token"]), None)
    if act is None:
        return None
    if discord.now() - act.made > TOKEN_SECONDS:
        raise Refused(401, 50027, "Invalid Webhook Token")
    if act.answer is None:
        raise Refused(404, 10015, "Unknown Webhook")
    return act


def _need_own(discord: FakeDiscord, asked: Asked) -> Message:
    act = _find_act(discord, asked)
    if act is None:
        return _need_hooked(discord, asked)
    channel = discord.channels[act.channel]
    found = act.original if asked["message"] == "@original" else channel.messages.get(asked["message"])
    if found is None:
        raise Refused(404, 10008, "Unknown Message")
    return found


def _need_hooked(discord: FakeDiscord, asked: Asked) -> Message:
    found = _need_webhook(discord, asked).messages.get(asked["message"])
    if found is None or found.webhook != asked["id"]:
        raise Refused(404, 10008, "Unknown Message")
    return found


def _need_webhook(discord: FakeDiscord, asked: Asked) -> Channel:
    channel = discord.channels.get(discord.webhooks.get(asked["id"], ""))
    if channel is None:
        raise Refused(404, 10015, "Unknown Webhook")
    if asked["token"] != f"s3cret-{asked['id'][-4:]}":
        raise Refused(401, 50027, "Invalid Webhook Token")
    return channel


async def get_answer(discord: FakeDiscord, asked: Asked) -> Json:
    return write_message(discord, _need_own(discord, asked))


async def edit_answer(discord: FakeDiscord, asked: Asked) -> Json:
    message = _need_own(discord, asked)
    change_message(discord, message, asked.body, keep_files(discord, discord.channels[message.channel], asked.files))
    message.loading = False
    return write_message(discord, message)


async def delete_answer(discord: FakeDiscord, asked: Asked) -> None:
    message = _need_own(discord, asked)
    del discord.channels[message.channel].messages[message.id]


async def follow_up(discord: FakeDiscord, asked: Asked) -> Json:
    """A further message by an act's token; or one by the address of a webhook."""
    act = _find_act(discord, asked)
    channel = discord.channels[act.channel] if act else _need_webhook(discord, asked)
    check_content(asked.body)
    files = keep_files(discord, channel, asked.files)
    if act is None:
        made = keep_message(discord, channel, asked["id"], asked.body, files, webhook=asked["id"])
        await tell_message(discord, made)
        return write_message(discord, made)
    if act.original and act.original.loading:
        # The first one takes the place of "is thinking …".
        change_message(discord, act.original, asked.body, files)
        act.original.loading = False
        return write_message(discord, act.original)
    is_private = int(asked.body.get("flags") or 0) & EPHEMERAL and channel.kind != DM
    made = keep_message(discord, channel, discord.bot, asked.body, files, to=act.user if is_private else "")
    return write_message(discord, made)
