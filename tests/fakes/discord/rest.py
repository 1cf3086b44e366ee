"""The HTTP API: who may call what, faults that a test ordered, and the answers.

https://discord.com/developers/docs/reference
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.discord import answers, posts
from tests.fakes.discord.records import Call, Json, Refused, Trouble
from tests.fakes.discord.rules import dump, judge_commands
from tests.fakes.discord.shapes import write_channel, write_guild, write_member, write_message, write_role, write_user

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

Handle = Callable[["FakeDiscord", "Asked"], Awaitable[object]]
_CODES = {429: 0, 401: 0, 403: 50013, 404: 10003}


class Asked:
    """A request: what its path names, its query, its body and the files with it."""

    def __init__(self, request: web.Request, body: Json, files: dict[str, tuple[str, bytes]]) -> None:
        self.names, self.query, self.body, self.files = request.match_info, request.query, body, files

    def __getitem__(self, name: str) -> str:
        return self.names[name]


def add_routes(discord: FakeDiscord, router: web.UrlDispatcher) -> None:
    for verb, path, handle, is_open in ROUTES:
        router.add_route(verb, f"/api/v10{path}", partial(_receive, discord, handle, is_open))
        if is_open:
            router.add_route(verb, f"/api{path}", partial(_receive, discord, handle, is_open))
    router.add_get("/attachments/{channel}/{id}/{name}", partial(_send_file, discord))


async def _receive(discord: FakeDiscord, handle: Handle, is_open: bool, request: web.Request) -> web.StreamResponse:
    """`is_open`: the address itself is the secret, so no token is asked for."""
    asked = await _read(request)
    path = request.path.removeprefix("/api/v10")
    call = Call(method=request.method, path=path, body=asked.body, at=discord.now())
    discord.calls.append(call)
    trouble = next((item for item in discord.troubles if item.fits(call)), None)
    try:
        if trouble:
            await _obey(discord, trouble, request)
        if not is_open:
            _check_token(discord, request)
        answer = await handle(discord, asked)
        if trouble and trouble.fault.endswith("_after"):
            await _fail_after(trouble, request)
        return await _answer(discord, call, 200 if answer is not None else 204, answer)
    except Refused as refused:
        call.code = refused.code
        is_invalid = refused.status in (400, 404) or refused.code in (50013, 50001)
        if is_invalid and trouble is None and refused.code not in discord.expected_codes:
            discord.unexpected.append(call)
        return await _refuse(discord, call, refused)


async def _read(request: web.Request) -> Asked:
    body: Json = {}
    files: dict[str, tuple[str, bytes]] = {}
    if request.content_type == "multipart/form-data":
        form = await request.post()
        for name, value in form.items():
            if isinstance(value, web.FileField):
                files[name] = value.filename, value.file.read()
            elif name == "payload_json":
                body = json.loads(str(value))
    elif request.can_read_body:
        read = await request.json()
        body = read if isinstance(read, dict) else {"_list": read}
    return Asked(request, body, files)


def _check_token(discord: FakeDiscord, request: web.Request) -> None:
    if request.headers.get("Authorization") != f"Bot {discord.token}" or discord.token in discord.bad_tokens:
        raise Refused(401, 0, "401: Unauthorized")


async def _obey(discord: FakeDiscord, trouble: Trouble, request: web.Request) -> None:
    """Faults before anything is done."""
    trouble.hits += 1
    if trouble.fault == "hang":
        await trouble.released.wait()
    if trouble.fault in ("hang", "close"):
        _cut(request)
        raise Refused(500, 0, "cut")
    if trouble.fault.isdigit():
        status = int(trouble.fault)
        more = {"retry_after": trouble.retry_after, "global": False} if status == 429 else {}
        raise Refused(status, _CODES.get(status, 0), f"{status}: ordered", **more)


async def _fail_after(trouble: Trouble, request: web.Request) -> None:
    if trouble.fault == "close_after":
        _cut(request)
    raise Refused(502, 0, "502: Bad Gateway")


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _refuse(discord: FakeDiscord, call: Call, refused: Refused) -> web.StreamResponse:
    body = {"message": refused.message, "code": refused.code} | refused.more
    return await _answer(discord, call, refused.status, body)


async def _answer(discord: FakeDiscord, call: Call, status: int, answer: object) -> web.StreamResponse:
    call.status = status
    await discord.note()
    headers = {"Content-Type": "application/json", "Via": "1.1 fake"}
    if status == 429 and isinstance(answer, dict):
        headers |= {"Retry-After": str(answer.get("retry_after")), "X-RateLimit-Scope": "shared"}
    body = b"" if answer is None else dump(answer).encode()
    return web.Response(status=status, body=body, headers=headers)


async def _send_file(discord: FakeDiscord, request: web.Request) -> web.StreamResponse:
    found = discord.files.get(request.match_info["id"])
    return web.Response(body=found[1]) if found else web.Response(status=404)


# Who is who.


async def get_me(discord: FakeDiscord, asked: Asked) -> Json:
    return write_user(discord, discord.bot)


async def get_app(discord: FakeDiscord, asked: Asked) -> Json:
    flags = (1 << 19 if discord.may_read else 0) | (1 << 15 if discord.intents & 2 else 0)
    return {
        "id": discord.app,
        "name": "callboard",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": discord.public_key,
        "flags": flags,
        "owner": write_user(discord, discord.bot),
        "team": None,
        "approximate_guild_count": len(discord.guilds),
    }


async def get_my_guilds(discord: FakeDiscord, asked: Asked) -> list[Json]:
    return [
        {"id": id, "name": name, "icon": None, "owner": False, "permissions": "0"}
        for id, name in discord.guilds.items()
    ]


async def get_guild(discord: FakeDiscord, asked: Asked) -> Json:
    return write_guild(discord, _need_guild(discord, asked))


async def get_guild_channels(discord: FakeDiscord, asked: Asked) -> list[Json]:
    guild = _need_guild(discord, asked)
    return [write_channel(discord, item) for item in discord.channels.values() if item.guild == guild]


async def get_guild_roles(discord: FakeDiscord, asked: Asked) -> list[Json]:
    guild = _need_guild(discord, asked)
    return [write_role(role) for role in discord.roles.values() if role.guild == guild]


async def get_member(discord: FakeDiscord, asked: Asked) -> Json:
    guild, user = _need_guild(discord, asked), asked["user"]
    known = discord.people.get(user)
    if user != discord.bot and (known is None or guild not in known.guilds):
        raise Refused(404, 10007, "Unknown Member")
    return write_member(discord, user, guild)


async def search_members(discord: FakeDiscord, asked: Asked) -> list[Json]:
    """Those whose name or nickname begins with the words."""
    guild, words = _need_guild(discord, asked), asked.query.get("query", "").casefold()
    limit = int(asked.query.get("limit", 1))
    if not words or not 1 <= limit <= 1000:
        raise Refused(400, 50035, "query: This field is required; limit: 1 to 1000")
    known = [one for one in discord.people.values() if guild in one.guilds and one.name.casefold().startswith(words)]
    return [write_member(discord, one.id, guild) for one in known[:limit]]


def _need_guild(discord: FakeDiscord, asked: Asked) -> str:
    if asked["guild"] not in discord.guilds:
        raise Refused(404, 10004, "Unknown Guild")
    return asked["guild"]


async def get_channel(discord: FakeDiscord, asked: Asked) -> Json:
    channel = discord.need_channel(asked["channel"])
    if discord.list_missing(channel, "VIEW_CHANNEL"):
        raise Refused(403, 50001, "Missing Access")
    return write_channel(discord, channel) | {"recipients": []}


async def open_direct(discord: FakeDiscord, asked: Asked) -> Json:
    user = str(asked.body["recipient_id"])
    if user not in discord.people:
        raise Refused(400, 50033, "Invalid Recipient(s)")
    return write_channel(discord, discord.direct(user))


async def get_gateway(discord: FakeDiscord, asked: Asked) -> Json:
    left = 1000 - len(discord.identifies)
    limits = {"total": 1000, "remaining": left, "reset_after": 1, "max_concurrency": 1}
    return {"url": discord.gateway_url, "shards": 1, "session_start_limit": limits}


# Commands.


async def get_commands(discord: FakeDiscord, asked: Asked) -> list[Json]:
    return discord.commands.get(asked.names.get("guild", ""), [])


async def put_commands(discord: FakeDiscord, asked: Asked) -> list[Json]:
    """Replace all of them."""
    wanted = asked.body["_list"]
    if told := judge_commands(wanted):
        raise Refused(400, 50035, f"Invalid Form Body: {'; '.join(told)}")
    scope = asked.names.get("guild", "")
    base: Json = {
        "application_id": discord.app,
        "version": discord.next_id(),
        "default_member_permissions": None,
        "description": "",
    }
    more: Json = {"guild_id": scope} if scope else {}
    discord.commands[scope] = [{"type": 1, **base, **item, **more, "id": discord.next_id()} for item in wanted]
    return discord.commands[scope]


async def get_messages(discord: FakeDiscord, asked: Asked) -> list[Json]:
    """The newest first; `before`, `after`, `limit`."""
    channel = discord.need_channel(asked["channel"])
    if discord.list_missing(channel, "VIEW_CHANNEL"):
        raise Refused(403, 50001, "Missing Access")
    found = [] if discord.list_missing(channel, "READ_MESSAGE_HISTORY") else discord.messages(channel)
    after, before = int(asked.query.get("after", 0)), int(asked.query.get("before", 1 << 62))
    found = [message for message in found if after < int(message.id) < before]
    limit = int(asked.query.get("limit", 50))
    if not 1 <= limit <= 100:
        raise Refused(400, 50035, "limit: 1 to 100")
    page = found[:limit] if "after" in asked.query else found[-limit:]
    return [write_message(discord, message, blind=not discord.may_read) for message in reversed(page)]


async def get_message(discord: FakeDiscord, asked: Asked) -> Json:
    message = discord.need_message(asked["channel"], asked["message"])
    return write_message(discord, message, blind=not discord.may_read)


ROUTES: list[tuple[str, str, Handle, bool]] = [
    ("GET", "/users/@me", get_me, False),
    ("GET", "/users/@me/guilds", get_my_guilds, False),
    ("POST", "/users/@me/channels", open_direct, False),
    ("GET", "/oauth2/applications/@me", get_app, False),
    ("GET", "/applications/@me", get_app, False),
    ("GET", "/gateway/bot", get_gateway, False),
    ("GET", "/guilds/{guild}", get_guild, False),
    ("GET", "/guilds/{guild}/channels", get_guild_channels, False),
    ("GET", "/guilds/{guild}/roles", get_guild_roles, False),
    ("GET", "/guilds/{guild}/members/search", search_members, False),
    ("GET", "/guilds/{guild}/members/{user}", get_member, False),
    ("GET", "/applications/{app}/commands", get_commands, False),
    ("PUT", "/applications/{app}/commands", put_commands, False),
    ("GET", "/applications/{app}/guilds/{guild}/commands", get_commands, False),
    ("PUT", "/applications/{app}/guilds/{guild}/commands", put_commands, False),
    ("GET", "/channels/{channel}", get_channel, False),
    ("PATCH", "/channels/{channel}", posts.change_channel, False),
    ("GET", "/channels/{channel}/messages", get_messages, False),
    ("GET", "/channels/{channel}/messages/{message}", get_message, False),
    ("POST", "/channels/{channel}/messages", posts.post_message, False),
    ("PATCH", "/channels/{channel}/messages/{message}", posts.edit_message, False),
    ("DELETE", "/channels/{channel}/messages/{message}", posts.delete_message, False),
    ("POST", "/channels/{channel}/messages/{message}/threads", posts.start_thread, False),
    ("POST", "/channels/{channel}/typing", posts.show_typing, False),
    ("POST", "/interactions/{id}/{token}/callback", answers.answer_act, True),
    ("GET", "/webhooks/{id}/{token}/messages/{message}", answers.get_answer, True),
    ("PATCH", "/webhooks/{id}/{token}/messages/{message}", answers.edit_answer, True),
    ("DELETE", "/webhooks/{id}/{token}/messages/{message}", answers.delete_answer, True),
    ("POST", "/webhooks/{id}/{token}", answers.follow_up, True),
]
