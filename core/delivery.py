"""The one way out: everything that is sent to people is stored first, and leaves from here.

Sent, then recorded; the same key on every retry; in order per stream, never skipped; lanes by urgency.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from core.desk import HELD, Desk, Draw, Job, Line, OnFailure, run_stages
from core.errors import TemporaryFailure
from core.ids import make_id
from core.interfaces import Chat, Pace
from core.messages import Place, Reply
from core.model import Delivery, Lane
from core.parcel import DeliveryLine, list_slower, topic_of
from core.postings import PostingLine, bump_postings, show_posting
from core.store import Database, Transaction, get, insert, take_numbers
from core.store.spine import raise_lane, release_claims, revive_held
from core.wire import encode_reply

__all__ = ["Courier", "bump_postings", "name_delivery", "queue_reply", "show_posting"]

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
_TROUBLE = timedelta(seconds=5)


async def queue_reply(
    tx: Transaction, place: Place | str, reply: Reply, *, stream: str, lane: Lane, now: datetime, key: str = ""
) -> Delivery:
    """Have a reply sent to a place, once for every `key` that is not "". Within a stream order holds, over lanes too:
    what is ahead of something urgent moves up with it. Raises BadInput when the place is none."""
    delivery = Delivery(
        id=name_delivery(key),
        stream=stream,
        lane=lane,
        place=str(Place.parse(str(place))),
        body=encode_reply(reply),
        created_at=now,
        due_at=now,
        number=await take_numbers(tx, "deliveries"),
    )
    if key and (known := await get(tx, Delivery, id=delivery.id)):
        return known
    await insert(tx, delivery)
    await raise_lane(tx, stream, lane, list_slower(lane))
    tx.ring(topic_of(lane))
    return delivery


def name_delivery(key: str) -> str:
    """The id of the delivery that a key stands for, which the platform sees; a new one for ""."""
    # At most 25 characters: Discord's nonce is no longer.
    return f"d-{hashlib.sha256(key.encode()).hexdigest()[:20]}" if key else make_id("d", 16)


class Courier:
    """Sends what is queued and draws what changed, in lanes that cannot be filled by another.

    `redactor` is applied to every text that leaves; `draw_subject` makes a posting's card from what is stored, None
    when there is nothing to draw; `on_failure` is called within the transaction that gives a delivery up; `sealed` are
    chats whose buttons carry ids (see core.interfaces).
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        chats: Mapping[str, Chat],
        paces: Mapping[str, Pace],
        redactor: Callable[[str], str],
        on_failure: OnFailure | None = None,
        *,
        draw_subject: Draw,
        sealed: Mapping[str, bool] | None = None,
    ) -> None:
        holder = secrets.token_hex(6)
        self._desk = Desk(
            database, clock, chats, paces, redactor, draw_subject, on_failure, holder, sealed=sealed or {}
        )
        self._lines: Sequence[Line] = (*(DeliveryLine(self._desk, lane) for lane in Lane), PostingLine(self._desk))
        self._flying: dict[str, set[str]] = defaultdict(set)
        self._is_draining = False
        self._finished = asyncio.Event()
        self._finished.set()

    @property
    def flying(self) -> int:
        """How many are on their way now."""
        return sum(len(ids) for ids in self._flying.values())

    async def run(self) -> None:
        """Send until drained."""
        self._is_draining = False
        self._finished.clear()
        try:
            await self._take_back()
            async with asyncio.TaskGroup() as group:
                for line in self._lines:
                    group.create_task(self._work(line, group), name=f"courier {line.topic}")
        finally:
            self._flying.clear()
            self._finished.set()

    async def revive(self) -> None:
        """Send what is held: what it waited for may be there now. In order, as ever."""
        try:
            async with self._desk.database.transaction() as tx:
                revived = await revive_held(tx, HELD, self._desk.clock.now())
                for line in self._lines:
                    tx.ring(line.topic)
        except TemporaryFailure as failure:
            log.warning("what is held waits on", reason=str(failure))
            return
        if revived:
            log.info("what was held goes on", amount=revived)

    async def drain(self, timeout: float) -> bool:
        """Begin nothing new and wait, at most `timeout` seconds, for what is on its way; whether all arrived. What did
        not is sent after the next start."""
        self._is_draining = True
        for line in self._lines:
            self._desk.database.bells.ring(line.topic)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._finished.wait()
        return self._finished.is_set()

    async def _take_back(self) -> None:
        now = self._desk.clock.now()
        try:
            async with self._desk.database.transaction() as tx:
                await revive_held(tx, HELD, now)
                # There is one process on SQLite: whoever held anything is dead.
                freed = await release_claims(tx) if tx.is_sqlite else 0
        except TemporaryFailure as failure:
            log.warning("the courier waits for the database", reason=str(failure))
            return
        if freed:
            log.info("taken back from a courier that was killed", amount=freed)

    async def _work(self, line: Line, group: asyncio.TaskGroup) -> None:
        bells = self._desk.database.bells
        while not self._is_draining:
            heard = bells.listen(line.topic)
            until = await self._start_jobs(line, group)
            if not self._is_draining:
                await self._desk.clock.wait(bells, line.topic, heard, until)
                await asyncio.sleep(line.gather)

    async def _start_jobs(self, line: Line, group: asyncio.TaskGroup) -> datetime:
        now = self._desk.clock.now()
        try:
            jobs, due = await self._claim(line)
        except TemporaryFailure as failure:
            log.warning("the courier waits for the database", line=line.topic, reason=str(failure))
            return now + _TROUBLE
        for job in jobs:
            self._flying[line.topic].add(job.id)
            group.create_task(self._carry(line, job), name=f"carry {job.id}")
        return min(due or now + LOOK_AGAIN, now + LOOK_AGAIN)

    async def _claim(self, line: Line) -> tuple[Sequence[Job], datetime | None]:
        flying = self._flying[line.topic]
        room = line.room - len(flying)
        if room <= 0:
            return (), None
        async with self._desk.database.transaction() as tx:
            return await line.claim(tx, room, set(flying)), await line.find_next(tx)

    async def _carry(self, line: Line, job: Job) -> None:
        try:
            await run_stages(job)
        finally:
            self._flying[line.topic].discard(job.id)
            self._desk.database.bells.ring(line.topic)
