"""What somebody says in the chat: a line, what becomes of it, and what could be said next."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from bot.commands.completion import Suggestion, complete_line
from bot.commands.line import SLASH, find_command_start, read_line, veil_line
from bot.commands.parameters import AGENT_NAME
from bot.commands.parser import Invocation
from bot.commands.registry import shorten_name
from bot.dispatcher import Call, Dispatcher
from bot.names import find_defaults, list_names
from bot.web.pages.act import write_down
from bot.web.pages.chat import MAIN, show_channel
from bot.web.pages.template import fill_in, show_part
from bot.web.pages.visitor import DOOR, Guest, Visitor, find_house
from core.agents import require_agent
from core.board import find_entry
from core.errors import Conflict, NotFound, UserError
from core.inbox import name_answer
from core.messages import Reply
from core.store import Database, Transaction
from core.text import plain
from core.wire import decode_reply, map_text

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form(max_length=60_000)]
Words = Annotated[str, Query(max_length=60_000)]
# As long as a reader waits for the answer of what acts, of what only looks, and then for it to stand on the board.
PATIENCE = 10.0
_LONGEST_LOOK = 90.0
_SHOWN_SOON = 2.0


@router.post("/say")
async def say(request: Request, visitor: Guest, line: Field = "", key: Field = "") -> Response:
    """Say a line in the channel. With the same key it is said once."""
    wants_json = "application/json" in request.headers.get("accept", "")
    answer = await hear(request, visitor, line, key)
    if wants_json:
        return JSONResponse(write_answer(visitor, answer), 409 if "error" in answer else 200)
    return await _show_answer(request, visitor, answer, line)


async def hear(request: Request, visitor: Visitor, line: str, key: str, agent: str = "") -> Mapping[str, Any]:
    """Run a line, of which an agent is the default. The answer: {"error": …}, or {"reply": Reply}, with `said` when
    all hear of it in the channel, and `keep` when nothing was done."""
    try:
        return await _hear(request, visitor, line, key, agent)
    except UserError as error:
        return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


async def _hear(request: Request, visitor: Visitor, line: str, key: str, agent: str) -> Mapping[str, Any]:
    house = find_house(request)
    async with house.database.reading() as tx:
        defaults = await find_defaults(tx, house, await _find_place(tx, agent))
    meaning = read_line(request.app.state.registry, line, defaults)
    if isinstance(meaning, Reply):
        return {"reply": meaning, "keep": True}
    once = hashlib.sha256(f"{key}\n{agent}\n{line}".encode("utf-8", "replace")).hexdigest()[:40]
    if meaning.command.acts:
        await write_down(house, visitor, veil_line(meaning, line), once)
    return await _run(request, visitor, meaning, once)


async def _find_place(tx: Transaction, agent: str) -> str:
    """Where defaults are looked up: in an agent's thread, for "" in the channel. Raises NotFound."""
    if not agent:
        return MAIN
    if not re.fullmatch(AGENT_NAME, agent):
        raise NotFound(f"There is no agent {shorten_name(agent)}.", remedy="The fleet shows the agents.")
    return f"{MAIN}/{(await require_agent(tx, agent)).id}"


async def _run(request: Request, visitor: Visitor, meaning: Invocation, once: str) -> Mapping[str, Any]:
    house, command = find_house(request), meaning.command
    dispatcher: Dispatcher = request.app.state.dispatcher
    call = Call(once, DOOR, visitor.actor, MAIN, command.name, meaning.arguments, MAIN if command.acts else "")
    try:
        async with asyncio.timeout(PATIENCE if command.acts else _LONGEST_LOOK):
            id, answer = await dispatcher.call(call)
    except TimeoutError:
        if not command.acts:
            raise Conflict(f"{command.name} took longer than {_LONGEST_LOOK:.0f} s.", remedy="Try again.") from None
        return {"reply": Reply(text=f"This takes longer than {PATIENCE:.0f} s. The answer comes here when it is done.")}
    if "error" in answer:
        return answer
    reply = map_text(decode_reply({**answer, "secret": ""}), house.redactor.redact)
    if not command.acts or "secret" in answer:
        return {"reply": reply, "secret": answer.get("secret", "")}
    await _await_entry(house.database, MAIN, name_answer(id))
    return {"said": True, "reply": reply}


async def _await_entry(database: Database, place: str, key: str) -> None:
    """Wait a little until the answer stands on the board, so that a page that is loaded next shows it."""
    end = asyncio.get_running_loop().time() + _SHOWN_SOON
    while (left := end - asyncio.get_running_loop().time()) > 0:
        heard = database.bells.listen("board")
        async with database.reading() as tx:
            if await find_entry(tx, place, key):
                return
        await database.bells.wait("board", heard, left)


def write_answer(visitor: Visitor, answer: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """For the script: HTML of what its reader alone is told, or the `whole` answer; `keep`: what they typed stays."""
    error = answer.get("error")
    is_shown = whole or "said" not in answer
    html = fill_in(show_part("_answer.html", **list_told(answer)), visitor) if is_shown else ""
    keep = bool(error or answer.get("keep"))
    return {"html": html, "keep": keep, "error": error, "secret": answer.get("secret", "")}


def list_told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a page shows of an answer."""
    return {
        "error": answer.get("error"),
        "reply": answer.get("reply"),
        "secret": answer.get("secret", ""),
        "said": "said" in answer,
    }


async def _show_answer(request: Request, visitor: Visitor, answer: Mapping[str, Any], line: str) -> Response:
    if "said" in answer:
        return RedirectResponse("/", 303)
    kept = line if "error" in answer or answer.get("keep") else ""
    status = 409 if "error" in answer else 200
    return await show_channel(request, visitor, status=status, line=kept, **list_told(answer))


@router.get("/complete")
async def complete(
    request: Request, _: Guest, line: Words = "", cursor: Annotated[int, Query(ge=0, le=60_000)] = 0, agent: Words = ""
) -> JSONResponse:
    """What can stand at the cursor of a line."""
    house = find_house(request)
    begin = find_command_start(line)
    if begin is None or cursor < begin:
        return JSONResponse(_suggest_slash(line[:cursor]))
    async with house.database.reading() as tx:
        place = await _find_place(tx, agent)
        names, defaults = await list_names(tx, house), await find_defaults(tx, house, place)
    found = complete_line(request.app.state.registry, line[begin:], cursor - begin, names, defaults)
    return JSONResponse([_write_suggestion(one, begin) for one in found])


def _suggest_slash(head: str) -> list[dict[str, Any]]:
    word = head.strip().casefold()
    is_begun = bool(word) and SLASH.startswith(word)
    return [_write_suggestion(Suggestion(SLASH, SLASH, "a command", 0), 0)] if is_begun else []


def _write_suggestion(one: Suggestion, begin: int) -> dict[str, Any]:
    return {**asdict(one), "label": plain(one.label), "about": plain(one.about), "start": one.start + begin}
