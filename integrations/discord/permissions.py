"""What the bot needs in a server, each with its reason; and what it has in a channel. Pure.

https://discord.com/developers/docs/topics/permissions
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
_ADMINISTRATOR, _EVERYTHING = 1 << 3, (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Need:
    """A permission as Discord's pages name it, and what stops working without it."""

    name: str
    bit: int
    why: str


NEEDS = (
    Need("View Channels", 1 << 10, "it sees the channel, and hears what is said to it there"),
    Need("Send Messages", 1 << 11, "cards and answers"),
    Need("Create Public Threads", 1 << 35, "a thread below each agent's card"),
    Need("Send Messages in Threads", 1 << 38, "what is said of an agent, in its thread"),
    Need("Attach Files", 1 << 15, "diffs, logs, and what is too long for a message"),
    Need("Read Message History", 1 << 16, "what got no answer is looked up before it is posted again"),
)
PERMISSIONS = sum(need.bit for need in NEEDS)
_VIEW = NEEDS[0]


def write_invite(app: str) -> str:
    """The link that brings the bot into a server, with exactly what it needs."""
    scopes = "bot%20applications.commands"
    return f"https://discord.com/oauth2/authorize?client_id={app}&scope={scopes}&permissions={PERMISSIONS}"


def read_app(token: str) -> str:
    """The application that a bot's token is of, as its first part says; "" when that is no id."""
    first = token.partition(".")[0]
    try:
        said = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return said if said.isdigit() and 15 <= len(said) <= 22 else ""


def list_missing(has: int) -> list[str]:
    """The names of what it needs and does not have. Who does not see a channel can do nothing there."""
    if not has & _VIEW.bit:
        return [_VIEW.name]
    return [need.name for need in NEEDS if not has & need.bit]


def sum_permissions(guild: Json, member: Json, channel: Json) -> int:
    """What a member may do in a channel of a guild, by the order that Discord documents: the roles, then what the
    channel says of everybody, of the roles, of the member."""
    id, user = str(guild.get("id")), str((member.get("user") or {}).get("id"))
    if str(guild.get("owner_id")) == user:
        return _EVERYTHING
    roles = {id, *(str(role) for role in member.get("roles") or ())}
    has = 0
    for role in guild.get("roles") or ():
        has |= int(role["permissions"]) if str(role["id"]) in roles else 0
    if has & _ADMINISTRATOR:
        return _EVERYTHING
    for layer in _layer(channel.get("permission_overwrites") or (), id, roles, user):
        deny, allow = (_join(layer, word) for word in ("deny", "allow"))
        has = (has & ~deny) | allow
    return has


def _layer(overwrites: Sequence[Json], everyone: str, roles: set[str], user: str) -> Iterator[list[Json]]:
    yield [item for item in overwrites if str(item["id"]) == everyone]
    yield [item for item in overwrites if str(item["id"]) in roles - {everyone}]
    yield [item for item in overwrites if str(item["id"]) == user]


def _join(overwrites: Sequence[Json], word: str) -> int:
    joined = 0
    for item in overwrites:
        joined |= int(item[word])
    return joined
