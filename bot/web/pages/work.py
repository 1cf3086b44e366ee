"""What an agent changed, and what it and its set-up wrote to their logs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from bot.commands.parameters import AGENT_NAME
from bot.house import House
from bot.web.pages.agent import AgentName, find_shelf, show_missing
from bot.web.pages.live import Change, Patch, Source
from bot.web.pages.patches import read_patch
from bot.web.pages.template import show_page, show_part
from bot.web.pages.visitor import Guest, find_house
from core.errors import CallboardError, Conflict, NotFound
from core.files import say_size
from core.logs import read_tail
from core.model import Agent
from core.workspace import recall_workspace

router = APIRouter(include_in_schema=False)
DIFF_BYTES = 1_000_000
DIFF_LINES = 5_000
LOG_BYTES = 100_000
LOG_LINES = 1_000
LOGS = (("stderr", "stderr.log", "What it wrote to its error output"), ("setup", "setup.log", "Set-up"))


@router.get("/agents/{agent}/diff")
async def show_diff(request: Request, visitor: Guest, agent: AgentName) -> HTMLResponse:
    """Every file that it changed, line by line."""
    house, dossier = find_house(request), find_shelf(request).find(agent.lower())
    try:
        await dossier.refresh()
    except NotFound:
        return await show_missing(request, visitor, agent)
    problem, text = "", ""
    try:
        text = await _read_diff(house, dossier.sight.agent)
    except CallboardError as error:
        problem = f"{error.message} {error.remedy}".strip()
    patch = await asyncio.to_thread(lambda: read_patch(house.redactor.redact(text), DIFF_LINES))
    return show_page("diff.html", visitor, sight=dossier.sight, agent=dossier.sight.agent, patch=patch, problem=problem)


async def _read_diff(house: House, agent: Agent) -> str:
    place = recall_workspace(agent)
    if place is None:
        raise Conflict(f"{agent.id} has no worktree yet.", remedy="It waits for a place, or never began.")
    if agent.removed_at:
        raise Conflict(f"The worktree and the branch of {agent.id} were removed.", remedy="What it changed is below.")
    return await house.repositories.diff(place, DIFF_BYTES)


@router.get("/agents/{agent}/log")
async def show_log(request: Request, visitor: Guest, agent: AgentName) -> HTMLResponse:
    """The ends of its logs, as they grow."""
    dossier = find_shelf(request).find(agent.lower())
    try:
        await dossier.refresh()
    except NotFound:
        return await show_missing(request, visitor, agent)
    tails = await LogSource(find_house(request), dossier.id).read_tails()
    return show_page(
        "log.html",
        visitor,
        sight=dossier.sight,
        agent=dossier.sight.agent,
        tails=tails,
        limit=f"Of each, the last {LOG_LINES:,} lines are shown, and no more than {say_size(LOG_BYTES)}.",
        live=f"logs/{dossier.id}?after={write_cursor(tails)}",
    )


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of one log. `stamp` changes with it."""

    name: str
    title: str
    text: str
    stamp: str


def write_cursor(tails: Sequence[Tail]) -> str:
    """What was seen of the logs."""
    return "_".join(tail.stamp for tail in tails)


@dataclass(frozen=True, slots=True)
class LogSource:
    """The ends of an agent's logs, looked at once a second, since nobody rings a bell for them."""

    house: House
    agent: str
    topics: Sequence[str] = ()

    async def read(self, cursor: str) -> Change:
        """A cursor names the length and the time of each log."""
        stamps = [_stamp(path) for _, path, _ in self._list_paths()]
        now = "_".join(stamps)
        if cursor in ("", now):
            return Change(now)
        tails = await self.read_tails()
        patches = [Patch(f"log-{tail.name}", show_part("_log.html", tail=tail)) for tail in tails]
        return Change(write_cursor(tails), patches)

    async def read_tails(self) -> list[Tail]:
        """Each log's end, without secrets."""
        return [await asyncio.to_thread(self._read_tail, *log) for log in self._list_paths()]

    def _read_tail(self, name: str, path: Path, title: str) -> Tail:
        stamp = _stamp(path)
        return Tail(name, title, self.house.redactor.redact(read_tail(path, LOG_LINES, LOG_BYTES)), stamp)

    def _list_paths(self) -> list[tuple[str, Path, str]]:
        # A channel's name is anybody's.
        if not re.fullmatch(AGENT_NAME, self.agent):
            return []
        folder = self.house.home / "agents" / self.agent
        return [(name, folder / file, title) for name, file, title in LOGS]


def _stamp(path: Path) -> str:
    try:
        state = path.lstat()
    except (OSError, ValueError):
        return "0"
    return f"{state.st_size}.{state.st_mtime_ns}"


def make_source(house: House) -> Callable[[str], Source]:
    """The sources of `logs/ID`."""
    return lambda agent: LogSource(house, agent)
