"""All agents as the fleet shows them: read whole once, and from then on only what changed."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.house import House
from bot.views import see_agents
from bot.web.pages.template import show_part
from core.cards import Sight
from core.columns import COLUMN_OF, COLUMNS, Column, sort_column
from core.model import Agent, Outcome, Request
from core.prompts import title_task
from core.requests import list_open
from core.store import Transaction, find, last_seq
from core.store.events import list_touched
from core.store.fleet import list_agents

MOST = 10_000
_LOOK_AGAIN = timedelta(seconds=1)
_PART = 500
_MARK = re.compile("([0-9]{1,15})-([0-9a-f]{1,20})-([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in what this process saw: the place of an event, and a count of changes, which goes on where nothing
    happened but time. `boot` is the process."""

    seq: int
    boot: str = ""
    tick: int = 0

    def __str__(self) -> str:
        return f"{self.seq}-{self.boot}-{self.tick}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """The beginning, for what is none."""
        match = _MARK.fullmatch(text)
        return cls(int(match[1]), match[2], int(match[3])) if match else cls(-1)

    def is_beyond(self, other: Mark) -> bool:
        """Whether it is later than what another process, or this one, saw."""
        return self.tick > other.tick if self.boot == other.boot else self.seq > other.seq


@dataclass(frozen=True, slots=True)
class Row:
    """An agent in the fleet. `mark` is when it was last seen to change; `words` are what a search looks at."""

    sight: Sight
    html: str
    words: str
    mark: Mark

    @property
    def column(self) -> str:
        return COLUMN_OF[self.sight.status]


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the fleet somebody wants to see; "" is everything."""

    text: str = ""
    project: str = ""
    kind: str = ""
    owner: str = ""

    def fits(self, row: Row) -> bool:
        """Whether an agent is among it."""
        agent = row.sight.agent
        named = ((self.project, agent.project), (self.kind, agent.kind), (self.owner, row.sight.owner))
        return all(wish in ("", value) for wish, value in named) and all(
            word in row.words for word in self.text.casefold().split()
        )


class Roster:
    """Rows by agent, in this process. What is asked of it is refreshed first."""

    def __init__(self, house: House) -> None:
        self.rows: dict[str, Row] = {}
        self.gone: dict[str, Mark] = {}
        self.mark = Mark(-1, secrets.token_hex(4))
        self._house = house
        self._looked_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def refresh(self) -> Mark:
        """Read what changed, and whatever is at work, whose state may follow from the time alone. Returns the point up
        to which it holds. Raises TemporaryFailure."""
        async with self._lock:
            async with self._house.database.reading() as tx:
                newest = await last_seq(tx)
                if newest != self.mark.seq or self._is_old():
                    await self._read(tx, newest)
            return self.mark

    def count(self) -> Mapping[str, int]:
        """How many agents are in each column."""
        counts = dict.fromkeys((column.name for column in COLUMNS), 0)
        for row in self.rows.values():
            counts[row.column] += 1
        return counts

    def select(self, column: Column, wish: Wish) -> list[Row]:
        """The rows of a column: who waits for somebody, the longest first; others, the newest first."""
        rows = [row for row in self.rows.values() if row.column == column.name and wish.fits(row)]
        return sort_column(column.name, rows, lambda row: row.sight.agent)

    def _is_old(self) -> bool:
        return self._looked_at is None or self._house.now() - self._looked_at >= _LOOK_AGAIN

    async def _read(self, tx: Transaction, newest: int) -> None:
        begins = self._looked_at is None
        touched = await list_touched(tx, self.mark.seq)
        asked = await _list_asked(tx)
        agents = await (list_agents(tx, busy_first=True, limit=MOST) if begins else _list_changed(tx, touched))
        for sight in await see_agents(tx, self._house, [agent for agent in agents if agent.removed_at is None]):
            # An old row that is read for the first time is as old as its last event.
            seq = touched.get(sight.agent.id, 0 if begins else newest)
            self._put(replace(sight, requests=asked.get(sight.agent.id, ())), seq)
        for agent in agents:
            if agent.removed_at is not None and agent.id in self.rows:
                del self.rows[agent.id]
                self.gone[agent.id] = self._move(newest)
        self.mark, self._looked_at = replace(self.mark, seq=newest), self._house.now()

    def _put(self, sight: Sight, seq: int) -> None:
        before = self.rows.get(sight.agent.id)
        html = show_part("_row.html", sight=sight, column=COLUMN_OF[sight.status])
        if before is None or before.html != html:
            self.rows[sight.agent.id] = Row(sight, html, _list_words(sight), self._move(seq))

    def _move(self, seq: int) -> Mark:
        self.mark = replace(self.mark, tick=self.mark.tick + 1)
        return replace(self.mark, seq=seq)


async def _list_changed(tx: Transaction, touched: Collection[str]) -> list[Agent]:
    busy = await list_agents(tx, outcome=Outcome.NONE, limit=MOST)
    left = sorted({*touched} - {agent.id for agent in busy})
    parts = [left[start : start + _PART] for start in range(0, len(left), _PART)]
    return [*busy, *[agent for part in parts for agent in await find(tx, Agent, id=tuple(part))]]


async def _list_asked(tx: Transaction) -> Mapping[str, Sequence[Request]]:
    asked: dict[str, list[Request]] = defaultdict(list)
    for request in await list_open(tx):
        asked[request.agent].append(request)
    return asked


def _list_words(sight: Sight) -> str:
    agent = sight.agent
    return " ".join(
        (agent.id, title_task(agent.task), sight.owner, agent.branch, agent.kind, sight.status.value)
    ).casefold()
