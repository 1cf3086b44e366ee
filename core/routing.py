"""Which places beside an agent's own hear of what happened to it. Pure, but for keeping what the settings say."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote

from core.events import Event
from core.messages import Reply
from core.model import Agent
from core.store import Transaction, get_note, set_note

OWNER, KEY = "routing", "routes"


class Concern(StrEnum):
    """Why somebody is told."""

    NEEDS = "needs"
    FAILED = "failed"
    FINISHED = "finished"


CONCERNS: Mapping[str, Concern] = {
    "request.opened": Concern.NEEDS,
    "request.expired": Concern.NEEDS,
    "agent.ready": Concern.NEEDS,
    "agent.failed": Concern.FAILED,
    "agent.done": Concern.FINISHED,
}


@dataclass(frozen=True, slots=True)
class Routes:
    """Places with what each hears of, of every agent; `url` is where people reach the console, "" when nobody else
    than those at this machine does."""

    places: Sequence[tuple[str, Collection[str]]] = ()
    url: str = ""

    def choose(self, event: Event, agent: Agent) -> Iterator[str]:
        """The places that hear of an event; not the agent's own, which hears of it anyhow."""
        concern = CONCERNS.get(event.kind)
        yield from (place for place, heard in self.places if concern and concern in heard and place != agent.place)

    def word(self, reply: Reply, agent: Agent) -> Reply:
        """A notice for somebody elsewhere: with a link to the agent's page in the place of what to type there."""
        if not self.url:
            return reply
        return replace(reply, text=f"{reply.text}\n{self.url}/agents/{quote(agent.id, safe='')}", hint="")


async def keep_routes(tx: Transaction, routes: Routes) -> None:
    """From now on these hold."""
    places = [[place, sorted(heard)] for place, heard in routes.places]
    await set_note(tx, OWNER, KEY, json.dumps({"places": places, "url": routes.url}))


async def read_routes(tx: Transaction) -> Routes:
    """Those that hold."""
    found = json.loads(await get_note(tx, OWNER, KEY) or "{}")
    places = tuple((str(place), frozenset(heard)) for place, heard in found.get("places", ()))
    return Routes(places, str(found.get("url", "")))
