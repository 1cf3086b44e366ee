"""An agent's thread: what people said, what it said and did, what it asked and what became of it, in one order. Pure.

Each entry has an id of its own, so that one that is drawn again takes its own place."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.web.pages.story import tell_event, tell_outcome
from core.activity import list_entries
from core.cards import say_seconds
from core.events import Event, Update
from core.model import AgentMessage, MessageState, Request, RequestKind, RequestState

LONGEST = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A long speech is cut at the same places wherever one begins to read.
_SPEECH = 100
_SPOKEN = ("message", "thought")
_TOLD = ("message", "thought", "tool", "report", "note")
# After these nothing runs that ran before.
_ENDS = frozenset(
    {"agent.turn_ended", "agent.done", "agent.ready", "agent.failed", "agent.stopped", "agent.resumed", "agent.started"}
)
_TONES = {
    "agent.done": "good",
    "agent.accepted": "good",
    "agent.failed": "bad",
    "agent.stopped": "bad",
    "budget.warned": "bad",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a thread. `order` sorts; `first` is the update it began with, 0 if it is of none; `number` and `seq`
    are the last update and event that it shows; `missing` counts characters that are not shown."""

    id: str
    order: str
    at: datetime
    kind: str
    title: str = ""
    text: str = ""
    by: str = ""
    state: str = ""
    tone: str = ""
    detail: Mapping[str, Any] | None = None
    names: Sequence[str] = ()
    until: datetime | None = None
    first: int = 0
    number: int = 0
    seq: int = 0
    missing: int = 0


def make_order(at: datetime, rank: int, number: int) -> str:
    """A text that sorts like the moments, and like the numbers within one."""
    return f"{(at - _EPOCH) // _MICROSECOND:017d}{rank}{number:010d}"


def read_moment(order: str) -> datetime:
    """The moment of an order. Raises ValueError when it is none."""
    try:
        return _EPOCH + int(order[:17]) * _MICROSECOND
    except OverflowError:
        raise ValueError(order) from None


