"""One agent as its page shows it: read once, and from then on only what came to it."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.commands.registry import Registry
from bot.house import House
from bot.views import see_agent
from bot.web.pages.asks import view_asks
from bot.web.pages.live import Change, Patch
from bot.web.pages.offers import offer_commands
from bot.web.pages.prose import part_prose
from bot.web.pages.shares import list_shares
from bot.web.pages.story import UNTOLD
from bot.web.pages.template import show_macro, show_part
from bot.web.pages.thread import Entry, Thread, is_open, make_order, read_moment, say_length, tell_thread
from core.cards import Sight
from core.errors import NotFound
from core.lifecycle import is_resting
from core.model import Agent, AgentMessage, Person
from core.store import Transaction, find, get, last_seq, list_events
from core.store.fleet import list_updates
from core.store.thread import read_events, read_messages, read_plan, read_requests, read_updates

SHOWN = 200
# A call has two lines and more.
_LINES = 300
# Beyond the end of an earlier part, for the ends of calls that began in it.
_AHEAD = 200
_KEPT = 800
_LOOK_AGAIN = timedelta(seconds=1)
_LOOK_AT_REST = timedelta(seconds=10)
_MARK = re.compile("([0-9]{1,15})-([0-9]{1,15})-([0-9a-f]{1,20})-([0-9]{1,15})")
_CUT = re.compile("([0-9]{28})-([0-9]{1,10})")
_SPENT = ("agent.activity",)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was seen of an agent: the last event and update, and a count of changes of this process (`boot`), which goes
    on where nothing happened but time."""

    seq: int = -1
    number: int = -1
    boot: str = ""
    tick: int = 0

    def __str__(self) -> str:
        return f"{self.seq}-{self.number}-{self.boot}-{self.tick}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """The beginning, for what is none."""
        match = _MARK.fullmatch(text)
        return cls(int(match[1]), int(match[2]), match[3], int(match[4])) if match else cls()


@dataclass(frozen=True, slots=True)
class Cut:
    """Where in a thread an earlier part ends: before this order, and before this update."""

    order: str
    number: int

    def __str__(self) -> str:
        return f"{self.order}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Cut | None:
        """None for what is none."""
        match = _CUT.fullmatch(text)
        try:
            return cls(match[1], int(match[2])) if match and read_moment(match[1]) else None
        except ValueError:
            return None

    def is_after(self, entry: Entry) -> bool:
        """Whether an entry belongs to the earlier part."""
        return entry.first < self.number if entry.first else entry.order < self.order


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of a thread; `cut` is where what is before it ends, None if nothing is."""

    entries: Sequence[Entry]
    cut: Cut | None


async def read_names(tx: Transaction) -> Mapping[str, str]:
    """What people are called."""
    return {person.id: person.name for person in await find(tx, Person)}


async def gather(tx: Transaction, agent: str, cut: Cut | None = None) -> tuple[Thread, str]:
    """The newest of a thread, or what was before a cut; and the order before which it is not whole."""
    until = read_moment(cut.order) if cut else None
    before = cut.number + _AHEAD if cut else None
    amount = _LINES + (_AHEAD if cut else 0)
    updates = await read_updates(tx, agent, amount, before=before)
    events = await read_events(tx, agent, UNTOLD, SHOWN, until=until)
    messages = await read_messages(tx, agent, SHOWN, until=until)
    requests = await read_requests(tx, agent, SHOWN, until=until)
    is_cut = len(updates) == amount
    thread = tell_thread(updates, messages, requests, events, await read_names(tx), is_cut=is_cut)
    oldest = (
        (is_cut, [make_order(one.at, 0, 0) for one in updates[:1]]),
        (len(events) == SHOWN, [make_order(one.at, 0, one.seq) for one in events[:1]]),
        (len(messages) == SHOWN, [make_order(one.created_at, 1, one.number) for one in messages[:1]]),
        (len(requests) == SHOWN, [make_order(one.opened_at, 3, 0) for one in requests[:1]]),
    )
    return thread, max([order for full, orders in oldest if full for order in orders], default="")


