"""Living cards: drawn from state, the latest wins, versions may be skipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from core.actions import seal_card
from core.desk import LEASE, SEND_LIMIT, Desk, Stage, limit_time
from core.errors import Held, TemporaryFailure
from core.ids import make_id
from core.messages import Card, Place
from core.model import Posting
from core.pace import Look, choose_delay
from core.parcel import write_failure
from core.store import Transaction, append_events, change, get, lock_numbers
from core.store.spine import add_posting, find_next_posting, list_stale, raise_wanted
from core.store.tabs import find_next_look, remove_tab, stir_tabs
from core.tab import GAP, is_subject
from core.wire import encode_card, map_text

log = structlog.get_logger(__name__)

BELL = "postings"
ROOM = 8


async def show_posting(tx: Transaction, subject: str, place: Place) -> Posting:
    """Show a subject in a place; where it is shown already it is drawn again."""
    posting = await add_posting(tx, Posting(make_id("c"), subject, str(place)))
    tx.ring(BELL)
    return posting


async def bump_postings(tx: Transaction, subject: str) -> int:
    """Have every card of a subject drawn again, in the transaction of the act that changes it; how many there are."""
    changed = await raise_wanted(tx, subject)
    if changed:
        tx.ring(BELL)
    return changed


def digest_card(card: Card) -> str:
    """What is remembered of a card that is shown."""
    return hashlib.sha256(json.dumps(encode_card(card)).encode()).hexdigest()[:32]


class Drawing:
    """A posting that this courier has claimed: load, seal, look up, redact, draw, record."""

    def __init__(self, desk: Desk, posting: Posting) -> None:
        self.id = posting.id
        self.attempts = posting.attempts
        self.stages: Sequence[Stage] = (self._load, self._seal, self._look_up, self._redact, self._draw, self._record)
        self._desk = desk
        self._posting = posting
        self._place = Place.parse(posting.place)
        self._version = posting.wanted
        self._reference = posting.reference
        self._card: Card | None = None
        self._digest = ""
        self._is_shown = False

    async def _load(self) -> None:
        self._desk.find_chat(self._place)
        async with self._desk.database.reading() as tx:
            # The version before the state: a change in between is drawn once more, never missed.
            fresh = await get(tx, Posting, id=self.id) or self._posting
            self._version = fresh.wanted
            self._card = await self._desk.draw(tx, self._posting.subject)
        self._digest = digest_card(self._card) if self._card else ""
        is_sure = bool(self._reference) and not self._posting.unsure
        self._is_shown = self._card is None or (is_sure and self._digest == fresh.digest)

    async def _seal(self) -> None:
        if self._card is None or self._is_shown or not self._card.list_buttons():
            return
        if not self._desk.is_sealed(self._place):
            return
        async with self._desk.database.transaction() as tx:
            now = self._desk.clock.now()
            self._card = await seal_card(tx, self._card, self.id, self._posting.subject, now)

    async def _look_up(self) -> None:
        if self._posting.unsure and not self._reference:
            self._reference = await self._desk.look_up(self._place, self.id)

    async def _redact(self) -> None:
        self._card = map_text(self._card, self._desk.redact)

    async def _draw(self) -> None:
        if self._card is None or self._is_shown:
            return
        # A new message has the same key on every retry, whatever it shows by then.
        key = f"{self.id}-{self._version}" if self._reference else self.id
        drawing = self._desk.find_chat(self._place).draw(self._place, self._card, self._reference, key)
        self._reference = await limit_time(drawing, SEND_LIMIT, self._place)

    async def _record(self) -> None:
        gap = timedelta(seconds=self._desk.pace_of(self._posting.place).edit_gap)
        gap = max(gap, GAP) if is_subject(self._posting.subject) else gap
        due_at = self._desk.clock.now() + gap if gap and not self._is_shown else self._posting.due_at
        async with self._desk.database.transaction() as tx:
            await self._close(tx, due_at=due_at, shown=self._version, error="", digest=self._digest)

    async def put_off(self, failure: TemporaryFailure) -> None:
        """Draw it later, as it is by then."""
        due_at = self._desk.clock.now() + choose_delay(self.attempts, failure.retry_after)
        counted = not isinstance(failure, Held)
        if counted and failure.retry_after is not None:
            self._desk.gate.close(self._posting.place, due_at)
        reason = self._desk.describe(failure)
        log.warning("a card waits", posting=self.id, place=self._posting.place, until=due_at, reason=reason)
        unsure = self._posting.unsure or failure.retry_after is None
        attempts = self.attempts if counted else self.attempts - 1
        async with self._desk.database.transaction() as tx:
            await self._close(tx, due_at=due_at, error=reason, attempts=attempts, unsure=unsure)

    async def give_up(self, reason: str) -> None:
        """Leave this version out; the next change is tried again. Told once, not at every change."""
        reason = self._desk.redact(reason)[:500]
        log.error("a card failed", posting=self.id, place=self._posting.place, reason=reason)
        async with self._desk.database.transaction() as tx:
            await lock_numbers(tx)
            closed = await self._close(tx, shown=self._version, error=reason, due_at=None, digest="")
            if closed and is_subject(self._posting.subject):
                # Who left opens it no more; who did not is drawn one when they open it.
                await remove_tab(tx, self._posting.place)
            if closed and reason != self._posting.error:
                await append_events(tx, write_failure(self.id, self._posting.place, reason, self._desk.clock.now()))

    async def _close(self, tx: Transaction, **values: Any) -> bool:
        rest = {"holder": "", "lease_until": None, "attempts": 0, "unsure": False, "reference": self._reference}
        where = {"id": self.id, "holder": self._desk.holder}
        return await change(tx, Posting, where, **{**rest, **values}) == 1


class PostingLine:
    """Cards that are shown older than wanted."""

    topic = BELL
    room = ROOM
    # An act changes a card several times at once; drawing every version would only slow the act down.
    gather = 0.05

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._look = Look(desk.clock.now())

    async def claim(self, tx: Transaction, room: int, ids: set[str]) -> list[Drawing]:
        """Cards that may be drawn now. A new one is a post and keeps the place's pace; an edit has its own gap."""
        now = self._desk.clock.now()
        await stir_tabs(tx, now)
        self._look = Look.take(self._desk.gate, now)
        closed = self._desk.gate.list_closed(now)
        stale = await list_stale(tx, now, room, places=list(closed), ids=ids)
        return [Drawing(self._desk, await self._take(tx, posting, now)) for posting in stale if self._enter(posting)]

    def _enter(self, posting: Posting) -> bool:
        now = self._desk.clock.now()
        gap = self._desk.gap_of(posting.place)
        if posting.reference or not gap:
            return True
        if posting.place in self._desk.gate.list_closed(now):
            return False
        self._desk.gate.close(posting.place, now + gap)
        return True

    async def _take(self, tx: Transaction, posting: Posting, now: datetime) -> Posting:
        unsure = posting.unsure or posting.holder != ""
        values = {"holder": self._desk.holder, "lease_until": now + LEASE, "unsure": unsure}
        await change(tx, Posting, {"id": posting.id}, attempts=posting.attempts + 1, **values)
        return replace(posting, attempts=posting.attempts + 1, unsure=unsure)

    async def find_next(self, tx: Transaction) -> datetime | None:
        """When the next one is due, or the next place is free; as seen from when it was looked."""
        look = self._look
        known = [at for at in (await find_next_posting(tx, look.at), await find_next_look(tx)) if at]
        closed = self._desk.gate.list_closed(self._desk.clock.now()).values()
        return min((look.at + LEASE, *known, *look.closed, *closed))
