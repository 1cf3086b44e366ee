"""`/api/v1`: agents, requests, events, projects and every command, through the same inbox as any chat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import StreamingResponse

from bot import views
from bot.commands.events import check_kind, write_event
from bot.commands.registry import Registry
from bot.dispatcher import Call, Dispatcher
from bot.house import House
from bot.web.access import end_with_token, require_actor
from bot.web.feed import Feed
from bot.web.problems import AnsweredError, list_problems
from bot.web.shapes import (
    AgentList,
    AgentRecord,
    AnswerBody,
    Answered,
    CommandBody,
    CommandList,
    EventList,
    KindList,
    KindRecord,
    MessageBody,
    PersonList,
    PersonRecord,
    ProjectList,
    ReasonBody,
    RequestList,
    SpawnBody,
    UpdateList,
    write_files,
)
from core.agents import require_agent
from core.errors import BadInput, Refused
from core.events import Update
from core.ids import make_id
from core.lifecycle import find_outcome
from core.messages import Place
from core.model import Actor, Person, RequestState, Role, Status
from core.permissions import demand_role
from core.store import find, list_events
from core.store.fleet import list_agents, list_requests, list_updates

Caller = Annotated[Actor, Depends(require_actor)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
        description="The same on every retry: the act is done once.",
    ),
]
# No control characters: PostgreSQL takes no NUL, not even to look for it.
NAME = r"^[^\x00-\x1f\x7f]*$"
AgentPath = Annotated[str, Path(max_length=100, pattern=NAME)]
AgentQuery = Annotated[str, Query(max_length=100, pattern=NAME, description="Only of this agent.")]
LAST = 2**31 - 1
HERE = "terminal:up"
FOUND = list_problems("not_found")
DONE = list_problems("not_found", "conflict", "broken", "failed")

router = APIRouter(
    prefix="/api/v1", responses=list_problems("bad_input", "unauthorized", "refused", "too_large", "try_again")
)


async def dispatch(
    request: Request, actor: Actor, key: str | None, command: str, arguments: Mapping[str, Any], place: str = ""
) -> Answered:
    """One call through the inbox. Raises the problem that its answer is, if it is one."""
    dispatcher: Dispatcher = request.app.state.dispatcher
    where = find_place(request.app.state.house, place) if place else HERE
    call = Call(key or make_id("k", 20), actor.via, actor, where, command, arguments)
    id, answer = await dispatcher.call(call)
    if "error" in answer:
        raise AnsweredError(answer["error"])
    return Answered(id=id, reply=dict(answer))


def find_place(house: House, words: str) -> str:
    """Whoever holds a token may have things said in the bot's own terminal, not in the name of the bot anywhere."""
    place = Place.parse(words)
    chats = [item.name for item in house.integrations if item.chat]
    if place.chat not in chats:
        raise BadInput(f"There is no chat {place.chat!r}.", remedy=f"Chats: {', '.join(chats)}.")
    if place.chat != Place.parse(HERE).chat:
        raise Refused(f"The API does not write to {place.chat}.", remedy="Leave `place` out, or ask there.")
    return str(place)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None)}


def _house(request: Request, actor: Actor, verb: str) -> House:
    demand_role(actor, verb, Role.VIEWER)
    house: House = request.app.state.house
    return house


@router.get("/commands", tags=["commands"])
async def list_commands(request: Request, actor: Caller) -> CommandList:
    """Every command with its parameters, as chats and the terminal know them."""
    _house(request, actor, "help")
    registry: Registry = request.app.state.registry
    return CommandList(commands=[_write_command(item) for item in registry])


def _write_command(item: Any) -> dict[str, Any]:
    parameters = [
        {
            "name": part.name.rstrip("_"),
            "type": part.type.name,
            "required": part.required,
            "help": part.help,
            "choices": list(part.choices),
        }
        for part in item.parameters
    ]
    about = {"name": item.name, "about": item.about, "usage": item.usage, "role": item.role.name.lower()}
    return {**about, "synonyms": list(item.synonyms), "parameters": parameters}


