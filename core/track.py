"""One agent's transcript on its way to the store: heard at once, and without its secrets before anything is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core.activity import Titles, describe_update
from core.events import Update
from core.meter import Meter
from core.redaction import Redactor, StreamRedactor

WORDS = ("message", "thought")
QUIET = timedelta(seconds=1)
_LONGEST = 16_384
# Of a key only its first line tells what the next ones are.
_KEY, _KEY_END = "-----BEGIN ", "-----END "
_BEGUN = {"message": "writing", "thought": "thinking"}


class LineRedactor(StreamRedactor):
    """Lets go of whole lines early, so that people can read along; of a line that is not over nothing is shown."""

    def release(self, *, is_quiet: bool) -> str:
        """The lines that can be shown by now. The last one is held until another follows, or nothing does."""
        cut = self._held.rfind("\n") + 1
        if cut and not is_quiet:
            cut = self._held.rfind("\n", 0, cut - 1) + 1
        key = self._held.rfind(_KEY)
        if key >= 0 and _KEY_END not in self._held[key:]:
            cut = min(cut, key)
        if not cut:
            return ""
        for span in reversed(self._redactor.find(self._held)):
            cut = span.begin if span.begin < cut <= span.end else cut
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._redactor.redact(ready)

    def holds_line(self) -> bool:
        """Whether there is a whole line that quiet would let go."""
        return "\n" in self._held


@dataclass(slots=True)
class Speech:
    """Words that come in pieces. `at` is when the first piece came that is not shown yet, `number` the line's."""

    kind: str
    attempt: int
    at: datetime
    stream: LineRedactor
    number: int = 0


@dataclass(slots=True)
class Track:
    """What is known in memory of one agent's transcript: `number` is the last line's, `heard` what came in since the
    last look (None: the words are over), `lines` what can be stored. `closed`: gone once all of it is stored.
    `count_active` gives the agent's active seconds while a turn runs. `turn` is the subject of the turn (core.prose)
    whose words are shown in the place `thread`, "" where none are."""

    agent: str
    project: str
    attempt: int
    number: int
    output: int
    meter: Meter = field(default_factory=Meter)
    count_active: Callable[[], float] | None = None
    activity: str = ""
    epoch: int = 0
    at: datetime | None = None
    shown_at: datetime | None = None
    dirty: bool = False
    closed: bool = False
    heard: list[Update | None] = field(default_factory=list)
    lines: list[Update] = field(default_factory=list)
    speech: Speech | None = None
    turn: str = ""
    thread: str = ""
    titles: Titles = field(default_factory=Titles)

    def hear(self, kind: str, data: Mapping[str, Any], now: datetime) -> None:
        """Take one update."""
        self.at, self.dirty = now, True
        if kind == "usage":
            self.meter.hear(data)
        self.heard.append(Update(self.agent, self.attempt, kind, now, dict(data)))

    def pause(self) -> None:
        """The words are over: show them to their end."""
        self.heard.append(None)
        self.dirty = True

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to store, now."""
        return self.dirty or (self.holds_line() and self._is_quiet(now))

    def holds_line(self) -> bool:
        return self.speech is not None and self.speech.stream.holds_line()

    def ripen(self, redactor: Redactor, now: datetime) -> None:
        """Make lines of what was heard, as far as it can be shown."""
        heard, self.heard = self.heard, []
        for update in heard:
            if self.speech and (update is None or update.kind != self.speech.kind):
                self._end_speech(self.speech)
            if update is not None and update.kind in WORDS:
                self._speak(update, redactor)
            elif update is not None:
                self._add(replace(update, data=redactor.redact_json(update.data)))
        if self.speech:
            self._say(self.speech, self.speech.stream.release(is_quiet=self._is_quiet(now)))

    def _is_quiet(self, now: datetime) -> bool:
        return self.at is not None and now - self.at >= QUIET

    def _speak(self, update: Update, redactor: Redactor) -> None:
        if self.speech is None:
            self.speech = Speech(update.kind, update.attempt, update.at, LineRedactor(redactor))
            self.activity = _BEGUN[update.kind]
        self._say(self.speech, self.speech.stream.feed(str(update.data.get("text", ""))))

    def _end_speech(self, speech: Speech) -> None:
        self._say(speech, speech.stream.flush())
        self.speech = None

    def _say(self, speech: Speech, text: str) -> None:
        if not text:
            return
        last = self.lines[-1] if self.lines else None
        self.activity = describe_update(speech.kind, {"text": text}) or self.activity
        if last and last.number == speech.number and len(last.data["text"]) < _LONGEST:
            self.lines[-1] = replace(last, data={"text": last.data["text"] + text})
            return
        self._add(Update(self.agent, speech.attempt, speech.kind, speech.at, {"text": text}))
        speech.number, speech.at = self.number, self.at or speech.at

    def _add(self, line: Update) -> None:
        self.number += 1
        self.lines.append(replace(line, number=self.number))
        data = self.titles.fill(line.data) if line.kind == "tool" else line.data
        self.activity = describe_update(line.kind, data) or self.activity
