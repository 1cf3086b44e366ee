"""An agent's page, which is its thread: what is asked of people, what was said and done, and what can be done now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from bot.web.api import NAME
from bot.web.pages.dossier import Cut, Dossier, Mark, Shelf, gather_earlier, show_entry
from bot.web.pages.live import Change, Source
from bot.web.pages.template import show_page
from bot.web.pages.visitor import Guest, Visitor, find_house
from core.errors import NotFound
from core.files import LARGEST_ALL, LARGEST_FILE, MOST_FILES, say_size
from core.store.thread import list_ids

router = APIRouter(include_in_schema=False)
AgentName = Annotated[str, Path(max_length=100, pattern=NAME)]
LIMITS = f"At most {MOST_FILES} files, {say_size(LARGEST_FILE)} each, {say_size(LARGEST_ALL)} in all."


@router.get("/agents/{agent}")
async def show_agent(
    request: Request, visitor: Guest, agent: AgentName, before: Annotated[str, Query(max_length=60)] = ""
) -> HTMLResponse:
    """Everything of one agent; with `before` an earlier part of its thread."""
    dossier = find_shelf(request).find(agent.lower())
    try:
        mark = await dossier.refresh()
    except NotFound:
        return await show_missing(request, visitor, agent)
    cut = Cut.parse(before) if before else None
    entries, earlier = await _show_earlier(request, agent, cut) if cut else dossier.show_newest()
    asks = [part.html for id, part in dossier.parts.items() if id.startswith("ask-")]
    return show_page(
        "agent.html",
        visitor,
        sight=dossier.sight,
        agent=dossier.sight.agent,
        parts={id.removeprefix("agent-"): _mark_safe([part.html]) for id, part in dossier.parts.items()},
        asks=_mark_safe(asks),
        entries=_mark_safe([entries]),
        earlier=earlier,
        is_past=cut is not None,
        limits=LIMITS,
        live=f"agents/{dossier.id}?after={mark}" if cut is None else "",
    )


async def _show_earlier(request: Request, agent: str, cut: Cut) -> tuple[str, Cut | None]:
    async with find_house(request).database.reading() as tx:
        stretch = await gather_earlier(tx, agent, cut)
    return "\n".join(show_entry(entry, agent) for entry in stretch.entries), stretch.cut


def _mark_safe(html: Sequence[str]) -> Markup:
    return Markup("\n".join(html))  # noqa: S704 - our own templates' output


async def show_missing(request: Request, visitor: Visitor, agent: str) -> HTMLResponse:
    """There is no such agent; perhaps one that is called nearly so."""
    async with find_house(request).database.reading() as tx:
        known = await list_ids(tx)
    near = get_close_matches(agent.lower()[:60], known, n=3, cutoff=0.6)
    return show_page("missing.html", visitor, status=404, agent=agent, near=near)


def find_shelf(request: Request) -> Shelf:
    """The agents as pages show them."""
    shelf: Shelf = request.app.state.shelf
    return shelf


async def require_known(request: Request, agent: str) -> Dossier:
    """The agent with this id, read. Raises NotFound."""
    dossier = find_shelf(request).find(agent.lower())
    await dossier.refresh()
    return dossier


@dataclass(frozen=True, slots=True)
class AgentSource:
    """One agent's parts and entries that changed."""

    shelf: Shelf
    agent: str

    @property
    def topics(self) -> Sequence[str]:
        return f"agent:{self.agent}", f"updates:{self.agent}"

    async def read(self, cursor: str) -> Change:
        """A cursor is a Mark. Of an agent that is not there nothing ever changes."""
        dossier = self.shelf.find(self.agent)
        try:
            mark = await dossier.refresh()
        except NotFound:
            return Change("0")
        return dossier.compare(Mark.parse(cursor)) if cursor else Change(str(mark))


def make_source(shelf: Shelf) -> Callable[[str], Source]:
    """The sources of `agents/ID`."""
    return lambda agent: AgentSource(shelf, agent)
