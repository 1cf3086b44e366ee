"""What people say to an agent: words and files, answers, commands with their options. Each goes the way of any
command; with a script the answer is JSON, without it a page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData, UploadFile

from bot.commands.line import SLASH, find_command_start
from bot.commands.parser import Invocation, format_line
from bot.commands.registry import Command, Registry, read_arguments
from bot.dispatcher import Call, Dispatcher
from bot.web.pages.act import Field, show_answer, write_down
from bot.web.pages.agent import AgentName, require_known
from bot.web.pages.asks import check_print, choose_option, fill_form
from bot.web.pages.chat import MAIN
from bot.web.pages.offers import takes_agent
from bot.web.pages.say import hear, list_told, write_answer
from bot.web.pages.template import show_page
from bot.web.pages.visitor import DOOR, Guest, Visitor, find_house
from core.errors import BadInput, Conflict, UserError
from core.files import LARGEST_ALL, LARGEST_FILE, MOST_FILES, say_size
from core.model import Request as Asked
from core.requests import require_request

router = APIRouter(include_in_schema=False)
LONGEST = 60_000
STOPS = ("stop", "stop.", "stop!", "/stop")
Answer = Mapping[str, Any]


@router.post("/agents/{agent}/say")
async def say(request: Request, visitor: Guest, agent: AgentName) -> Response:
    """Words and files. A bare "stop" is asked about first: `plainly` sends it all the same."""
    back = f"/agents/{agent}"
    async with request.form() as form:
        text, key, now, plainly = (str(form.get(name) or "") for name in ("text", "key", "now", "plainly"))
        given = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        try:
            files = await _read_files(given)
        except UserError as error:
            return _respond(request, visitor, describe(error), back)
    if text.strip().casefold() in STOPS and not plainly:
        if _wants_json(request):
            return JSONResponse({"stop": f"stop {agent}"})
        return show_page("stop.html", visitor, agent=agent, text=text, key=key, back=back)
    if find_command_start(text) is not None:
        return await _run_line(request, visitor, agent, text, key, files)
    arguments = {"agent": agent, "text": unify_lines(text), "now": bool(now), "file": files}
    return _respond(request, visitor, await call_command(request, visitor, "send", arguments, key), back)


async def _run_line(
    request: Request, visitor: Visitor, agent: str, line: str, key: str, files: Sequence[Any]
) -> Response:
    """A command, of which the agent is the default. Everybody sees it in the channel, if it acts."""
    back = f"/agents/{agent}"
    if files:
        error = BadInput("A command takes no files here.", remedy="Send them with words for the agent.")
        return _respond(request, visitor, describe(error), back)
    answered = await hear(request, visitor, unify_lines(line), key, agent)
    status = 409 if "error" in answered else 200
    if _wants_json(request):
        return JSONResponse(write_answer(visitor, answered, whole=True), status)
    return show_page("answer.html", visitor, status=status, back=back, **list_told(answered))


def unify_lines(text: str) -> str:
    """Browsers end lines in their own way."""
    return text.replace("\r\n", "\n")


async def _read_files(files: list[UploadFile]) -> list[dict[str, str]]:
    given = [file for file in files if file.filename or file.size]
    sizes = [file.size or 0 for file in given]
    if len(given) > MOST_FILES or sum(sizes) > LARGEST_ALL or max(sizes, default=0) > LARGEST_FILE:
        limits = f"{MOST_FILES} files, {say_size(LARGEST_FILE)} each and {say_size(LARGEST_ALL)} in all are taken"
        raise BadInput(f"That is too much: at most {limits}.", remedy="Put it where the agent finds it.")
    # Some browsers send a path.
    names = [(file.filename or "file").replace("\\", "/").rpartition("/")[2] for file in given]
    contents = [base64.b64encode(await file.read()).decode() for file in given]
    return [{"name": name, "base64": content} for name, content in zip(names, contents, strict=True)]


@dataclass(frozen=True, slots=True)
class Given:
    """What a form that answers a request says. `shown` is the hash of what was shown, `seal` the rule that was."""

    request: str
    shown: str
    verdict: str
    key: str
    text: str
    choice: str
    seal: str
    confirm: str
    confirmed: str
    fields: Mapping[str, list[str]]


def read_given(form: FormData) -> Given:
    """The fields of a form, whatever was sent. Raises BadInput for what is too long."""
    said = {name: str(form.get(name) or "") for name in _ASKED}
    if any(len(value) > LONGEST for value in said.values()):
        raise BadInput("The answer is too long.", remedy="Put it into a file, and tell the agent where it is.")
    fields = {name[2:]: [str(one) for one in form.getlist(name)] for name in form if name.startswith("f.")}
    return Given(said.pop("request"), said.pop("print"), fields=fields, **said)


_ASKED = ("request", "print", "verdict", "key", "text", "choice", "seal", "confirm", "confirmed")


@router.post("/agents/{agent}/answer")
async def answer(request: Request, visitor: Guest, agent: AgentName) -> Response:
    """Settle a request, as it was shown."""
    back = f"/agents/{agent}"
    try:
        async with request.form() as form:
            given = read_given(form)
        if given.confirm and not given.confirmed and not _wants_json(request):
            return _ask_first(visitor, given, back)
        command, arguments = await _read_answer(request, agent, given)
    except UserError as error:
        return _respond(request, visitor, describe(error), back)
    return _respond(request, visitor, await call_command(request, visitor, command, arguments, given.key), back)


def _ask_first(visitor: Visitor, given: Given, back: str) -> Response:
    again = {"request": given.request, "print": given.shown, "verdict": given.verdict, "seal": given.seal}
    return show_page(
        "sure.html",
        visitor,
        action=f"{back}/answer",
        given=again,
        key=given.key,
        confirm=given.confirm,
        back=back,
    )


async def _read_answer(request: Request, agent: str, given: Given) -> tuple[str, dict[str, Any]]:
    async with find_house(request).database.reading() as tx:
        found = await require_request(tx, given.request)
    _check_agent(found, agent)
    check_print(found, given.shown)
    return read_verdict(found, given)


def _check_agent(found: Asked, agent: str) -> None:
    if found.agent != agent.lower():
        raise Conflict(f"{found.id} is not asked by {agent}.", remedy="Look at the agent's page again.")


def read_verdict(found: Asked, given: Given) -> tuple[str, dict[str, Any]]:
    """The command that says it. Raises BadInput."""
    if given.verdict not in _SAYS:
        raise BadInput("That is no answer.", remedy="Use a button of the request.")
    command, say_rest = _SAYS[given.verdict]
    return command, {"request": found.id, **say_rest(found, given)}


_SAYS: Mapping[str, tuple[str, Callable[[Asked, Given], dict[str, Any]]]] = {
    "once": ("approve", lambda _found, _given: {}),
    "agent": ("approve", lambda _found, _given: {"for_agent": True}),
    "always": ("approve", lambda _found, given: {"always": True, "shown": _require_seal(given.seal)}),
    "deny": ("deny", lambda _found, given: {"reason": unify_lines(given.text)} if given.text.strip() else {}),
    "choice": ("answer", lambda found, given: {"text": choose_option(found, given.choice)}),
    "form": ("answer", lambda found, given: {"text": fill_form(found, given.fields)}),
    "words": ("answer", lambda _found, given: {"text": unify_lines(given.text)}),
}


def _require_seal(seal: str) -> str:
    if not seal:
        raise BadInput("No rule was shown, so none was added.", remedy="Look at the request again.")
    return seal


@router.post("/agents/{agent}/run")
async def run(
    request: Request,
    visitor: Guest,
    agent: AgentName,
    command: Annotated[str, Form(max_length=100)],
    key: Field = "",
    confirm: Field = "",
) -> Response:
    """A command about the agent, with its options from a form."""
    back = f"/agents/{agent}"
    form = await request.form()
    given = {name[2:]: str(form[name]) for name in form if name.startswith("p.")}
    try:
        found = _find_command(request, command)
        arguments = read_options(found, agent, given)
        line = format_line(Invocation(found, read_arguments(found, arguments)))
        await require_known(request, agent)
    except UserError as error:
        return _respond(request, visitor, describe(error), back)
    if confirm and not _wants_json(request):
        return show_page("confirm.html", visitor, command=line, key=key, confirm=confirm, back=back)
    return _respond(request, visitor, await call_command(request, visitor, found.name, arguments, key), back)


def _find_command(request: Request, name: str) -> Command:
    registry: Registry = request.app.state.registry
    found = registry.get(name)
    if not takes_agent(found):
        raise BadInput(f"{found.name} is not about one agent.", remedy="`help` shows all commands.")
    return found


def read_options(command: Command, agent: str, given: Mapping[str, str]) -> dict[str, Any]:
    """A command's arguments from the fields of a form; what was left empty is left out."""
    arguments: dict[str, Any] = {command.parameters[0].name: agent}
    for item in command.parameters[1:]:
        value = given.get(item.name, "").strip()
        if value:
            arguments[item.name] = True if item.is_flag else value
    return arguments


