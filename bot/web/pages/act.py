"""What buttons and forms do: a command, as anybody could type it, through the same inbox as any chat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from bot.commands.line import SLASH
from bot.commands.parser import Defaults, parse_line
from bot.dispatcher import Call, Dispatcher
from bot.house import House
from bot.web.door import find_way
from bot.web.pages.chat import MAIN
from bot.web.pages.template import show_page
from bot.web.pages.visitor import DOOR, Guest, Visitor, find_house
from core.board import put_entry
from core.errors import UserError
from core.messages import EntryKind
from core.wire import decode_reply

router = APIRouter(include_in_schema=False)
FLEET = "/fleet"
Field = Annotated[str, Form(max_length=60_000)]


@router.post("/act")
async def act(
    request: Request,
    visitor: Guest,
    command: Field,
    words: Field = "",
    key: Field = "",
    confirm: Field = "",
    confirmed: Field = "",
    back: Field = FLEET,
) -> Response:
    """Run a line, with the `words` that its button asked for. Who has no script is asked for what needs it on a page,
    and is shown the answer on one."""
    command = f"{command} -- {words}" if words.strip() else command
    wants_json = "application/json" in request.headers.get("accept", "")
    if confirm and not confirmed and not wants_json:
        return show_page("confirm.html", visitor, command=command, key=key, confirm=confirm, back=find_way(back, FLEET))
    answer = await run_line(request, visitor, command, key)
    if wants_json:
        return JSONResponse(answer, 200 if "error" not in answer else 409)
    return show_answer(visitor, answer, find_way(back, FLEET))


async def write_down(house: House, visitor: Visitor, line: str, once: str) -> None:
    """Everybody in the channel sees who said what: once for each key of a person."""
    body, actor = {"text": house.redactor.redact(line.strip())}, visitor.actor
    async with house.database.transaction() as tx:
        key = f"said:{actor.person}:{once}"
        await put_entry(tx, MAIN, EntryKind.SAID, body, key, house.now(), person=actor.person, name=actor.name)


async def run_line(request: Request, visitor: Visitor, line: str, key: str) -> Mapping[str, Any]:
    """The answer to a line of a button: a reply as JSON, or {"error": …}. The same line with the same key is done once.
    What acts is seen in the channel, as if it had been typed there."""
    house = find_house(request)
    dispatcher: Dispatcher = request.app.state.dispatcher
    try:
        invocation = parse_line(request.app.state.registry, line, Defaults(list(house.projects)))
        once = hashlib.sha256(f"{key}\n{line}".encode("utf-8", "replace")).hexdigest()[:40]
        if invocation.command.acts:
            await write_down(house, visitor, f"{SLASH} {line.strip()}", once)
        call = Call(once, DOOR, visitor.actor, MAIN, invocation.command.name, invocation.arguments)
        _, answer = await dispatcher.call(call)
    except UserError as error:
        return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    return answer


def show_answer(visitor: Visitor, answer: Mapping[str, Any], back: str) -> HTMLResponse:
    """An answer as a page. To load it again does nothing again, and shows no secret: the key is the same."""
    error = answer.get("error")
    told = {"error": error, "reply": None if error else decode_reply({**answer, "secret": ""})}
    secret = answer.get("secret", "")
    return show_page("answer.html", visitor, status=409 if error else 200, secret=secret, back=back, **told)
