"""Transcripts: in order, once, and without secrets, however the words were cut and whatever the database does."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.budgets import UsageDay
from core.errors import TemporaryFailure
from core.redaction import Redactor
from core.store import Database, find
from core.store.fleet import last_update, list_updates
from core.track import QUIET, Track
from core.transcript import Transcript
from tests.fakes.board import keep_agent, read_agent, read_events, read_texts, set_agent
from tests.fakes.clock import START, FakeClock

SECRET = "hunter2-is-the-word"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2] * 12)
    + "\n-----END PRIVATE KEY-----\n"
)


def make_track(number: int = 0, **values: Any) -> Track:
    return Track("web-1", "web", values.pop("attempt", 1), number, 0, **values)


class Ground:
    """A transcript with one agent, a clock, and a database that can be cut off."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.transcript = Transcript(database, self.clock.now, Redactor([SECRET]))
        self.track = self.transcript.open(make_track())

    def say(self, *texts: str, kind: str = "message") -> None:
        for text in texts:
            self.transcript.hear(self.track, kind, {"text": text})

    async def finish(self) -> list[str]:
        await self.transcript.finish(self.track)
        return await read_texts(self.database)

    async def flush(self, seconds: float = 0.0) -> list[str]:
        self.clock.advance(seconds)
        await self.transcript.flush()
        return await read_texts(self.database)


@pytest.fixture
async def ground(database: Database) -> Ground:
    await keep_agent(database)
    return Ground(database)


