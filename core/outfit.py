"""What an agent's new worktree is given before the agent starts.

Once, and from the beginning again when that was cut short; the agent's row says whether it was done.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.announce import announce, subject_of
from core.crew import Crew, Site, insistent, require_held, write_facts
from core.delivery import bump_postings
from core.fitting import Fitting
from core.interfaces import Workspace
from core.lifecycle import SETTING_UP
from core.model import Agent, ProcessState
from core.shelter import find_shelter
from core.workspace import write_workspace


def plan_outfit(crew: Crew, agent: Agent, place: Workspace) -> Outfit | None:
    """What is still to be done to the agent's worktree, if anything. One that has worked in it is not disturbed."""
    if (agent.attempts and agent.worktree) or agent.set_up_at is not None:
        return None
    site = find_shelter(crew.catalogue, agent)
    return Outfit(crew, agent, site, place) if site.setup or site.copy else None


class Outfit:
    """Sets up the worktree of one agent that this process holds; the card tells the time meanwhile."""

    def __init__(self, crew: Crew, agent: Agent, site: Site, place: Workspace) -> None:
        self._crew = crew
        self._agent = agent
        self._place = place
        self._fitting = Fitting(crew, agent.id, agent.kind, site, place, self._note_command, self._redraw)

    async def run(self) -> None:
        """All of it, from the beginning. Raises PermanentFailure, TemporaryFailure, LeaseLost."""
        began = self._crew.now()
        await self._note(**write_workspace(self._place), process=ProcessState.STARTING)
        await self._fitting.run()
        await self._note_end(began)

    @insistent
    async def _redraw(self) -> None:
        async with self._crew.database.transaction() as tx:
            await bump_postings(tx, subject_of(self._agent.id))

    @insistent
    async def _note(self, **values: Any) -> None:
        async with self._crew.database.transaction() as tx:
            await require_held(tx, self._agent)
            await write_facts(tx, self._agent, **values)

    @insistent
    async def _note_command(self, shown: str) -> None:
        now, doing = self._crew.now(), f"{SETTING_UP}{shown}"
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            await write_facts(tx, self._agent, last_activity=doing, last_activity_at=now)
            await announce(tx, agent, "agent.setting_up", now, command=shown)

    @insistent
    async def _note_end(self, began: datetime) -> None:
        now = self._crew.now()
        async with self._crew.database.transaction() as tx:
            agent = await require_held(tx, self._agent)
            await write_facts(tx, self._agent, set_up_at=now, last_activity="set up", last_activity_at=now)
            await announce(tx, agent, "agent.set_up", now, seconds=round((now - began).total_seconds(), 1))
