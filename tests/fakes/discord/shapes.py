"""What stands in a Discord, as its API and its gateway write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fakes.discord.records import BITS, DM, EPHEMERAL, THREAD, USUAL, Channel, Json, Message, Role

if TYPE_CHECKING:
    from tests.fakes.discord.world import World


def write_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def write_user(world: World, id: str) -> Json:
    known = world.people.get(id)
    name = known.name if known else "callboard"
    return {
        "id": id,
        "username": name,
        "global_name": known.shown if known else None,
        "discriminator": "0",
        "avatar": None,
        "bot": known.is_bot if known else True,
        "public_flags": 0,
        "flags": 0,
    }


def write_member(world: World, id: str, guild: str) -> Json:
    known = world.people.get(id)
    roles = [role for role in (known.roles if known else ()) if world.roles[role].guild == guild]
    return {
        "user": write_user(world, id),
        "roles": sorted(roles),
        "nick": None,
        "avatar": None,
        "joined_at": write_time(0),
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "permissions": "0",
    }


def write_role(role: Role) -> Json:
    return {
        "id": role.id,
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 1,
        "permissions": "0",
        "managed": False,
        "mentionable": True,
        "flags": 0,
    }


def write_channel(world: World, channel: Channel) -> Json:
    if channel.kind == DM:
        people = [write_user(world, id) for id in channel.members]
        return {"id": channel.id, "type": DM, "recipients": people, "last_message_id": None}
    made: Json = {
        "id": channel.id,
        "type": channel.kind,
        "guild_id": channel.guild,
        "name": channel.name,
        "last_message_id": next(reversed(channel.messages), None),
        "rate_limit_per_user": 0,
        "permissions": world.write_permissions(channel),
    }
    if channel.kind == THREAD:
        state = {
            "archived": channel.archived,
            "locked": channel.locked,
            "auto_archive_duration": 1440,
            "archive_timestamp": write_time(world.now()),
        }
        more: Json = {"parent_id": channel.parent, "owner_id": world.bot, "thread_metadata": state}
        return made | more | {"message_count": len(channel.messages), "member_count": 1, "total_message_sent": 0}
    denied = sum(BITS[name] for name in channel.denied)
    overwrites = [{"id": world.bot, "type": 1, "allow": "0", "deny": str(denied)}] if denied else []
    return made | {"position": 0, "permission_overwrites": overwrites, "nsfw": False, "parent_id": None, "topic": None}


def write_message(world: World, message: Message, *, blind: bool = False) -> Json:
    """`blind`: as an app without the intent for it sees what others said."""
    channel = world.channels[message.channel]
    names_bot = f"<@{world.bot}>" in message.content
    hidden = blind and message.author != world.bot and channel.kind != DM and not names_bot
    made: Json = {
        "id": message.id,
        "channel_id": message.channel,
        "author": write_user(world, message.author),
        "content": "" if hidden else message.content,
        "timestamp": write_time(message.created),
        "edited_timestamp": write_time(message.created) if message.edits else None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [write_user(world, world.bot)] if names_bot else [],
        "mention_roles": [],
        "attachments": [] if hidden else message.attachments,
        "embeds": [],
        "components": [] if hidden else message.components,
        "pinned": False,
        "type": 0,
        "flags": message.flags & ~EPHEMERAL,
    }
    if message.nonce:
        made["nonce"] = message.nonce
    if message.webhook:
        made["webhook_id"] = message.webhook
    if message.reply_to:
        made["message_reference"] = {"message_id": message.reply_to, "channel_id": message.channel}
    return made


def write_guild(world: World, id: str) -> Json:
    own = [channel for channel in world.channels.values() if channel.guild == id]
    granted = sum(BITS[name] for name in USUAL - world.guild_denied.get(id, set()))
    everyone = write_role(Role(id=id, name="@everyone", guild=id)) | {"permissions": str(granted)}
    return {
        "id": id,
        "name": world.guilds[id],
        "icon": None,
        "splash": None,
        "banner": None,
        "description": None,
        "owner_id": "1",
        "region": "x",
        "afk_channel_id": None,
        "afk_timeout": 0,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [everyone, *(write_role(role) for role in world.roles.values() if role.guild == id)],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
        "joined_at": write_time(0),
        "large": False,
        "unavailable": False,
        "member_count": len(world.people) + 1,
        "voice_states": [],
        "members": [write_member(world, world.bot, id)],
        "channels": [write_channel(world, channel) for channel in own if channel.kind not in (THREAD, DM)],
        "threads": [write_channel(world, channel) for channel in own if channel.kind == THREAD],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
