"""A store with people and agents in it, and short ways to look at it."""

from __future__ import annotations

from typing import Any

from core.events import Event
from core.model import Actor, Agent, AgentMessage, Request, Role
from core.people import ensure_person, load_actor
from core.store import Database, change, find, get, insert, list_events, take_numbers
from core.store.fleet import list_updates
from tests.fakes.clock import START
from tests.fakes.records import make_agent


async def admit(database: Database, name: str = "ann", role: Role = Role.ADMIN) -> Actor:
    """Somebody who may act."""
    async with database.transaction() as tx:
        person = await ensure_person(tx, f"local:{name}", name, role, START)
        return await load_actor(tx, person.id, "test")


async def keep_agent(database: Database, id: str = "web-1", **values: Any) -> Agent:
    """An agent as stored; its owner is ann unless another is named."""
    owner = values.pop("owner", "") or (await admit(database)).person
    agent = make_agent(id, owner=owner, **values)
    async with database.transaction() as tx:
        await insert(tx, agent)
        while await take_numbers(tx, f"agents of {agent.project}") < agent.number:
            pass
    return agent


async def read_agent(database: Database, id: str = "web-1") -> Agent:
    async with database.reading() as tx:
        found = await get(tx, Agent, id=id)
    assert found is not None
    return found


async def set_agent(database: Database, id: str = "web-1", **values: Any) -> None:
    async with database.transaction() as tx:
        await change(tx, Agent, {"id": id}, **values)


async def read_requests(database: Database) -> list[Request]:
    async with database.reading() as tx:
        return sorted(await find(tx, Request), key=lambda request: request.opened_at)


async def read_messages(database: Database, agent: str = "web-1") -> list[AgentMessage]:
    async with database.reading() as tx:
        return sorted(await find(tx, AgentMessage, agent=agent), key=lambda message: message.number)


async def read_events(database: Database, *kinds: str) -> list[Event]:
    async with database.reading() as tx:
        return await list_events(tx, kinds=kinds)


async def list_kinds(database: Database) -> list[str]:
    """The kinds of all events, in order, without the mere signs of life."""
    return [event.kind for event in await read_events(database) if event.kind != "agent.activity"]


async def read_texts(database: Database, agent: str = "web-1") -> list[str]:
    """The texts of a transcript, in order."""
    async with database.reading() as tx:
        return [str(line.data.get("text", "")) for line in await list_updates(tx, agent)]
