"""What Discord says of a token: whose it is, what it may read, in which servers it is, who and what is there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.errors import BadInput, Held, PermanentFailure
from core.text import one_line
from integrations.discord.permissions import list_missing, sum_permissions
from integrations.discord.settings import DiscordSettings
from integrations.discord.web import NOBODY, UNKNOWN_CHANNEL, Web, read_code

# https://discord.com/developers/docs/resources/application#application-object-application-flags
_MAY_READ = (1 << 18) | (1 << 19)
_MOST_GUILDS = 50
_TEXT = (0, 5)
_UNKNOWN_MEMBER, _UNKNOWN_USER = 10007, 10013
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bot:
    """Whom a token belongs to."""

    user: str
    name: str
    app: str
    app_name: str
    may_read: bool

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in a server of the bot's, with a name for the settings."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """A channel of a server; `missing` are permissions that the bot lacks there."""

    id: str
    name: str
    guild: str
    missing: Sequence[str] = ()


@contextlib.asynccontextmanager
async def open_calls(settings: DiscordSettings) -> AsyncIterator[Web]:
    """Calls with a token that may be a bad one: that is a PermanentFailure here."""
    web = Web(settings)
    try:
        yield web
    except Held as failure:
        raise PermanentFailure(failure.message, remedy=failure.remedy) from failure
    finally:
        await web.aclose()


async def meet_bot(web: Web) -> Bot:
    """Whose token it is. Raises as Web does."""
    me = await web.call("GET", "/users/@me")
    app = await web.call("GET", "/oauth2/applications/@me")
    return Bot(
        user=str(me.get("id")),
        name=one_line(str(me.get("username"))),
        app=str(app.get("id")),
        app_name=one_line(str(app.get("name"))),
        may_read=bool(int(app.get("flags") or 0) & _MAY_READ),
    )


async def list_guilds(web: Web) -> list[tuple[str, str]]:
    """Ids and names of the servers that the bot is in."""
    found = await web.call("GET", "/users/@me/guilds")
    return [(str(guild["id"]), one_line(str(guild["name"]))) for guild in found]


async def find_person(web: Web, words: str) -> Seen:
    """Somebody of the bot's servers, by user ID or name. Raises BadInput for nobody, for several, and for bots, which
    are refused whatever they are named."""
    found: dict[str, Json] = {}
    for guild, _ in (await list_guilds(web))[:_MOST_GUILDS]:
        for member in await _look_up(web, guild, words):
            found[str(member["user"]["id"])] = member["user"]
    named = [user for user in found.values() if str(user.get("username")).casefold() == words.casefold()]
    users = named if len(named) == 1 else list(found.values())
    if not users:
        remedy = "Copy User ID in your own menu gives it, with Developer Mode on; and join a server of the bot's."
        raise BadInput("Nobody like that is in a server of the bot.", remedy=remedy)
    if len(users) > 1:
        told = ", ".join(f"{one_line(str(user.get('username')))} is {user['id']}" for user in users[:5])
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        raise BadInput(f"There are several: {told}{more}.", remedy="Give the user ID.")
    name = one_line(str(users[0].get("username")))[:80]
    if users[0].get("bot"):
        raise BadInput(f"{name} is a bot, and would be refused.", remedy="Name somebody else.")
    return Seen(str(users[0]["id"]), name)


async def _look_up(web: Web, guild: str, words: str) -> Sequence[Json]:
    if not (words.isascii() and words.isdigit()):
        typed = quote(words.lstrip("@")[:100], safe="")
        path = f"/guilds/{{guild_id}}/members/search?query={typed}&limit=10"
        found: Sequence[Json] = await web.call("GET", path, guild_id=guild)
        return found
    try:
        return [await web.call("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild, user_id=words)]
    except PermanentFailure as failure:
        if read_code(failure) in (_UNKNOWN_MEMBER, _UNKNOWN_USER):
            return []
        raise


async def find_channel(web: Web, words: str, user: str) -> Found:
    """A text channel of the bot's servers by name or id. Raises BadInput for none and for several."""
    name = words.strip().lstrip("#")
    found: list[tuple[Json, str, str]] = []
    for guild, title in (await list_guilds(web))[:_MOST_GUILDS]:
        for channel in await web.call("GET", "/guilds/{guild_id}/channels", guild_id=guild):
            if int(channel["type"]) in _TEXT and name in (str(channel["id"]), channel.get("name")):
                found.append((channel, guild, title))
    if not found:
        raise BadInput(f"There is no text channel {words[:60]} in the bot's servers.", remedy="Write it as #agents.")
    if len(found) > 1:
        told = ", ".join(f"{channel['id']} in {title}" for channel, _, title in found[:5])
        raise BadInput(f"There are several #{name[:60]}: {told}.", remedy="Give the id of one.")
    channel, guild, title = found[0]
    return Found(
        str(channel["id"]), one_line(str(channel.get("name"))), title, await list_lacks(web, channel, guild, user)
    )


async def list_lacks(web: Web, channel: Json, guild: str, user: str) -> list[str]:
    """What the bot lacks in a channel of a server."""
    home = await web.call("GET", "/guilds/{guild_id}", guild_id=guild)
    member = await web.call("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild, user_id=user)
    return list_missing(sum_permissions(home, member, channel))


async def greet_channel(web: Web, channel: str, text: str) -> None:
    """Post a line that calls nobody. Raises as Web does."""
    body = {"content": text, "allowed_mentions": NOBODY}
    await web.call("POST", "/channels/{channel_id}/messages", body, channel_id=channel)


def is_gone(failure: PermanentFailure) -> bool:
    """Whether it says that there is no such channel."""
    return read_code(failure) == UNKNOWN_CHANNEL
