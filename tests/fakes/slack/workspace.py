"""A workspace: people, groups, channels, messages, views, files; and the reading that tests do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.fakes.slack import marks
from tests.fakes.slack.pace import Pace
from tests.fakes.slack.records import (
    ALL_SCOPES,
    EVENT_SCOPES,
    Call,
    Channel,
    Denied,
    Failure,
    Json,
    Kind,
    Message,
    Ping,
    ReplyUrl,
    Sent,
    Token,
    Upload,
    View,
)
from tests.fakes.slack.trouble import Trouble, Troubles

if TYPE_CHECKING:
    from tests.fakes.slack.hands import User

BOT, BOT_ID, APP, TEAM = "U0BOT", "B0BOT", "A0APP", "T0HOME"


class Workspace:
    """What is in Slack, without a door to it. Channels are named by id or by name, with or without `#`."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.team, self.app, self.bot, self.bot_id = TEAM, APP, BOT, BOT_ID
        self.bot_token, self.app_token = "xoxb-1-first", "xapp-1-first"
        self.signing_secret = "shhh-signing"
        self.tokens = {
            self.bot_token: Token(kind="bot", scopes=ALL_SCOPES),
            self.app_token: Token(kind="app", scopes=frozenset({"connections:write"})),
        }
        self.subscribed = set(EVENT_SCOPES)
        self.has_home = True
        self.people: dict[str, User] = {}
        self.groups: dict[str, Json] = {}
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, View] = {}
        self.files: dict[str, Upload] = {}
        self.states: dict[tuple[str, str], Json] = {}
        self.whispers: list[Message] = []
        self.triggers: dict[str, tuple[float, str]] = {}
        self.reply_urls: dict[str, ReplyUrl] = {}
        self.webhooks: dict[str, str] = {}
        self.trouble_book, self.pace = Troubles(), Pace()
        self.call_log: list[Call] = []
        self.sent: list[Sent] = []
        self.pings: list[Ping] = []
        self.links: list[Ping] = []
        self.failures: list[Failure] = []
        self.unexpected: list[Call] = []
        self.changed = asyncio.Condition()
        self._clock, self._offset = now, 0.0
        self._numbers, self._last = count(1), 0

    # Time and names.

    def now(self) -> float:
        """Seconds since the epoch, by the clock that was given, moved by what was advanced."""
        return (self._clock().timestamp() if self._clock else time.time()) + self._offset

    def next_ts(self) -> str:
        """A message's ts: unique and ordered."""
        self._last = max(self._last + 1, int(self.now() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def next_id(self, letter: str) -> str:
        return f"{letter}{next(self._numbers):08X}"

    # Building.

    def channel(self, name: str, *members: User, kind: Kind = "channel", joined: bool = True, **more: Any) -> Channel:
        """A channel with these people in it, and the bot unless `joined` is False. The same name, the same channel."""
        found = self.get_channel(name)
        if found is None:
            found = Channel(id=self.next_id("C"), name=name.lstrip("#"), kind=kind, **more)
            self.channels[found.id] = found
            found.members |= {self.bot} if joined else set()
        found.members |= {member.id for member in members}
        return found

    def group(self, handle: str, *members: User) -> str:
        """A user group; returns its id."""
        id = self.next_id("S")
        users = [member.id for member in members]
        self.groups[id] = {"id": id, "handle": handle, "name": handle, "users": users, "user_count": len(users)}
        return id

    def direct(self, user: str) -> Channel:
        """The direct messages between the bot and a person."""
        for channel in self.channels.values():
            if channel.kind == "im" and user in channel.members:
                return channel
        made = Channel(id=self.next_id("D"), name="", kind="im", members={self.bot, user})
        self.channels[made.id] = made
        return made

    def webhook(self, channel: str) -> str:
        """The path of an incoming webhook that posts to this channel."""
        path = f"/services/{self.team}/{self.next_id('B')}/{self.next_id('x')}"
        self.webhooks[path] = self.need_channel(channel).id
        return path

    # Tokens.

    @property
    def scopes(self) -> frozenset[str]:
        """What the bot's token may do."""
        return self.tokens[self.bot_token].scopes

    @scopes.setter
    def scopes(self, granted: frozenset[str]) -> None:
        self.tokens[self.bot_token].scopes = frozenset(granted)

    def revoke(self, token: str = "", error: str = "token_revoked") -> None:
        """From now on calls with the token (the bot's) are answered with this error; `account_inactive` is another."""
        self.tokens[token or self.bot_token].state = error

    def rotate(self) -> str:
        """Revoke the bot's token and return a new one with the same scopes."""
        old, scopes = self.bot_token, self.scopes
        self.bot_token = f"xoxb-1-{self.next_id('r')}"
        self.tokens[self.bot_token] = Token(kind="bot", scopes=scopes)
        self.revoke(old)
        return self.bot_token

    def trouble(self, fault: str, method: str = "", channel: str = "", **more: Any) -> Trouble:
        """Order a fault (see Trouble) for the next call, or `times` calls, of a method or into a channel."""
        id = self.need_channel(channel).id if channel else ""
        return self.trouble_book.order(Trouble(fault=fault, method=method, channel=id, **more))

    # Finding.

    def get_channel(self, name: str) -> Channel | None:
        bare = name.lstrip("#")
        named = (channel for channel in self.channels.values() if channel.name == bare and bare)
        return self.channels.get(name) or next(named, None)

    def need_channel(self, name: str) -> Channel:
        """Raises Denied like Slack when there is none."""
        found = self.get_channel(name)
        if found is None:
            raise Denied("channel_not_found")
        return found

    def need_message(self, channel: str, ts: str) -> Message:
        found = self.need_channel(channel).messages.get(ts)
        if found is None:
            raise Denied("message_not_found")
        return found

    def name_of(self, id: str) -> str:
        """What people see for an id of a person, a channel or the bot."""
        if id == self.bot:
            return "callboard"
        shown = self.people.get(id) or self.channels.get(id)
        return shown.name if shown else id

    # Reading.

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """Messages in order: of a channel those outside threads, of a thread the first and its replies."""
        found = self.need_channel(channel).messages.values()
        if thread_ts is None:
            return [message for message in found if not message.is_reply]
        return [message for message in found if thread_ts in (message.ts, message.thread_ts)]

    def ephemerals(self, user: User | str) -> list[Message]:
        """What only this person was shown, in order, deleted ones not."""
        id = user if isinstance(user, str) else user.id
        return [message for message in self.whispers if message.to == id]

    def home(self, user: User | str) -> View | None:
        """The home tab as this person has it."""
        return next(iter(self._list_views(user, "home")), None)

    def modals(self, user: User | str) -> list[View]:
        """The open modals of a person, the one on top last."""
        return list(self._list_views(user, "modal"))

    def _list_views(self, user: User | str, kind: str) -> Iterator[View]:
        id = user if isinstance(user, str) else user.id
        for view in self.views.values():
            if view.user == id and view.content["type"] == kind and not view.closed:
                yield view

    def text_of(self, shown: Message | View | Mapping[str, Any]) -> str:
        """All visible text as a person sees it. A message's fallback text is seen only when it has no blocks."""
        if isinstance(shown, View):
            return self._show_view(shown.content)
        if not isinstance(shown, Message):
            return self._show_view(shown)
        names = [f"({file.title or file.name})" for file in shown.files]
        seen = marks.show_blocks(shown.to_json().get("blocks"), self.name_of) or marks.show_text(
            shown.text, self.name_of
        )
        parts = [seen, marks.show_blocks(shown.attachments, self.name_of), *names]
        return "\n".join(part for part in parts if part)

    def _show_view(self, content: Mapping[str, Any]) -> str:
        parts = [content.get("title"), *(content.get("blocks") or ()), content.get("submit"), content.get("close")]
        return marks.show_blocks([part for part in parts if part], self.name_of)

    def calls(self, method: str = "") -> list[Call]:
        """Requests to a method, or all, in order, refused ones too."""
        return [call for call in self.call_log if method in ("", call.method)]

    async def wait(self, until: Callable[[], Any], timeout: float = 60.0) -> Any:
        """Return what `until` returns as soon as it is true: it is asked after every call and every answer."""
        async with asyncio.timeout(timeout), self.changed:
            await self.changed.wait_for(until)
        return until()

    async def tell(self) -> None:
        """Wake who waits."""
        async with self.changed:
            self.changed.notify_all()

    # Writing.

    def note_marks(self, method: str, content: Any, channel: str = "", ts: str = "", named: bool = False) -> None:
        """Record whom a content would call and what it links under another name."""
        for words in marks.find_mentions(content, named=named):
            self.pings.append(Ping(method=method, words=words, channel=channel, ts=ts))
        for url, label in marks.find_links(content):
            self.links.append(Ping(method=method, words=label, channel=channel, ts=ts, url=url, label=label))

    def note_refusal(self, method: str, denied: Denied) -> None:
        """Record what the app answered an act with and Slack would not take."""
        answer = {"ok": False, "error": denied.error} | denied.more
        self.unexpected.append(Call(method=method, args={}, token="", at=self.now(), answer=answer))

    def keep_message(self, channel: Channel, user: str, **values: Any) -> Message:
        """Store a message as it is."""
        root = channel.messages.get(str(values.get("thread_ts") or ""))
        values = {**values, "parent": root.user} if root else values
        message = Message(channel=channel.id, ts=self.next_ts(), user=user, **values)
        channel.messages[message.ts] = message
        return message

    def make_trigger(self, user: str) -> str:
        id = f"{next(self._numbers)}.{self.team}.{self.next_id('t')}"
        self.triggers[id] = (self.now(), user)
        return id

    def make_reply_url(self, user: str, channel: str, message: Message | None = None) -> ReplyUrl:
        made = ReplyUrl(id=self.next_id("r"), user=user, channel=channel, made=self.now(), message=message)
        self.reply_urls[made.id] = made
        return made
