"""What stands in a Discord, and what happened there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
BITS = {
    "ADMINISTRATOR": 1 << 3,
    "ADD_REACTIONS": 1 << 6,
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "MENTION_EVERYONE": 1 << 17,
    "MANAGE_THREADS": 1 << 34,
    "CREATE_PUBLIC_THREADS": 1 << 35,
    "SEND_MESSAGES_IN_THREADS": 1 << 38,
}
# What the bot has where nobody took anything away from it.
USUAL = frozenset(BITS) - {"ADMINISTRATOR", "MENTION_EVERYONE", "MANAGE_THREADS"}
# https://discord.com/developers/docs/events/gateway#list-of-intents
GUILDS, GUILD_MEMBERS, GUILD_MESSAGES = 1 << 0, 1 << 1, 1 << 9
DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 12, 1 << 15
PRIVILEGED = GUILD_MEMBERS | MESSAGE_CONTENT | 1 << 8

TEXT, DM, THREAD = 0, 1, 11
EPHEMERAL, QUIET, V2 = 1 << 6, 1 << 12, 1 << 15


class Refused(Exception):
    """An answer that is none of 2xx: https://discord.com/developers/docs/topics/opcodes-and-status-codes."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.more = status, code, message, more


@dataclass(kw_only=True, eq=False)
class Role:
    id: str
    name: str
    guild: str


@dataclass(kw_only=True, eq=False)
class Channel:
    """`denied` are names of permissions that the bot lacks here. `parent` is the channel of a thread, whose id is that
    of the message it was begun from."""

    id: str
    name: str
    guild: str
    kind: int = TEXT
    parent: str = ""
    members: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    archived: bool = False
    locked: bool = False
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class Message:
    """`to` is the one who alone sees it. `nonce` was kept while it was enforced."""

    id: str
    channel: str
    author: str
    content: str = ""
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    flags: int = 0
    to: str = ""
    nonce: str = ""
    created: float = 0.0
    edits: int = 0
    webhook: str = ""
    reply_to: str = ""
    loading: bool = False

    @property
    def is_v2(self) -> bool:
        return bool(self.flags & V2)

    @property
    def text(self) -> str:
        """All that can be read on it."""
        told = [self.content, *(str(item["content"]) for item in self.walk() if item.get("type") == 10)]
        return "\n".join(text for text in told if text)

    @property
    def buttons(self) -> list[str]:
        """The labels of what can be pressed."""
        return [str(item.get("label", "")) for item in self.walk() if item["type"] == 2 and not item.get("disabled")]

    def walk(self) -> Iterator[Json]:
        yield from walk_components(self.components)


@dataclass(kw_only=True, eq=False)
class Interaction:
    """Something a person did. `answer` is what the app's first response was, `took` the seconds until then; `error` is
    what the person sees when there was none."""

    id: str
    token: str
    kind: int
    user: str
    guild: str
    channel: str
    made: float
    message: str = ""
    took: float = 0.0
    answer: Json | None = None
    original: Message | None = None
    acked: asyncio.Event = field(default_factory=asyncio.Event)
    error: str = ""

    @property
    def text(self) -> str:
        """What the person who did it reads as its answer."""
        return self.original.text if self.original else ""

    @property
    def modal(self) -> Json | None:
        """The form that opened, if one did."""
        return self.answer["data"] if self.answer and self.answer["type"] == 9 else None

    @property
    def choices(self) -> list[Json]:
        return list(self.answer["data"]["choices"]) if self.answer and self.answer["type"] == 8 else []


@dataclass(kw_only=True, eq=False)
class Call:
    method: str
    path: str
    body: Json
    at: float
    status: int = 0
    code: int = 0


@dataclass(kw_only=True)
class Ping:
    """Somebody was called: by which message, and what the text said."""

    message: str
    target: str


@dataclass(kw_only=True, eq=False)
class Trouble:
    """An ordered fault of REST. `429`, `500`, `502`, `503`, `401`, `403`: answered so, nothing is done; `502_after`,
    `close_after`: it is done, then answered so; `hang`, `close`: no answer."""

    fault: str
    method: str = ""
    path: str = ""
    times: int = 1
    retry_after: float = 1.0
    hits: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, call: Call) -> bool:
        return self.hits < self.times and self.method in ("", call.method) and self.path in call.path


def walk_components(items: list[Json]) -> Iterator[Json]:
    """Every component, those within others too."""
    for item in items:
        yield item
        inner = [*item.get("components", ())]
        inner += [item[name] for name in ("accessory", "component") if item.get(name)]
        yield from walk_components(inner)
