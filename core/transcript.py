"""Transcripts: what agents say while they work. Heard without waiting, written in groups."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import structlog

from core.announce import subject_of
from core.budgets import name_day
from core.delivery import bump_postings, show_posting
from core.errors import TemporaryFailure
from core.events import Event, Update
from core.ledger import record_usage
from core.messages import Place
from core.redaction import Redactor
from core.store import Database, append_events
from core.store.fleet import store_updates
from core.store.usage import lock_facts
from core.track import QUIET, Track

__all__ = ["Track", "Transcript"]

log = structlog.get_logger()
_GROUP = 0.05
_TROUBLE = 1.0
# Seconds of work that a kill may take from the count; the turn's end writes the rest.
_COUNTED = 1.0
_SHOW_EVERY = timedelta(seconds=2)

Group = Sequence[tuple[Track, list[Update]]]


class Transcript:
    """Collects updates of all agents of this process and stores them, one transaction for a group."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        redactor: Redactor,
        zone: Callable[[], tzinfo] = lambda: UTC,
    ) -> None:
        self._database = database
        self._now = now
        self._redactor = redactor
        self._zone = zone
        self._tracks: dict[str, Track] = {}
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self.stored = 0

    def open(self, track: Track) -> Track:
        """Begin to listen to an agent."""
        self._tracks[track.agent] = track
        return track

    async def catch_up(self, agent: str, epoch: int) -> None:
        """Store what was left of an agent's earlier attempt, before its last number is read. Raises
        TemporaryFailure."""
        if left := self._tracks.get(agent):
            # Claimed anew by this process, with no other in between: the lines are still ours to write.
            left.epoch = epoch if left.epoch + 1 == epoch else left.epoch
            await self.flush()

    async def close(self, track: Track) -> None:
        """Store what is left of an agent and stop listening to it. What cannot be stored now is kept until it can."""
        track.closed = True
        try:
            await self.finish(track)
        except TemporaryFailure as failure:
            log.warning("transcript not stored yet", agent=track.agent, reason=failure.message)

    def hear(self, track: Track, kind: str, data: Mapping[str, Any]) -> None:
        """Take one update. Never waits."""
        track.output += _measure(data)
        track.hear(kind, data, self._now())
        self._wake.set()

    def pause(self, track: Track) -> None:
        """The agent waits for somebody: show its words to their end."""
        track.pause()
        self._wake.set()

    async def finish(self, track: Track) -> None:
        """Store everything that was heard of an agent, with nothing held back. Raises TemporaryFailure."""
        track.pause()
        await self.flush()

    async def run(self) -> None:
        """Store groups until cancelled; what cannot be stored now is kept and tried again."""
        while True:
            holds = any(track.holds_line() for track in self._tracks.values())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET.total_seconds() if holds else None):
                    await self._wake.wait()
            await asyncio.sleep(_GROUP)
            try:
                await self.flush()
            except TemporaryFailure as failure:
                log.warning("transcript not stored yet", reason=failure.message)
                await asyncio.sleep(_TROUBLE)

    async def flush(self) -> None:
        """Store what was heard before this call and can be shown. Raises TemporaryFailure, with nothing lost."""
        async with self._flushing:
            self._wake.clear()
            now = self._now()
            due = [track for track in self._tracks.values() if track.is_due(now)]
            if due:
                await self._store_group(due, now)
            self._tracks = {name: track for name, track in self._tracks.items() if track.dirty or not track.closed}

    async def _store_group(self, due: Sequence[Track], now: datetime) -> None:
        for track in due:
            track.ripen(self._redactor, now)
        taken = [(track, track.lines) for track in due]
        for track in due:
            track.lines, track.dirty = [], False
        try:
            await self._store(taken, now)
        except BaseException:
            for track, lines in taken:
                track.lines, track.dirty = lines + track.lines, True
            self._wake.set()
            raise

    async def _store(self, taken: Group, now: datetime) -> None:
        async with self._database.transaction() as tx:
            stored = await lock_facts(tx, [track.agent for track, _ in taken])
            held = [(track, lines) for track, lines in taken if _is_held(track, stored)]
            lines = [line for _, said in held for line in said]
            facts = [_state_facts(track, stored[track.agent]) for track, _ in held]
            await store_updates(tx, lines, facts)
            for fact in facts:
                await record_usage(tx, stored[fact["agent"]], name_day(now, self._zone()), **_take_usage(fact))
            for track, said in held:
                if track.turn and any(line.kind == "message" for line in said):
                    await show_posting(tx, track.turn, Place.parse(track.thread))
            showing = [track for track, _ in held if track.shown_at is None or now - track.shown_at >= _SHOW_EVERY]
            await append_events(tx, *(_note_activity(track, now) for track in showing))
            for track in showing:
                await bump_postings(tx, subject_of(track.agent))
            tx.ring(*(f"updates:{track.agent}" for track, _ in held))
            tx.ring(*(f"turn:{track.agent}" for track, _ in taken if not _is_held(track, stored)))
        for track in showing:
            track.shown_at = now
        self.stored += len(lines)


def _is_held(track: Track, stored: Mapping[str, Mapping[str, Any]]) -> bool:
    return track.agent in stored and stored[track.agent]["epoch"] == track.epoch


def _state_facts(track: Track, stored: Mapping[str, Any]) -> dict[str, Any]:
    seconds = stored["active_seconds"]
    active = track.count_active() if track.count_active else 0.0
    return {
        "agent": track.agent,
        "last_activity_at": track.at,
        "last_activity": track.activity,
        "output_bytes": track.output,
        "active_seconds": active if active - seconds >= _COUNTED else seconds,
        "cost": track.meter.cost,
        "tokens": track.meter.tokens,
        "meter": track.meter.write(),
    }


def _take_usage(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact[name] for name in ("active_seconds", "cost", "tokens")}


def _note_activity(track: Track, now: datetime) -> Event:
    return Event("agent.activity", now, agent=track.agent, project=track.project, data={"what": track.activity})


def _measure(data: Mapping[str, Any]) -> int:
    text = data.get("text")
    return len(text) if isinstance(text, str) else len(json.dumps(data, default=str))
