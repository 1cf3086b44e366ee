"""A Discord without doors: guilds, people, channels, messages; and the reading that tests do."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from tests.fakes.discord.records import (
    BITS,
    DM,
    MESSAGE_CONTENT,
    PRIVILEGED,
    THREAD,
    USUAL,
    Call,
    Channel,
    Interaction,
    Json,
    Message,
    Ping,
    Refused,
    Role,
    Trouble,
)

if TYPE_CHECKING:
    from tests.fakes.discord.hands import User

APP = "1000000000000000001"
# The first part of a token is the bot's id in base64.
TOKEN = f"{base64.urlsafe_b64encode(APP.encode()).decode().rstrip('=')}.first.made-up"
EPOCH = 1_420_070_400_000
T = TypeVar("T")


class World:
    """What is in Discord. Guilds, channels and people are found by id or by name."""

    def __init__(self) -> None:
        self.app = self.bot = APP
        self.token, self.bad_tokens = TOKEN, set[str]()
        self.public_key = "00" * 32
        self.intents = PRIVILEGED
        self.guilds: dict[str, str] = {}
        self.guild_denied: dict[str, set[str]] = {}
        self.roles: dict[str, Role] = {}
        self.people: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.commands: dict[str, list[Json]] = {}
        self.interactions: dict[str, Interaction] = {}
        self.webhooks: dict[str, str] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.calls: list[Call] = []
        self.unexpected: list[Call] = []
        self.failures: list[str] = []
        self.pings: list[Ping] = []
        self.troubles: list[Trouble] = []
        self.identifies: list[float] = []
        self.changed = asyncio.Condition()
        self.offset = 0.0
        self._numbers = count(1)

    # Time and names.

    def now(self) -> float:
        """Seconds since the epoch, moved by what was advanced."""
        return time.time() + self.offset

    def next_id(self) -> str:
        """A snowflake: unique, ordered, with its time in it."""
        return str(((int(self.now() * 1000) - EPOCH) << 22) | (next(self._numbers) & 0x3FFFFF))

    def trouble(self, fault: str, method: str = "", path: str = "", **more: Any) -> Trouble:
        """Order a fault (see Trouble) for the next calls that fit."""
        made = Trouble(fault=fault, method=method, path=path, **more)
        self.troubles.append(made)
        return made

    def revoke(self) -> None:
        """From now on the bot's token is refused."""
        self.bad_tokens.add(self.token)

    # Building.

    def guild(self, name: str, *, denied: set[str] | None = None) -> str:
        """A server that the bot is in; the same name, the same one."""
        for id, known in self.guilds.items():
            if known == name:
                return id
        id = self.next_id()
        self.guilds[id], self.guild_denied[id] = name, denied or set()
        return id

    def role(self, name: str, guild: str) -> Role:
        made = Role(id=self.next_id(), name=name, guild=self.guild(guild))
        self.roles[made.id] = made
        return made

    def channel(self, name: str, *members: User, guild: str = "home", denied: set[str] | None = None) -> Channel:
        """A text channel with these people in it. The same name, the same channel."""
        home = self.guild(guild)
        found = next((item for item in self.channels.values() if (item.name, item.guild) == (name, home)), None)
        if found is None:
            found = Channel(id=self.next_id(), name=name, guild=home, denied=denied or set())
            self.channels[found.id] = found
        found.members |= {member.id for member in members}
        for member in members:
            member.guilds.add(home)
        return found

    def direct(self, user: str) -> Channel:
        """The direct messages between the bot and somebody."""
        for channel in self.channels.values():
            if channel.kind == DM and user in channel.members:
                return channel
        made = Channel(id=self.next_id(), name="", guild="", kind=DM, members={user})
        self.channels[made.id] = made
        return made

    def webhook(self, channel: Channel) -> str:
        """The path of an incoming webhook that posts there."""
        id = self.next_id()
        self.webhooks[id] = channel.id
        return f"/api/webhooks/{id}/s3cret-{id[-4:]}"

    # Finding.

    def need_channel(self, name: str) -> Channel:
        """By id, or a name that is the only one of its kind. Raises Refused like Discord."""
        if name in self.channels:
            return self.channels[name]
        named = [channel for channel in self.channels.values() if channel.name == name and name]
        if not named:
            raise Refused(404, 10003, "Unknown Channel")
        return named[0]

    def need_message(self, channel: str, id: str) -> Message:
        found = self.need_channel(channel).messages.get(id)
        if found is None or found.to:
            raise Refused(404, 10008, "Unknown Message")
        return found

    def find_message(self, id: str) -> Message:
        """Wherever it is, whoever sees it."""
        return next(channel.messages[id] for channel in self.channels.values() if id in channel.messages)

    def list_missing(self, channel: Channel, *needed: str) -> list[str]:
        """Permissions that the bot lacks there."""
        if channel.kind == DM:
            return []
        parent = self.channels.get(channel.parent, channel)
        denied = self.guild_denied.get(channel.guild, set()) | parent.denied | channel.denied
        return [name for name in needed if name in denied or name not in USUAL]

    def write_permissions(self, channel: Channel) -> str:
        return str(sum(bit for name, bit in BITS.items() if not self.list_missing(channel, name)))

    # Reading.

    def messages(self, channel: Channel | str) -> list[Message]:
        """Those in a channel or thread that everybody there sees."""
        found = channel if isinstance(channel, Channel) else self.need_channel(channel)
        return [message for message in found.messages.values() if not message.to]

    def threads(self, channel: Channel | str) -> list[Channel]:
        parent = channel if isinstance(channel, Channel) else self.need_channel(channel)
        return [item for item in self.channels.values() if item.kind == THREAD and item.parent == parent.id]

    def whispers(self, user: User) -> list[Message]:
        """What this person alone sees, of all channels, in order."""
        every = (message for channel in self.channels.values() for message in channel.messages.values())
        return sorted((message for message in every if message.to == user.id), key=lambda message: int(message.id))

    async def wait(self, look: Callable[[], T], seconds: float = 30.0) -> T:
        """What `look` says once it is true. Fails after so long, with what there is."""
        try:
            async with asyncio.timeout(seconds), self.changed:
                while not (found := look()):
                    await self.changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"not within {seconds:.0f} s; there is:\n{self.describe()}") from None

    async def note(self) -> None:
        """Something changed: whoever waits looks again."""
        async with self.changed:
            self.changed.notify_all()

    def describe(self) -> str:
        return "\n".join(self._describe())

    def _describe(self) -> Iterator[str]:
        for channel in self.channels.values():
            for message in channel.messages.values():
                to = f" (for {message.to})" if message.to else ""
                yield f"#{channel.name or channel.id}{to}: {message.text[:200]!r} {message.buttons}"
        for call in self.calls[-15:]:
            yield f"{call.method} {call.path} {call.status} {call.code}"

    def ping(self, message: Message, targets: list[str]) -> None:
        self.pings += [Ping(message=message.id, target=target) for target in targets]

    @property
    def may_read(self) -> bool:
        """Whether the app was given the intent to read what people say."""
        return bool(self.intents & MESSAGE_CONTENT)