def take_newest(entries: Sequence[Entry], floor: str, limit: int = SHOWN) -> Stretch:
    """The last entries of a list in order, none of them older than the floor."""
    whole = [entry for entry in entries if entry.order >= floor]
    shown = whole[-limit:]
    if len(shown) == len(entries) and not floor:
        return Stretch(shown, None)
    first = min((entry.first for entry in shown if entry.first), default=0)
    after = max((entry.number for entry in entries[: len(entries) - len(shown)] if entry.first), default=0) + 1
    return Stretch(shown, Cut(shown[0].order, first or after)) if shown else Stretch((), None)


async def gather_earlier(tx: Transaction, agent: str, cut: Cut) -> Stretch:
    """The newest of what was before a cut."""
    thread, floor = await gather(tx, agent, cut)
    return take_newest([entry for entry in thread.list_entries() if cut.is_after(entry)], floor)


@dataclass(slots=True)
class Part:
    """A piece of the page that is drawn from the agent's state; `tick` is when it last changed."""

    html: str
    tick: int


class Dossier:
    """What is known of one agent in this process. Whoever looks refreshes it first."""

    def __init__(self, house: House, registry: Registry, agent: str) -> None:
        self.id = agent
        self.parts: dict[str, Part] = {}
        self.sight: Sight
        self.mark = Mark(boot=secrets.token_hex(4))
        self._house = house
        self._registry = registry
        self._thread = Thread({})
        self._floor = ""
        self._html: dict[str, tuple[Entry, str]] = {}
        self._looked_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def refresh(self) -> Mark:
        """Read what came. Raises NotFound, TemporaryFailure."""
        async with self._lock:
            async with self._house.database.reading() as tx:
                agent = await get(tx, Agent, id=self.id)
                if agent is None:
                    raise NotFound(f"There is no agent {self.id}.", remedy="`list` shows the agents.")
                before = self.mark
                await self._read(tx)
                if self._is_old() or (before.seq, before.number) != (self.mark.seq, self.mark.number):
                    self.sight = await see_agent(tx, self._house, agent)
                    self._draw(await self._list_files(tx))
                    self._looked_at = self._house.now()
            return self.mark

    def show_newest(self) -> tuple[str, Cut | None]:
        """The newest entries, drawn, and where the earlier ones end."""
        stretch = take_newest(self._thread.list_entries(), self._floor)
        return "\n".join(map(self._show, stretch.entries)), stretch.cut

    def compare(self, before: Mark) -> Change:
        """Everything that is new beyond a mark."""
        is_other = before.boot != self.mark.boot
        patches = [
            Patch(id, part.html, "asks" if id.startswith("ask-") else "")
            for id, part in self.parts.items()
            if is_other or part.tick > before.tick
        ]
        for entry in take_newest(self._thread.list_entries(), self._floor).entries:
            if entry.number > before.number or entry.seq > before.seq:
                patches.append(Patch(entry.id, self._show(entry), "timeline"))
                if entry.kind == "asked" and not is_open(entry):
                    patches.append(Patch(f"ask-{entry.id[2:]}", ""))
        return Change(str(self.mark), patches)

    # -------------------------------------------------------------------------------------------------------- reading

    def _is_old(self) -> bool:
        """What rests changes by events; what does not may be stuck from one moment to the next."""
        if self._looked_at is None:
            return True
        pause = _LOOK_AT_REST if is_resting(self.sight.agent) else _LOOK_AGAIN
        return self._house.now() - self._looked_at >= pause

    async def _read(self, tx: Transaction) -> None:
        newest = await last_seq(tx)
        if self.mark.seq < 0:
            await self._begin(tx)
        else:
            await self._go_on(tx, newest)
        last = max((entry.number for entry in self._thread.entries.values()), default=0)
        self.mark = replace(self.mark, seq=max(newest, self.mark.seq), number=max(self.mark.number, last))

    async def _begin(self, tx: Transaction) -> None:
        self._thread, self._floor = await gather(tx, self.id)
        plan = await read_plan(tx, self.id)
        self._thread.add_updates([plan] if plan else [])
        self.mark = replace(self.mark, number=0)

    async def _go_on(self, tx: Transaction, newest: int) -> None:
        while updates := await list_updates(tx, self.id, self.mark.number, _LINES):
            self._thread.add_updates(updates)
            self.mark = replace(self.mark, number=updates[-1].number)
        if newest == self.mark.seq:
            return
        events = await list_events(tx, after=self.mark.seq, agent=self.id, limit=10_000)
        if any(event.kind not in _SPENT for event in events):
            self._thread.names.update(await read_names(tx))
            for message in await read_messages(tx, self.id, SHOWN):
                self._thread.put_message(message, events[-1].seq)
            for request in await read_requests(tx, self.id, SHOWN):
                self._thread.put_request(request, events[-1].seq)
        self._thread.add_events(events)
        self._forget()

    def _forget(self) -> None:
        """Of a long life only the newest is kept in memory."""
        if len(self._thread.entries) <= _KEPT:
            return
        kept = self._thread.list_entries()[-SHOWN * 2 :]
        self._floor = max(self._floor, kept[0].order)
        self._thread.keep({entry.id for entry in kept})
        self._html = {id: shown for id, shown in self._html.items() if id in self._thread.entries}

    async def _list_files(self, tx: Transaction) -> Sequence[str]:
        first = await get(tx, AgentMessage, agent=self.id, number=1)
        return [file.name for file in first.files] if first else ()

    # -------------------------------------------------------------------------------------------------------- drawing

    def _draw(self, files: Sequence[str]) -> None:
        sight, now = self.sight, self._house.now()
        about = {"sight": sight, "agent": sight.agent, "now": now, "back": f"/agents/{self.id}"}
        drawn = {
            "agent-head": show_part("_head.html", files=files, **about),
            "agent-plan": show_part("_plan.html", plan=self._thread.plan),
            "agent-budget": show_part("_budget.html", shares=list_shares(sight), **about),
            "agent-work": show_part("_work.html", **about),
            "agent-commands": show_part("_commands.html", offers=offer_commands(self._registry, sight), **about),
            **{f"ask-{ask.request.id}": show_part("_ask.html", ask=ask, **about) for ask in view_asks(sight)},
        }
        for id in [id for id in self.parts if id not in drawn]:
            del self.parts[id]
        for id, html in drawn.items():
            if id not in self.parts or self.parts[id].html != html:
                self.mark = replace(self.mark, tick=self.mark.tick + 1)
                self.parts[id] = Part(html, self.mark.tick)

    def _show(self, entry: Entry) -> str:
        known = self._html.get(entry.id)
        if known is None or known[0] is not entry:
            known = self._html[entry.id] = entry, show_entry(entry, self.id)
        return known[1]


def show_entry(entry: Entry, agent: str) -> str:
    """One entry, drawn."""
    blocks: Sequence[Any] = part_prose(entry.text) if entry.kind in ("words", "said") else ()
    return show_macro("_entry.html", "show", entry=entry, blocks=blocks, length=say_length(entry), agent=agent)


class Shelf:
    """The agents that were looked at last."""

    _MOST = 64

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry
        self._dossiers: OrderedDict[str, Dossier] = OrderedDict()

    def find(self, agent: str) -> Dossier:
        """An agent's, which may not be read yet, nor be there at all."""
        if agent not in self._dossiers:
            self._dossiers[agent] = Dossier(self._house, self._registry, agent)
        self._dossiers.move_to_end(agent)
        while len(self._dossiers) > self._MOST:
            self._dossiers.popitem(last=False)
        return self._dossiers[agent]