@router.post("/commands/{name}", tags=["commands"], responses=DONE)
async def run_command(
    request: Request,
    actor: Caller,
    name: Annotated[str, Path(max_length=100, pattern=NAME)],
    body: CommandBody,
    key: Key = None,
) -> Answered:
    """Run a command; a space in its name is written as a dot (`project.list`)."""
    return await dispatch(request, actor, key, name.replace(".", " "), body.arguments, body.place)


@router.get("/agents", tags=["agents"])
async def get_agents(
    request: Request,
    actor: Caller,
    project: Annotated[str, Query(max_length=100, pattern=NAME)] = "",
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
) -> AgentList:
    """Agents, the newest first, without their requests' details."""
    house = _house(request, actor, "list")
    async with house.database.reading() as tx:
        outcome = find_outcome(status) if status else None
        sights = await views.see_agents(tx, house, await list_agents(tx, project=project, outcome=outcome, limit=limit))
    now = house.now()
    wanted = [sight for sight in sights if status in (None, sight.status)]
    return AgentList(agents=[AgentRecord(**views.write_agent(sight, now)) for sight in wanted])


@router.post("/agents", tags=["agents"], responses=DONE)
async def post_agent(request: Request, actor: Caller, body: SpawnBody, key: Key = None) -> Answered:
    """Spawn an agent."""
    arguments = _given(
        project=body.project, text=body.task, kind=body.kind, model=body.model, mode=body.mode, base=body.base
    )
    arguments |= write_files(body.files)
    return await dispatch(request, actor, key, "spawn", arguments)


@router.get("/agents/{agent}", tags=["agents"], responses=FOUND)
async def get_agent(request: Request, actor: Caller, agent: AgentPath) -> AgentRecord:
    """One agent, with its open requests and its card."""
    house = _house(request, actor, "show")
    async with house.database.reading() as tx:
        sight = await views.see_agent(tx, house, await require_agent(tx, agent))
    return AgentRecord(**views.write_agent(sight, house.now()))


@router.get("/agents/{agent}/updates", tags=["agents"], responses=FOUND)
async def get_updates(
    request: Request,
    actor: Caller,
    agent: AgentPath,
    after: Annotated[int, Query(ge=0, le=LAST)] = 0,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
) -> UpdateList:
    """Lines of the transcript beyond `after`, oldest first."""
    house = _house(request, actor, "logs")
    async with house.database.reading() as tx:
        found = await list_updates(tx, (await require_agent(tx, agent)).id, after, limit)
    return UpdateList(updates=[_write_update(line) for line in found], next=found[-1].number if found else after)


def _write_update(line: Update) -> dict[str, Any]:
    return {
        "number": line.number,
        "attempt": line.attempt,
        "kind": line.kind,
        "at": line.at.isoformat(),
        "data": dict(line.data),
    }


@router.post("/agents/{agent}/messages", tags=["agents"], responses=DONE)
async def post_message(
    request: Request, actor: Caller, agent: AgentPath, body: MessageBody, key: Key = None
) -> Answered:
    """Send a message."""
    arguments = {"agent": agent, "text": body.text, "now": body.now} | write_files(body.files)
    return await dispatch(request, actor, key, "send", arguments)


@router.post("/agents/{agent}/stop", tags=["agents"], responses=DONE)
async def post_stop(request: Request, actor: Caller, agent: AgentPath, body: ReasonBody, key: Key = None) -> Answered:
    """Stop an agent; its work is kept."""
    return await dispatch(request, actor, key, "stop", _given(agent=agent, reason=body.reason))


@router.get("/agents/{agent}/diff", tags=["agents"], responses=DONE)
async def get_diff(request: Request, actor: Caller, agent: AgentPath) -> Answered:
    """What the agent changed."""
    return await dispatch(request, actor, None, "diff", {"agent": agent})


@router.get("/requests", tags=["requests"])
async def get_requests(
    request: Request,
    actor: Caller,
    state: Literal["open", "answered", "expired", "withdrawn", "all"] = "open",
    limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
) -> RequestList:
    """What agents ask, oldest first."""
    house = _house(request, actor, "list")
    async with house.database.reading() as tx:
        found = await list_requests(tx, None if state == "all" else RequestState(state), limit)
        return RequestList(requests=await views.write_requests(tx, house, found))


