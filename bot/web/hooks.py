"""Doors of integrations: a request in, a plain response out. What comes in is proved by the integration itself."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from bot.house import House
from core.errors import Refused, TemporaryFailure, UserError
from core.interfaces import Door, Plain

HOOKS = "/hooks/"
router = APIRouter(include_in_schema=False)
_READ_SECONDS = 10.0
_HANDLE_SECONDS = 30.0


@router.post(HOOKS + "{integration}/{path:path}")
async def enter(request: Request, integration: str, path: str) -> Response:
    """Let a webhook in: 404 where there is no such door, 401 for what is forged, 503 when it cannot be stored now."""
    house: House = request.app.state.house
    door = house.doors.get(f"{integration}/{path}")
    if door is None:
        return PlainTextResponse("There is no such door.", 404)
    try:
        async with asyncio.timeout(_READ_SECONDS):
            body = await request.body()
    except TimeoutError:
        return PlainTextResponse("The request took too long.", 408)
    return await _handle(door, Plain({name.lower(): value for name, value in request.headers.items()}, body))


async def _handle(door: Door, plain: Plain) -> Response:
    try:
        door.verify(plain)
        async with asyncio.timeout(_HANDLE_SECONDS):
            answer = await door.handle(plain)
    except Refused as refusal:
        return PlainTextResponse(refusal.message, 401)
    except UserError as error:
        return PlainTextResponse(error.message, 400)
    except (TemporaryFailure, TimeoutError):
        return PlainTextResponse("Try again later.", 503, {"Retry-After": "5"})
    return Response(answer.body, answer.status, dict(answer.headers))
