"""What stands in a workspace, and what happened there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["channel", "group", "im"]
ALL_SCOPES = frozenset(
    (
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    )
)
# Events a bot may subscribe to, and the scope each needs.
EVENT_SCOPES = {
    "app_home_opened": "",
    "app_mention": "app_mentions:read",
    "app_uninstalled": "",
    "channel_archive": "channels:read",
    "channel_rename": "channels:read",
    "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "tokens_revoked": "",
    "user_change": "users:read",
}


class Denied(Exception):
    """A call is answered `ok: false` with this error code; `more` stands beside it in the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error, self.more = error, more


@dataclass(kw_only=True)
class Token:
    """`state` is "" while it is good, else the error code its calls are answered with; `team` is another workspace's
    id, where it is of one, `app` whose it is."""

    kind: Literal["bot", "app"]
    scopes: frozenset[str]
    state: str = ""
    team: str = ""
    app: str = "A0APP"


@dataclass(kw_only=True, eq=False)
class Channel:
    id: str
    name: str
    kind: Kind = "channel"
    members: set[str] = field(default_factory=set)
    archived: bool = False
    shared: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def to_json(self, bot: str) -> Json:
        more: Json = {"name": self.name, "name_normalized": self.name}
        if self.kind == "im":
            more = {"user": next(iter(self.members - {bot}), bot)}
        return more | {
            "id": self.id,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": self.kind == "im",
            "is_mpim": False,
            "is_private": self.kind != "channel",
            "is_archived": self.archived,
            "is_member": bot in self.members,
            "is_ext_shared": self.shared,
            "is_shared": self.shared,
            "num_members": len(self.members),
        }


@dataclass(kw_only=True, eq=False)
class Message:
    """A message as stored. `to` names who alone sees it, `parent` whose the thread is; `markdown` is what was streamed
    into it."""

    channel: str
    ts: str
    user: str
    text: str = ""
    bot: str = ""
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    markdown: str = ""
    thread_ts: str = ""
    parent: str = ""
    to: str = ""
    subtype: str = ""
    metadata: Json | None = None
    files: list[Upload] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edits: list[str] = field(default_factory=list)
    streaming: bool = False
    streamed_at: float = 0.0

    @property
    def is_reply(self) -> bool:
        return bool(self.thread_ts) and self.thread_ts != self.ts

    def to_json(self, *, metadata: bool = False) -> Json:
        found: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        optional: Json = {
            "bot_id": self.bot,
            "blocks": self._list_blocks(),
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
            "parent_user_id": self.parent,
            "subtype": self.subtype,
            "files": [file.to_json() for file in self.files],
            "reactions": [{"name": n, "users": u, "count": len(u)} for n, u in self.reactions.items()],
            "edited": {"user": self.user, "ts": self.edits[-1]} if self.edits else None,
            "metadata": self.metadata if metadata else None,
            "is_ephemeral": bool(self.to),
        }
        return found | {key: value for key, value in optional.items() if value}

    def _list_blocks(self) -> list[Json]:
        streamed = [{"type": "markdown", "text": self.markdown}] if self.markdown else []
        return streamed + list(self.blocks or ())


@dataclass(kw_only=True, eq=False)
class Upload:
    """A file. `base` is the address of its Slack; what was never uploaded has no content."""

    id: str
    name: str
    size: int
    base: str
    user: str
    title: str = ""
    content: bytes | None = None
    shared: bool = False
    channels: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return (self.content or b"").decode()

    @property
    def url(self) -> str:
        return f"{self.base}/files-pri/{self.id}/download/{self.name}"

    def to_json(self) -> Json:
        kind = "image/png" if self.name.endswith(".png") else "text/plain"
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": kind,
            "filetype": self.name.rpartition(".")[2],
            "size": self.size,
            "user": self.user,
            "mode": "hosted",
            "url_private": self.url,
            "url_private_download": self.url,
            "permalink": f"{self.base}/files/{self.id}",
        }


@dataclass(kw_only=True, eq=False)
class View:
    """A modal or a home tab. `content` is what the app gave; `closed` when the person sees it no longer."""

    id: str
    user: str
    content: Json
    hash: str
    root: str = ""
    previous: str = ""
    values: Json = field(default_factory=dict)
    closed: bool = False

    def to_json(self, team: str, app: str) -> Json:
        return dict(self.content) | {
            "id": self.id,
            "team_id": team,
            "app_id": app,
            "hash": self.hash,
            "root_view_id": self.root or self.id,
            "previous_view_id": self.previous or None,
            "callback_id": self.content.get("callback_id", ""),
            "private_metadata": self.content.get("private_metadata", ""),
            "external_id": self.content.get("external_id", ""),
            "state": {"values": self.values},
        }


@dataclass(kw_only=True, eq=False)
class Call:
    """One request to the Web API: `answer` is None while it is under way, `status` 0 when it was never answered."""

    method: str
    args: Json
    token: str
    at: float
    channel: str = ""
    answer: Json | None = None
    status: int = 0

    @property
    def error(self) -> str:
        return str((self.answer or {}).get("error", ""))

    def is_true(self, key: str) -> bool:
        return str(self.args.get(key, "")).lower() in ("1", "true")

    def need(self, *keys: str) -> tuple[str, ...]:
        """The values of these arguments. Raises Denied like Slack when one is missing."""
        missing = [key for key in keys if not self.args.get(key)]
        if missing:
            words = [f"[ERROR] missing required field: {key}" for key in missing]
            raise Denied("invalid_arguments", response_metadata={"messages": words})
        return tuple(str(self.args[key]) for key in keys)


@dataclass(kw_only=True, frozen=True)
class Ping:
    """Somebody whom a text of the app would have called: "<!channel>", "<@U1>"; or a link under another name."""

    method: str
    words: str
    channel: str = ""
    ts: str = ""
    url: str = ""
    label: str = ""


@dataclass(kw_only=True, frozen=True)
class Failure:
    """What a person was told because the app did not answer: kind of act, who, why."""

    kind: str
    user: str
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(kw_only=True, eq=False)
class Sent:
    """One thing sent to the app and how it was taken. `seconds` from sending to the answer, None without one."""

    kind: str
    payload: Json
    user: str = ""
    attempts: int = 0
    final: bool = False
    status: int = 0
    answer: Json | str | None = None
    seconds: float | None = None
    connections: list[str] = field(default_factory=list)
    acked: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def is_acked(self) -> bool:
        return self.acked.is_set()


@dataclass(kw_only=True, eq=False)
class ReplyUrl:
    """A `response_url`: five uses in half an hour."""

    id: str
    user: str
    channel: str
    made: float
    message: Message | None = None
    uses: int = 0