def cut_off(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """From now on the database cannot be written."""

    def fail() -> Any:
        raise TemporaryFailure("it is away")

    monkeypatch.setattr(database, "transaction", fail)


# ----------------------------------------------------------------------------------------------------------- in order


async def test_words_that_follow_words_are_one_line(ground: Ground) -> None:
    ground.say("Hel", "lo ", "you")
    ground.say("Hm", kind="thought")
    ground.say("So")
    assert await ground.finish() == ["Hello you", "Hm", "So"]


async def test_everything_is_numbered_in_the_order_it_was_heard(ground: Ground) -> None:
    ground.say("a")
    ground.transcript.hear(ground.track, "tool", {"call": "1", "title": "make"})
    ground.say("b")
    await ground.finish()
    ground.transcript.hear(ground.track, "note", {"text": "c"})
    await ground.finish()
    async with ground.database.reading() as tx:
        found = await list_updates(tx, "web-1")
    assert [(line.number, line.kind) for line in found] == [(1, "message"), (2, "tool"), (3, "message"), (4, "note")]


async def test_numbers_go_on_after_a_restart(ground: Ground) -> None:
    ground.say("a")
    await ground.finish()
    again = Ground(ground.database)
    async with ground.database.reading() as tx:
        again.track = again.transcript.open(make_track(await last_update(tx, "web-1"), attempt=2))
    again.say("b")
    assert await again.finish() == ["a", "b"]


async def test_long_words_are_several_lines_of_bounded_length(ground: Ground) -> None:
    said = "".join(f"word {number} " for number in range(20_000))
    for at in range(0, len(said), 1_000):
        ground.say(said[at : at + 1_000])
    lines = await ground.finish()
    assert "".join(lines) == said
    assert len(lines) > 5
    assert max(map(len, lines)) < 32_768


async def test_facts_are_stored_with_the_lines(ground: Ground) -> None:
    ground.transcript.hear(ground.track, "usage", {"cost": 0.5, "tokens": 7})
    ground.transcript.hear(ground.track, "usage", {"cost": 0.75, "context": 3})
    ground.transcript.hear(ground.track, "tool", {"call": "1", "title": "make test"})
    await ground.finish()
    agent = await read_agent(ground.database)
    assert (agent.cost, agent.tokens, agent.last_activity) == (0.75, 7, "running make test")
    assert agent.last_activity_at == START
    assert agent.output_bytes > 0


async def test_what_is_worth_no_word_leaves_the_last_activity(ground: Ground) -> None:
    ground.track.activity = "reading the task"
    ground.transcript.hear(ground.track, "usage", {"tokens": 1})
    await ground.finish()
    assert (await read_agent(ground.database)).last_activity == "reading the task"


async def test_people_see_a_sign_of_life_at_most_every_two_seconds(ground: Ground) -> None:
    for number in range(41):
        ground.transcript.hear(ground.track, "note", {"text": f"n{number}"})
        await ground.flush(0.1)
    shown = await read_events(ground.database, "agent.activity")
    assert [event.data["what"] for event in shown] == ["n0", "n20", "n40"]


# ------------------------------------------------------------------------------------------------- as it comes, safely


async def test_whole_lines_are_shown_while_more_is_said(ground: Ground) -> None:
    ground.say("One\nTwo\nThr")
    assert await ground.flush() == ["One\n"]
    ground.say("ee\nFour")
    assert "".join(await ground.flush()) == "One\nTwo\n"
    assert "".join(await ground.finish()) == "One\nTwo\nThree\nFour"


async def test_a_line_is_shown_once_it_is_quiet_and_half_a_line_never(ground: Ground) -> None:
    ground.say("I will hang now.\nhalf")
    assert await ground.flush() == []
    assert await ground.flush(QUIET.total_seconds()) == ["I will hang now.\n"]
    assert await ground.flush(60) == ["I will hang now.\n"]


async def test_the_loop_shows_a_quiet_line_by_itself(database: Database) -> None:
    from core.clock import WallClock

    await keep_agent(database)
    transcript = Transcript(database, WallClock().now, Redactor())
    running = asyncio.create_task(transcript.run())
    transcript.hear(transcript.open(make_track()), "message", {"text": "a line\n"})
    async with asyncio.timeout(10):
        while not await read_texts(database):
            heard = database.bells.listen("updates:web-1")
            await database.bells.wait("updates:web-1", heard, 1.0)
    running.cancel()
    assert await read_texts(database) == ["a line\n"]


async def test_whoever_waits_for_people_is_heard_to_the_end(ground: Ground) -> None:
    ground.say("May I?")
    ground.transcript.pause(ground.track)
    assert await ground.flush() == ["May I?"]


@pytest.mark.parametrize("secret", [SECRET, TOKEN, base64.b64encode(f"xx{SECRET}".encode()).decode()])
@pytest.mark.parametrize("cut", [1, 5, 11, -1])
async def test_no_secret_is_cut_in_two(ground: Ground, secret: str, cut: int) -> None:
    ground.say(f"one\ntwo\nIt is {secret[:cut]}")
    await ground.flush()
    await ground.flush(60)
    ground.say(f"{secret[cut:]} indeed")
    said = "".join(await ground.finish())
    assert "[redacted" in said
    assert secret not in said
    assert secret[2:-2] not in said


async def test_no_line_of_a_key_is_shown(ground: Ground) -> None:
    for line in KEY.splitlines(keepends=True):
        ground.say(line)
        await ground.flush(2)
    said = "".join(await ground.finish())
    assert "MIIE" not in said
    assert "[redacted: private key]" in said


async def test_a_secret_of_two_lines_is_not_shown_by_its_first(database: Database) -> None:
    await keep_agent(database)
    ground = Ground(database)
    ground.transcript = Transcript(database, ground.clock.now, Redactor(["first-1\nsecond-2"]))
    ground.track = ground.transcript.open(make_track())
    ground.say("before\nfirst-1\n")
    await ground.flush()
    ground.say("second-2\nafter\n")
    assert "first-1" not in "".join(await ground.finish())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_however_it_is_cut_and_whenever_it_is_stored(sizes: list[int], flushed: list[bool]) -> None:
    text = f"Line one\nexport TOKEN={TOKEN}\nthen {SECRET}\n{SECRET}{SECRET}\nend"
    track, now, at, said = make_track(), START, 0, ""
    for size, flush in zip(sizes * 8, flushed * 8, strict=False):
        track.hear("message", {"text": text[at : at + size]}, now)
        at += size
        if flush:
            now += timedelta(seconds=0.7)
            track.ripen(Redactor([SECRET]), now)
    track.hear("message", {"text": text[at:]}, now)
    track.pause()
    track.ripen(Redactor([SECRET]), now)
    said = "".join(line.data["text"] for line in track.lines)
    assert SECRET not in said
    assert TOKEN not in said
    assert TOKEN[4:20] not in said
    assert said.startswith("Line one\n")
    assert said.endswith("\nend")


async def test_secrets_are_taken_out_of_everything_else(ground: Ground) -> None:
    ground.transcript.hear(ground.track, "tool", {"call": "1", "title": f"echo {SECRET}", "output": {"x": [TOKEN]}})
    await ground.finish()
    async with ground.database.reading() as tx:
        stored = repr(await list_updates(tx, "web-1"))
    shown = repr(await read_events(ground.database)) + repr(await read_agent(ground.database))
    for secret in (SECRET, TOKEN):
        assert secret not in stored
        assert secret not in shown


# -------------------------------------------------------------------------------------------- trouble with the database


async def test_what_cannot_be_stored_is_kept_and_stored_once(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.say("a\nb\nc\n")
    ground.transcript.hear(ground.track, "note", {"text": "one"})
    with monkeypatch.context() as patch:
        cut_off(patch, ground.database)
        for _ in range(3):
            with pytest.raises(TemporaryFailure):
                await ground.transcript.flush()
        ground.transcript.hear(ground.track, "note", {"text": "two"})
    assert await ground.finish() == ["a\nb\nc\n", "one", "two"]
    assert await ground.finish() == ["a\nb\nc\n", "one", "two"]


async def test_the_loop_goes_on_after_an_outage(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.transcript._TROUBLE", 0.01)
    with monkeypatch.context() as patch:
        cut_off(patch, ground.database)
        running = asyncio.create_task(ground.transcript.run())
        ground.transcript.hear(ground.track, "note", {"text": "one"})
        await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        while await read_texts(ground.database) != ["one"]:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_an_attempt_that_ends_in_an_outage_loses_no_line(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.say("said before the end")
    with monkeypatch.context() as patch:
        cut_off(patch, ground.database)
        await ground.transcript.close(ground.track)
    await set_agent(ground.database, epoch=1)
    await ground.transcript.catch_up("web-1", 1)
    async with ground.database.reading() as tx:
        number = await last_update(tx, "web-1")
    ground.track = ground.transcript.open(make_track(number, attempt=2, epoch=1))
    ground.say("and after")
    assert await ground.finish() == ["said before the end", "and after"]


async def test_a_closed_track_is_forgotten_once_it_is_stored(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        cut_off(patch, ground.database)
        await ground.transcript.close(ground.track)
    assert list(ground.transcript._tracks) == ["web-1"]
    await ground.transcript.flush()
    assert ground.transcript._tracks == {}


async def test_a_cancelled_flush_loses_nothing(ground: Ground) -> None:
    ground.transcript.hear(ground.track, "note", {"text": "one"})
    flushing = asyncio.create_task(ground.transcript.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.wait([flushing])
    assert await ground.finish() == ["one"]


async def test_of_an_agent_that_another_process_took_nothing_is_written(ground: Ground) -> None:
    await keep_agent(ground.database, "web-2")
    other = ground.transcript.open(Track("web-2", "web", 1, 0, 0))
    await set_agent(ground.database, epoch=1, last_activity="theirs")
    heard = ground.database.bells.listen("turn:web-1")
    ground.transcript.hear(ground.track, "note", {"text": "mine"})
    ground.transcript.hear(other, "note", {"text": "ours"})
    assert await ground.flush() == []
    assert await read_texts(ground.database, "web-2") == ["ours"]
    assert (await read_agent(ground.database)).last_activity == "theirs"
    assert ground.database.bells.listen("turn:web-1") != heard, "its supervisor is to find out"


# ------------------------------------------------------------------------------------------------------------- usage


async def test_usage_is_stored_with_the_lines_and_in_the_ledger(ground: Ground) -> None:
    ground.track.count_active = lambda: 30.0
    ground.transcript.hear(ground.track, "usage", {"cost": 0.5, "currency": "USD"})
    ground.transcript.hear(ground.track, "usage", {"cost": 0.75, "tokens": 10})
    for _ in range(2):
        await ground.finish()
    agent = await read_agent(ground.database)
    assert (agent.cost, agent.tokens, agent.active_seconds) == (0.75, 10, 30.0)
    assert agent.meter == {"session": "", "told": 0.75}
    async with ground.database.reading() as tx:
        (day,) = await find(tx, UsageDay)
    assert (day.day, day.cost, day.tokens, day.seconds) == ("2026-03-02", 0.75, 10, 30.0)


async def test_moments_of_work_are_written_at_the_turns_end(ground: Ground) -> None:
    ground.track.count_active = lambda: 0.9
    ground.say("a")
    await ground.finish()
    assert (await read_agent(ground.database)).active_seconds == 0.0


async def test_an_attempt_that_lost_its_agent_uses_nothing(ground: Ground) -> None:
    await set_agent(ground.database, epoch=7)
    ground.transcript.hear(ground.track, "usage", {"cost": 0.5})
    await ground.finish()
    assert (await read_agent(ground.database)).cost is None
    async with ground.database.reading() as tx:
        assert await find(tx, UsageDay) == []