class Thread:
    """Entries by id, grown by whatever happens. `names` are people's; `is_cut`: the transcript goes on before it."""

    def __init__(self, names: Mapping[str, str], *, is_cut: bool = False) -> None:
        self.entries: dict[str, Entry] = {}
        self.names = dict(names)
        self.plan: Sequence[Mapping[str, Any]] = ()
        self._is_cut = is_cut
        self._calls: dict[tuple[int, str], str] = {}
        self._spoken: tuple[Any, ...] = ()
        self._speech = ""
        self._latest = ""

    def list_entries(self) -> list[Entry]:
        """All of them, in order."""
        return sorted(self.entries.values(), key=lambda entry: entry.order)

    def add_updates(self, updates: Iterable[Update]) -> None:
        """Lines of the transcript, in their order."""
        for update in updates:
            if update.kind == "plan":
                self.plan = list_entries(update.data)
            elif update.kind in _TOLD:
                self._add_update(update)

    def add_events(self, events: Iterable[Event]) -> None:
        """What happened; calls that ran when a turn ended do not run any more."""
        for event in events:
            if event.kind in _ENDS:
                self._end_calls(event)
            if text := tell_event(event):
                by = self.names.get(event.actor, event.actor)
                order, tone = make_order(event.at, 0, event.seq), _TONES.get(event.kind, "")
                self._put(Entry(f"e-{event.seq}", order, event.at, "event", text=text, by=by, tone=tone, seq=event.seq))

    def put_message(self, message: AgentMessage, seq: int) -> None:
        """Words of a person, as they are delivered by now."""
        self._put(
            Entry(
                f"m-{message.number}",
                make_order(message.created_at, 1, message.number),
                message.created_at,
                "said",
                text=message.text[:LONGEST],
                missing=max(0, len(message.text) - LONGEST),
                by=self.names.get(message.author, message.author),
                state=_say_state(message),
                names=[file.name for file in message.files],
                seq=seq,
            )
        )

    def put_request(self, request: Request, seq: int) -> None:
        """What was asked, as it stands."""
        permission = request.kind is RequestKind.PERMISSION
        self._put(
            Entry(
                f"q-{request.id}",
                make_order(request.opened_at, 3, zlib.crc32(request.id.encode())),
                request.opened_at,
                "asked",
                title=request.title,
                text=tell_outcome(request),
                by="permission" if permission else "question",
                state=request.state.value,
                detail={"command": request.detail.get("command") or "", "id": request.id},
                until=request.answered_at,
                seq=seq,
            )
        )

    def keep(self, ids: Collection[str]) -> None:
        """Forget all other entries."""
        self.entries = {id: entry for id, entry in self.entries.items() if id in ids}
        self._calls = {call: id for call, id in self._calls.items() if id in ids}
        self._speech = self._speech if self._speech in ids else ""

    def _put(self, entry: Entry) -> None:
        known = self.entries.get(entry.id)
        if known is None or replace(known, seq=entry.seq) != entry:
            self.entries[entry.id] = entry

    # ------------------------------------------------------------------------------------------------------ updates

    def _add_update(self, update: Update) -> None:
        if update.kind in _SPOKEN:
            self._speak(update)
            return
        self._spoken = ()
        if update.kind == "tool" and isinstance(update.data.get("call"), str):
            self._call(update)
        else:
            words = str(update.data.get("text") or update.data.get("title") or "")
            self._begin(update, update.kind, text=words[:LONGEST], missing=max(0, len(words) - LONGEST))

    def _begin(self, update: Update, kind: str, **values: Any) -> str:
        # Later lines may carry an earlier time: they stand where their number puts them.
        self._latest = max(self._latest, make_order(update.at, 2, 0)[:18])
        id, order = f"u-{update.number}", f"{self._latest}{update.number:010d}"
        self.entries[id] = Entry(id, order, update.at, kind, first=update.number, number=update.number, **values)
        return id

    def _speak(self, update: Update) -> None:
        text = str(update.data.get("text", ""))
        run = (update.kind, update.attempt, update.number // _SPEECH)
        if run != self._spoken:
            begins = self._spoken or not self._is_cut or update.number % _SPEECH == 0
            kind = "words" if update.kind == "message" else "thought"
            missing = max(0, len(text) - LONGEST)
            # What began before our first line is told whole where its beginning is.
            self._speech = self._begin(update, kind, text=text[:LONGEST], missing=missing) if begins else ""
            self._is_cut, self._spoken = False, run
        elif self._speech:
            entry = self.entries[self._speech]
            room = max(0, LONGEST - len(entry.text))
            missing = entry.missing + max(0, len(text) - room)
            words = entry.text + text[:room]
            self.entries[self._speech] = replace(entry, text=words, number=update.number, missing=missing)

    def _call(self, update: Update) -> None:
        data, key = update.data, (update.attempt, str(update.data["call"]))
        if key not in self._calls and "title" not in data and self._is_cut:
            return
        id = self._calls.get(key, "")
        entry = self.entries.get(id)
        status = {"completed": "done", "failed": "failed"}.get(str(data.get("status", "")), "")
        known = (entry.detail or {}) if entry else {}
        told: dict[str, Any] = {
            "title": str(data.get("title") or (entry.title if entry else data.get("kind") or data["call"])),
            "state": status or "running",
            "detail": {**known, **{name: data[name] for name in _SHOWN if data.get(name)}},
            "until": update.at if status else None,
        }
        if entry:
            self.entries[id] = replace(entry, number=update.number, **told)
        else:
            id = self._calls[key] = self._begin(update, "call", **told)
        if status:
            del self._calls[key]

    def _end_calls(self, event: Event) -> None:
        for key, id in list(self._calls.items()):
            if (entry := self.entries[id]).at <= event.at:
                del self._calls[key]
                self.entries[id] = replace(entry, state="not finished", seq=event.seq)


_SHOWN = ("command", "paths", "output", "diff")


def say_length(entry: Entry) -> str:
    """How long a call took, if it is over and took a second."""
    seconds = (entry.until - entry.at).total_seconds() if entry.until else 0.0
    return say_seconds(seconds) if seconds >= 1 else ""


def _say_state(message: AgentMessage) -> str:
    if message.state is MessageState.QUEUED:
        if message.number == 1:
            return "waits for a place"
        return "interrupting" if message.now else "queued to the turn's end"
    return "not delivered" if message.state is MessageState.DROPPED else "delivered"


def tell_thread(
    updates: Sequence[Update] = (),
    messages: Sequence[AgentMessage] = (),
    requests: Sequence[Request] = (),
    events: Sequence[Event] = (),
    names: Mapping[str, str] | None = None,
    *,
    is_cut: bool = False,
) -> Thread:
    """The thread of what was read at once."""
    thread = Thread(names or {}, is_cut=is_cut)
    thread.add_updates(updates)
    for message in messages:
        thread.put_message(message, 0)
    for request in requests:
        thread.put_request(request, 0)
    thread.add_events(events)
    return thread


def is_open(entry: Entry) -> bool:
    """Whether it is a request that waits."""
    return entry.kind == "asked" and entry.state == RequestState.OPEN.value
