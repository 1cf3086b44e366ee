"""The gate in front of the app: who calls, and how much they send, before anything of it is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.house import House
from bot.web.problems import AnsweredError, write_error
from core.asks import topic_of
from core.errors import TemporaryFailure
from core.model import Actor, Role
from core.people import check_token

API = "/api/"
OPENAPI = "/api/v1/openapi.json"
LARGEST_BODY = 2_000_000
# What takes files, base64 in JSON, of 10 MB in all.
LARGEST_WITH_FILES = 14_500_000
FILES = re.compile(r"/api/v1/(commands/(spawn|send)|agents|agents/[^/]+/messages)|/agents/[^/]+/say")
ADMITTED_FOR = 5.0
_bearer = HTTPBearer(auto_error=False, description="The token in run.json, or one made by `admin token`.")


async def require_actor(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Actor:
    """The caller, whom the gate let in."""
    actor: Actor = request.state.actor
    return actor


def end_with_token(request: Request, stream: AsyncGenerator[bytes], person: str) -> AsyncGenerator[bytes]:
    """The same stream, which ends as its reader's token is void, expired, or of no role any more."""
    return end_with_right(request, stream, person, is_caller_admitted)


async def end_with_right(
    request: Request, stream: AsyncGenerator[bytes], person: str, may_read: Callable[[Request], Awaitable[bool]]
) -> AsyncGenerator[bytes]:
    """The same stream, which ends as its reader may read no more, whether or not there is something to read: at once
    where the person's bell rings in this process, else within ADMITTED_FOR seconds."""
    bells, topic = request.app.state.house.database.bells, topic_of(person)

    def listen() -> asyncio.Task[object]:
        return asyncio.create_task(bells.wait(topic, bells.listen(topic), ADMITTED_FOR))

    bell, pending, may_look = listen(), asyncio.create_task(_take(stream)), True
    try:
        while True:
            await asyncio.wait({pending, bell}, return_when=asyncio.FIRST_COMPLETED)
            if bell.done():
                bell = listen()
                may_look = await may_read(request)
            if not may_look or (pending.done() and pending.result() is None):
                return
            if pending.done():
                yield pending.result() or b""
                pending = asyncio.create_task(_take(stream))
    finally:
        pending.cancel()
        bell.cancel()
        await asyncio.wait({pending, bell})
        await stream.aclose()


async def _take(stream: AsyncGenerator[bytes]) -> bytes | None:
    return await anext(stream, None)


async def is_caller_admitted(request: Request) -> bool:
    """Whether somebody who reads a stream by a token may read on."""
    try:
        actor = await admit_caller(request.app.state.house, request.headers)
    except AnsweredError:
        return False
    except TemporaryFailure:
        return True
    return actor.role >= Role.VIEWER


class Gate:
    """Refuses callers of the API without a valid token (401), and bodies over the limit of their path, announced or
    not (413)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            if scope["path"].startswith(API) and scope["path"] != OPENAPI:
                scope.setdefault("state", {})["actor"] = await admit_caller(scope["app"].state.house, headers)
            held = await _limit_body(headers, receive, find_limit(scope["path"]))
        except (AnsweredError, TemporaryFailure) as error:
            await write_error(error)(scope, receive, send)
            return
        await self._app(scope, held, send)


async def admit_caller(house: House, headers: Headers) -> Actor:
    """Whose token the headers carry. Raises AnsweredError when it is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        async with house.database.reading() as tx:
            actor = await check_token(tx, token.strip(), house.now())
        if actor is not None:
            return actor
    remedy = "Send `Authorization: Bearer TOKEN`; run.json in CALLBOARD_HOME holds one."
    raise AnsweredError({"code": "unauthorized", "message": "A valid token is needed.", "remedy": remedy})


def find_limit(path: str) -> int:
    """How many bytes a body may have there."""
    return LARGEST_WITH_FILES if FILES.fullmatch(path) else LARGEST_BODY


async def _limit_body(headers: Headers, receive: Receive, limit: int) -> Receive:
    """A body that names its length is held to it by the server; one in chunks is read here, as far as the limit."""
    announced = headers.get("content-length", "0")
    # By its length first: int() refuses what has thousands of digits.
    if not announced.isdigit() or len(announced) > 12 or int(announced) > limit:
        raise _make_too_large(limit)
    if "transfer-encoding" not in headers:
        return receive
    body = await _read_body(receive, limit)
    held: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return held.pop() if held else await receive()

    return replay


async def _read_body(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise _make_too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _make_too_large(limit: int) -> AnsweredError:
    message = f"The body is larger than {limit:,} bytes."
    return AnsweredError({"code": "too_large", "message": message, "remedy": "Put what is long into a file."})
