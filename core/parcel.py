"""One delivery on its way: load, seal, look up, redact, send, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from core.actions import seal_reply
from core.desk import LEASE, SEND_LIMIT, Desk, Stage, limit_time
from core.errors import Held, TemporaryFailure
from core.events import Event
from core.messages import Place, Reply
from core.model import Delivery, DeliveryState, Lane
from core.pace import Look, choose_delay
from core.store import Transaction, append_events, change, lock_numbers
from core.store.spine import find_head_lane, find_next_delivery, has_rival, list_ready
from core.wire import decode_reply, map_text

log = structlog.get_logger(__name__)

ROOM = {Lane.CRITICAL: 8, Lane.HUMAN: 8, Lane.NORMAL: 8, Lane.BULK: 2}
_ORDER = tuple(Lane)


def topic_of(lane: Lane) -> str:
    """The bell of a lane."""
    return f"deliveries:{lane.value}"


def list_slower(lane: Lane) -> Sequence[Lane]:
    """Lanes that are less urgent."""
    return _ORDER[_ORDER.index(lane) + 1 :]


class Parcel:
    """A delivery that this courier has claimed."""

    def __init__(self, desk: Desk, delivery: Delivery) -> None:
        self.id = delivery.id
        self.attempts = delivery.attempts
        self.stages: Sequence[Stage] = (self._load, self._seal, self._look_up, self._redact, self._send, self._record)
        self._desk = desk
        self._delivery = delivery
        self._unsure = delivery.unsure
        self._place = Place.parse(delivery.place)
        self._reply = Reply()
        self._reference = ""

    async def _load(self) -> None:
        self._desk.find_chat(self._place)
        self._reply = decode_reply(self._delivery.body)

    async def _seal(self) -> None:
        if not self._desk.is_sealed(self._place) or not any(card.buttons for card in self._reply.cards):
            return
        async with self._desk.database.transaction() as tx:
            self._reply = await seal_reply(tx, self._reply, self.id, self._desk.clock.now())

    async def _look_up(self) -> None:
        if self._unsure:
            self._reference = await self._desk.look_up(self._place, self.id)
            self._unsure = False

    async def _redact(self) -> None:
        self._reply = map_text(self._reply, self._desk.redact)

    async def _send(self) -> None:
        if not self._reference:
            chat = self._desk.find_chat(self._place)
            self._reference = await limit_time(chat.post(self._place, self._reply, self.id), SEND_LIMIT, self._place)

    async def _record(self) -> None:
        now = self._desk.clock.now()
        done = {"state": DeliveryState.SENT, "reference": self._reference, "sent_at": now, "error": ""}
        async with self._desk.database.transaction() as tx:
            await self._close(tx, **done)

    async def put_off(self, failure: TemporaryFailure) -> None:
        """Wait, and with it everything behind it in its stream. Nobody said no: it may have arrived."""
        counted = not isinstance(failure, Held)
        due_at = self._desk.clock.now() + choose_delay(self.attempts, failure.retry_after)
        if counted and failure.retry_after is not None:
            self._desk.gate.close(self._delivery.place, due_at)
        reason = self._desk.describe(failure)
        log.warning("a delivery waits", delivery=self.id, place=self._delivery.place, until=due_at, reason=reason)
        unsure = self._unsure or failure.retry_after is None
        attempts = self.attempts if counted else self.attempts - 1
        async with self._desk.database.transaction() as tx:
            await self._close(tx, due_at=due_at, attempts=attempts, error=reason, unsure=unsure)

    async def give_up(self, reason: str) -> None:
        """Write down that it failed; what is behind it in its stream goes on."""
        reason = self._desk.redact(reason)[:500]
        log.error("a delivery failed", delivery=self.id, place=self._delivery.place, reason=reason)
        async with self._desk.database.transaction() as tx:
            await lock_numbers(tx)
            if await self._close(tx, state=DeliveryState.FAILED, error=reason):
                await append_events(tx, write_failure(self.id, self._delivery.place, reason, self._desk.clock.now()))
                if self._desk.on_failure:
                    await self._desk.on_failure(tx, self._delivery, reason)

    async def _close(self, tx: Transaction, **values: Any) -> bool:
        where = {"id": self.id, "holder": self._desk.holder, "state": DeliveryState.WAITING}
        changed = await change(tx, Delivery, where, **{"holder": "", "lease_until": None, **values})
        if not changed:
            log.warning("another courier took this delivery over", delivery=self.id)
        following = await find_head_lane(tx, self._delivery.stream)
        if following and following is not self._delivery.lane:
            tx.ring(topic_of(following))
        return bool(changed)


def write_failure(delivery: str, place: str, reason: str, now: datetime) -> Event:
    """The event of something that could not be delivered."""
    return Event("delivery.failed", now, data={"delivery": delivery, "place": place, "reason": reason})


class DeliveryLine:
    """The deliveries of one lane. Of a stream only the head is ever claimed, so that its order holds."""

    gather = 0.0

    def __init__(self, desk: Desk, lane: Lane) -> None:
        self.topic = topic_of(lane)
        self.room = ROOM[lane]
        self._desk = desk
        self._lane = lane
        self._faster = _ORDER[: _ORDER.index(lane)]
        self._yielded: dict[str, datetime] = {}
        self._look = Look(desk.clock.now())

    async def claim(self, tx: Transaction, room: int, ids: set[str]) -> list[Parcel]:
        """Heads whose place may be posted to now, oldest first."""
        now = self._desk.clock.now()
        self._look = Look.take(self._desk.gate, now)
        taken: list[Parcel] = []
        self._yielded = {}
        while len(taken) < room:
            places = {*self._desk.gate.list_closed(now), *self._yielded}
            passed = ids | {parcel.id for parcel in taken}
            ready = await list_ready(tx, self._lane, now, room - len(taken), places=places, ids=passed)
            if not ready:
                break
            for delivery in ready:
                if await self._may_enter(tx, delivery.place, now):
                    taken.append(Parcel(self._desk, await self._take(tx, delivery, now)))
        return taken

    async def _may_enter(self, tx: Transaction, place: str, now: datetime) -> bool:
        gap = self._desk.gap_of(place)
        if not gap:
            return True
        if place in self._yielded or place in self._desk.gate.list_closed(now):
            return False
        if self._faster and await has_rival(tx, place, self._faster, now):
            self._yielded[place] = now + gap
            return False
        self._desk.gate.close(place, now + gap)
        return True

    async def _take(self, tx: Transaction, delivery: Delivery, now: datetime) -> Delivery:
        unsure = delivery.unsure or delivery.holder != ""
        values = {"holder": self._desk.holder, "lease_until": now + LEASE, "unsure": unsure}
        await change(tx, Delivery, {"id": delivery.id}, attempts=delivery.attempts + 1, **values)
        return replace(delivery, attempts=delivery.attempts + 1, unsure=unsure)

    async def find_next(self, tx: Transaction) -> datetime | None:
        """When the next one is due, or the next place is free; as seen from when it was looked."""
        look = self._look
        due = await find_next_delivery(tx, self._lane, look.at)
        closed = self._desk.gate.list_closed(self._desk.clock.now()).values()
        return min((due or look.at + LEASE, *look.closed, *closed, *self._yielded.values()))
