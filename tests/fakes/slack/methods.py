"""The table of Web API methods: who may call each, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.fakes.slack.records import Call, Channel, Denied, Json

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

Handler = Callable[["FakeSlack", Call], Json]


@dataclass(frozen=True, kw_only=True)
class Method:
    handle: Handler
    scope: str = ""
    kind: Literal["bot", "app", "any"] = "bot"


METHODS: dict[str, Method] = {}
# Of the scopes for channels of each kind: `channels:history` and the like.
PREFIXES = {"channel": "channels", "group": "groups", "im": "im"}


def method(name: str, scope: str = "", kind: Literal["bot", "app", "any"] = "bot") -> Callable[[Handler], Handler]:
    """Enter a function in the table. It returns what stands in the answer beside `ok`, or raises Denied."""

    def enter(handle: Handler) -> Handler:
        METHODS[name] = Method(handle=handle, scope=scope, kind=kind)
        return handle

    return enter


def need_scope(slack: FakeSlack, token: str, scope: str) -> None:
    granted = slack.tokens[token].scopes
    if scope and scope not in granted:
        raise Denied("missing_scope", needed=scope, provided=",".join(sorted(granted)))


def need_visible(slack: FakeSlack, call: Call, right: str) -> Channel:
    """The channel of a call whose token has this right (`history`, `read`) for channels of its kind."""
    (name,) = call.need("channel")
    channel = slack.channels.get(name)
    if channel is None or (channel.kind != "channel" and slack.bot not in channel.members):
        raise Denied("channel_not_found")
    need_scope(slack, call.token, f"{PREFIXES[channel.kind]}:{right}")
    return channel


def need_writable(slack: FakeSlack, call: Call, key: str = "channel") -> Channel:
    """The channel a call may post to."""
    (name,) = call.need(key)
    if name in slack.people and not slack.people[name].deleted:
        return slack.direct(name)
    channel = slack.need_channel(name)
    if channel.archived:
        raise Denied("is_archived")
    if slack.bot in channel.members:
        return channel
    if channel.kind != "channel":
        raise Denied("channel_not_found")
    if "chat:write.public" in slack.scopes:
        return channel
    raise Denied("not_in_channel")


def cut_page(call: Call, found: list[Json], most: int = 1000) -> tuple[list[Json], Json]:
    """The page of a list that `cursor` and `limit` name, and what the answer says of the next."""
    start = int(str(call.args.get("cursor") or "0").removeprefix("next:"))
    limit = min(int(call.args.get("limit") or 100), most)
    rest = len(found) > start + limit
    more = {"has_more": rest, "response_metadata": {"next_cursor": f"next:{start + limit}" if rest else ""}}
    return found[start : start + limit], more
