"""What can be named now, for completion: agents, who asks, projects, kinds, people, requests."""

from __future__ import annotations

from bot.commands.completion import Name, Names
from bot.commands.parser import Defaults
from bot.house import House
from core.model import Agent, Person
from core.prompts import title_task
from core.requests import list_open
from core.store import Transaction, find, get
from core.store.fleet import list_agents

_MOST = 1_000


async def list_names(tx: Transaction, house: House) -> Names:
    """By the source of a parameter's type (see `bot/commands/parameters`)."""
    agents = await list_agents(tx, busy_first=True, limit=_MOST)
    asked = await list_open(tx)
    requests = [Name(request.id, f"{request.agent}: {request.title[:80]}") for request in asked]
    about = {agent.id: title_task(agent.task) for agent in agents}
    askers = {request.agent: Name(request.agent, request.title[:80]) for request in asked}
    return {
        "agents": [Name(agent.id, about[agent.id]) for agent in agents if agent.removed_at is None],
        "askers": [*askers.values(), *requests],
        "requests": requests,
        "projects": [Name(name, str(project.path)) for name, project in house.projects.items()],
        "kinds": [Name(name, "scripted, no model" if kind.scripted else "") for name, kind in house.kinds.items()],
        "here": [Name("here", "a second card, in this place")],
        "people": [Name(person.name, person.role.name.lower()) for person in await find(tx, Person)],
    }


async def find_defaults(tx: Transaction, house: House, place: str) -> Defaults:
    """What a place says by itself: in a thread (`console:main/web-12`) the agent. Its own project is chosen, and said,
    by the command that needs one."""
    thread = place.rpartition("/")[2] if "/" in place else ""
    agent = await get(tx, Agent, id=thread) if thread else None
    return Defaults(list(house.projects), "", agent.id if agent else "")