async def call_command(request: Request, visitor: Visitor, name: str, arguments: Mapping[str, Any], key: str) -> Answer:
    """The answer to a command: a reply as JSON, or {"error": …}. The same with the same key is done once."""
    dispatcher: Dispatcher = request.app.state.dispatcher
    parts = sorted((item, str(value)[:10_000_000]) for item, value in arguments.items())
    once = hashlib.sha256(f"{key}\n{name}\n{parts}".encode("utf-8", "replace")).hexdigest()[:40]
    try:
        await _write_down(request, visitor, name, arguments, once)
        _, answered = await dispatcher.call(Call(once, DOOR, visitor.actor, MAIN, name, arguments))
    except UserError as error:
        return describe(error)
    return answered


async def _write_down(request: Request, visitor: Visitor, name: str, arguments: Mapping[str, Any], once: str) -> None:
    """What acts is seen in the channel; words for an agent are seen in its thread. Raises BadInput."""
    command: Command = request.app.state.registry.get(name)
    if command.acts and name != "send":
        line = format_line(Invocation(command, read_arguments(command, arguments)))
        await write_down(find_house(request), visitor, f"{SLASH} {line}", once)


def describe(error: UserError) -> Answer:
    """An error as an answer."""
    return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _respond(request: Request, visitor: Visitor, answered: Answer, back: str) -> Response:
    if _wants_json(request):
        return JSONResponse(dict(answered), 200 if "error" not in answered else 409)
    return show_answer(visitor, answered, back)