@router.post("/requests/{id}/answer", tags=["requests"], responses=DONE)
async def post_answer(request: Request, actor: Caller, id: AgentPath, body: AnswerBody, key: Key = None) -> Answered:
    """Answer a request. The first answer wins; a later one is a 409."""
    if body.verdict == "denied":
        return await dispatch(request, actor, key, "deny", _given(request=id, reason=body.text))
    if body.verdict == "answered":
        text = json.dumps(body.fields) if body.fields else body.choice or body.text
        return await dispatch(request, actor, key, "answer", _given(request=id, text=text))
    if body.verdict == "always in this project":
        return await _allow_always(request, actor, id, body.shown, key)
    arguments = {"request": id, "for_agent": body.verdict == "for this agent"}
    return await dispatch(request, actor, key, "approve", arguments)


async def _allow_always(request: Request, actor: Actor, id: str, shown: str, key: str | None) -> Answered:
    """Nothing is added that was not shown: without `shown` the answer is the rule, as a refusal."""
    if shown:
        return await dispatch(request, actor, key, "approve", {"request": id, "always": True, "shown": shown})
    offered = await dispatch(request, actor, None, "approve", {"request": id, "always": True, "dry_run": True})
    seal = offered.reply["data"]["shown"]
    raise BadInput(f"Nothing was added yet. {offered.reply['text']}", remedy=f"Send it again with shown: {seal}")


@router.get("/projects", tags=["house"], responses=list_problems("broken"))
async def get_projects(request: Request, actor: Caller) -> ProjectList:
    """The projects."""
    answered = await dispatch(request, actor, None, "project list", {})
    return ProjectList(projects=answered.reply["data"]["projects"])


@router.get("/kinds", tags=["house"])
async def get_kinds(request: Request, actor: Caller) -> KindList:
    """The kinds of agents, and whether each can be used."""
    house = _house(request, actor, "list")
    ready = {name: house.check_kind(name) for name in house.kinds}
    kinds = [
        KindRecord(name=name, about=kind.about, scripted=kind.scripted, **asdict(ready[name]))
        for name, kind in house.kinds.items()
    ]
    return KindList(kinds=kinds)


@router.get("/people", tags=["house"])
async def get_people(request: Request, actor: Caller) -> PersonList:
    """Whoever may do anything here, by name."""
    house = _house(request, actor, "list")
    async with house.database.reading() as tx:
        people = [person for person in await find(tx, Person) if person.role is not Role.NOBODY]
    people.sort(key=lambda person: person.name.casefold())
    return PersonList(people=[PersonRecord(id=p.id, name=p.name, role=p.role.name.lower()) for p in people])


Since = Annotated[float | None, Query(ge=0, le=315_360_000, allow_inf_nan=False, description="Seconds back from now.")]
After = Annotated[int, Query(ge=0, le=LAST, description="Place in the sequence; later ones are returned.")]
KindQuery = Annotated[str, Query(max_length=100, description="One kind, like agent.failed or agent.*")]


@router.get("/events", tags=["events"])
async def get_events(
    request: Request,
    actor: Caller,
    after: After = 0,
    since: Since = None,
    kind: KindQuery = "",
    agent: AgentQuery = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> EventList:
    """Events beyond `after`, oldest first."""
    house = _house(request, actor, "events")
    check_kind(kind)
    start = house.now() - timedelta(seconds=since) if since is not None else None
    kinds = (kind,) if kind else ()
    async with house.database.reading() as tx:
        found = await list_events(tx, after=after, since=start, kinds=kinds, agent=agent, limit=limit)
    return EventList.model_validate({"events": [write_event(event) for event in found]})


@router.get(
    "/events/stream",
    tags=["events"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events; ids are places."}},
)
async def stream_events(
    request: Request,
    actor: Caller,
    after: After = 0,
    kind: KindQuery = "",
    agent: AgentQuery = "",
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=LAST)] = None,
) -> StreamingResponse:
    """Events beyond `after` (or `Last-Event-ID`), and every new one as it happens."""
    _house(request, actor, "events")
    check_kind(kind)
    feed: Feed = request.app.state.feed
    stream = feed.follow(after if last is None else last, (kind,) if kind else (), agent)
    held = end_with_token(request, stream, actor.person)
    return StreamingResponse(held, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
