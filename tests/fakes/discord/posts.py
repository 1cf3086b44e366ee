"""What the bot says: posts, edits, threads, with Discord's refusals.

https://discord.com/developers/docs/resources/message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.discord.records import (
    DIRECT_MESSAGES,
    DM,
    EPHEMERAL,
    GUILD_MESSAGES,
    GUILDS,
    THREAD,
    V2,
    Channel,
    Json,
    Message,
    Refused,
)
from tests.fakes.discord.rules import find_pings, judge_message
from tests.fakes.discord.shapes import write_channel, write_message

if TYPE_CHECKING:
    from tests.fakes.discord.rest import Asked
    from tests.fakes.discord.server import FakeDiscord

_NONCE_SECONDS = 180.0


def check_content(content: Json, *, is_edit: bool = False) -> None:
    """Raises Refused as Discord does."""
    if told := judge_message(content, is_edit=is_edit):
        raise Refused(400, 50035, f"Invalid Form Body: {'; '.join(told)}")


def check_may(discord: FakeDiscord, channel: Channel, *needed: str) -> None:
    if discord.list_missing(channel, "VIEW_CHANNEL"):
        raise Refused(403, 50001, "Missing Access")
    if missing := discord.list_missing(channel, *needed):
        raise Refused(403, 50013, f"Missing Permissions: {', '.join(missing)}")


def keep_files(discord: FakeDiscord, channel: Channel, files: dict[str, tuple[str, bytes]]) -> list[Json]:
    """Files that came along, as attachments."""
    return [keep_file(discord, channel, name, content) for name, content in files.values()]


def keep_file(discord: FakeDiscord, channel: Channel, name: str, content: bytes) -> Json:
    id = discord.next_id()
    discord.files[id] = name, content
    url = f"{discord.url}/attachments/{channel.id}/{id}/{name}"
    return {"id": id, "filename": name, "size": len(content), "url": url, "proxy_url": url}


def keep_message(
    discord: FakeDiscord, channel: Channel, author: str, content: Json, files: list[Json], **more: str
) -> Message:
    """Put a message there, and count whom it calls."""
    made = Message(
        id=discord.next_id(),
        channel=channel.id,
        author=author,
        content=str(content.get("content") or ""),
        components=number_components(content.get("components") or []),
        attachments=files,
        flags=int(content.get("flags") or 0),
        created=discord.now(),
        **more,
    )
    channel.messages[made.id] = made
    if author == discord.bot or made.webhook:
        discord.ping(made, find_pings(made.text, content.get("allowed_mentions")))
    return made


def number_components(components: list[Json]) -> list[Json]:
    """As they come back: each with a number of its own."""
    count = 0

    def number(item: Json) -> Json:
        nonlocal count
        count += 1
        made = {"id": count, **item}
        if "components" in item:
            made["components"] = [number(inner) for inner in item["components"]]
        for name in ("accessory", "component"):
            if item.get(name):
                made[name] = number(item[name])
        return made

    return [number(item) for item in components]


async def tell_message(discord: FakeDiscord, message: Message, kind: str = "MESSAGE_CREATE") -> int:
    """The app hears of a message that is for everybody."""
    channel = discord.channels[message.channel]
    if message.to:
        return 0
    more: Json = {}
    if channel.kind != DM:
        more = {"guild_id": channel.guild}
        if message.author in discord.people:
            from tests.fakes.discord.shapes import write_member

            more["member"] = write_member(discord, message.author, channel.guild)
    data = write_message(discord, message, blind=not discord.may_read) | more
    intent = DIRECT_MESSAGES if channel.kind == DM else GUILD_MESSAGES
    return await discord.gateway.tell(kind, data, intent)


async def post_message(discord: FakeDiscord, asked: Asked) -> Json:
    channel, content = discord.need_channel(asked["channel"]), asked.body
    needed = "SEND_MESSAGES_IN_THREADS" if channel.kind == THREAD else "SEND_MESSAGES"
    check_may(discord, channel, needed, *(["ATTACH_FILES"] if asked.files else []))
    if channel.kind == THREAD and channel.archived:
        raise Refused(400, 50083, "Thread is archived")
    check_content(content)
    if int(content.get("flags") or 0) & EPHEMERAL:
        raise Refused(400, 50035, "flags: EPHEMERAL is for interactions")
    nonce = str(content.get("nonce") or "")
    if content.get("enforce_nonce") and nonce and (known := _find_nonce(discord, channel, nonce)):
        return write_message(discord, known)
    reply = str((content.get("message_reference") or {}).get("message_id") or "")
    files = keep_files(discord, channel, asked.files)
    made = keep_message(discord, channel, discord.bot, content, files, nonce=nonce, reply_to=reply)
    await tell_message(discord, made)
    return write_message(discord, made)


def _find_nonce(discord: FakeDiscord, channel: Channel, nonce: str) -> Message | None:
    """ "In the past few minutes", as the docs say."""
    own = (message for message in channel.messages.values() if message.nonce == nonce)
    return next((message for message in own if discord.now() - message.created < _NONCE_SECONDS), None)


async def edit_message(discord: FakeDiscord, asked: Asked) -> Json:
    message = discord.need_message(asked["channel"], asked["message"])
    channel = discord.channels[message.channel]
    if message.author != discord.bot:
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    check_may(discord, channel)
    if channel.kind == THREAD and channel.archived:
        raise Refused(400, 50083, "Thread is archived")
    change_message(discord, message, asked.body, keep_files(discord, channel, asked.files))
    await tell_message(discord, message, "MESSAGE_UPDATE")
    return write_message(discord, message)


def change_message(discord: FakeDiscord, message: Message, content: Json, files: list[Json]) -> None:
    """Raises Refused. What is not named stays; components v2 cannot be taken back."""
    flags = content.get("flags")
    is_v2 = message.is_v2 or bool(int(flags or 0) & V2)
    check_content(content | {"flags": V2 if is_v2 else 0}, is_edit=True)
    if flags is not None:
        message.flags = int(flags) | (V2 if message.is_v2 else 0)
    if "content" in content:
        message.content = str(content["content"] or "")
    if "components" in content:
        message.components = number_components(content["components"] or [])
    if "attachments" in content or files:
        kept = {str(item.get("id")) for item in content.get("attachments") or ()}
        message.attachments = [item for item in message.attachments if item["id"] in kept] + files
    message.edits += 1
    discord.ping(message, find_pings(message.text, content.get("allowed_mentions")))


async def delete_message(discord: FakeDiscord, asked: Asked) -> None:
    message = discord.need_message(asked["channel"], asked["message"])
    del discord.channels[message.channel].messages[message.id]


async def start_thread(discord: FakeDiscord, asked: Asked) -> Json:
    message = discord.need_message(asked["channel"], asked["message"])
    parent = discord.channels[message.channel]
    check_may(discord, parent, "CREATE_PUBLIC_THREADS")
    name = str(asked.body.get("name") or "")
    if not 1 <= len(name) <= 100:
        raise Refused(400, 50035, "name: Must be between 1 and 100 in length.")
    if message.id in discord.channels:
        raise Refused(400, 160004, "A thread has already been created for this message")
    made = Channel(id=message.id, name=name, guild=parent.guild, kind=THREAD, parent=parent.id)
    made.members = set(parent.members)
    discord.channels[made.id] = made
    await discord.gateway.tell("THREAD_CREATE", write_channel(discord, made), GUILDS)
    return write_channel(discord, made)


async def change_channel(discord: FakeDiscord, asked: Asked) -> Json:
    """A thread is archived or brought back: whoever may write in it may do that, unless it is locked."""
    channel = discord.need_channel(asked["channel"])
    check_may(discord, channel, "SEND_MESSAGES_IN_THREADS")
    if channel.locked and discord.list_missing(channel, "MANAGE_THREADS"):
        raise Refused(403, 50013, "Missing Permissions: MANAGE_THREADS")
    if "archived" in asked.body:
        channel.archived = bool(asked.body["archived"])
    if "name" in asked.body:
        channel.name = str(asked.body["name"])[:100]
    await discord.gateway.tell("THREAD_UPDATE", write_channel(discord, channel), GUILDS)
    return write_channel(discord, channel)


async def show_typing(discord: FakeDiscord, asked: Asked) -> None:
    check_may(discord, discord.need_channel(asked["channel"]))
