"""The terminal as a chat: one line for what is said, none for what is said already."""

from __future__ import annotations

import io

import pytest

from core.errors import TemporaryFailure
from core.messages import Card, Place, Reply, Tone
from integrations.terminal.chat import _REMEMBERED, TerminalChat

HERE = Place("terminal", "here")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str, /) -> int:
        raise self.error

    error: OSError = OSError(5, "Input/output error")


def read_words(out: io.StringIO) -> list[str]:
    """What was printed, without the time."""
    return [line[9:] for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("tone", "mark"), [("good", "+"), ("bad", "!"), ("asking", "?"), ("busy", ">"), ("", "·")])
async def test_a_mark_says_the_tone_in_words_too(tone: str, mark: str) -> None:
    out = io.StringIO()
    await TerminalChat(out, {}).post(HERE, Reply("web-1 is done", data={"tone": tone}), "d-1")
    assert read_words(out) == [f"{mark} web-1 is done"]


async def test_a_message_is_one_line_however_it_is_written() -> None:
    out = io.StringIO()
    await TerminalChat(out, {}).post(HERE, Reply("a\nb\x1b[2J", cards=(Card("c"),)), "d-1")
    assert read_words(out) == ["· a b\\x1b[2J", "· c"]


@pytest.mark.parametrize(("environ", "program"), [({}, "./callboard"), ({"CALLBOARD_PROG": "callboard"}, "callboard")])
async def test_what_to_do_next_is_said_as_it_is_typed(environ: dict[str, str], program: str) -> None:
    out = io.StringIO()
    await TerminalChat(out, environ).post(HERE, Reply("web-1 failed", hint="`logs web-1`, `retry web-1`"), "d-1")
    assert read_words(out) == [f"· web-1 failed · `{program} logs web-1`, `{program} retry web-1`"]


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_colours_only_where_they_are_wanted(environ: dict[str, str], coloured: bool) -> None:
    out = Terminal()
    await TerminalChat(out, environ).post(HERE, Reply("x", data={"tone": "good"}), "d-1")
    assert ("\x1b[32m" in out.getvalue()) is coloured


async def test_cards_that_are_told_in_words_are_left_out() -> None:
    out = io.StringIO()
    chat = TerminalChat(out, {})
    for tone in Tone:
        await chat.draw(HERE, Card(f"is {tone.value}", tone), "", f"c-{tone.value}")
    assert read_words(out) == ["· is plain", "> is busy"]


async def test_a_terminal_that_takes_nothing_is_tried_again() -> None:
    chat = TerminalChat(Closed(), {})
    with pytest.raises(TemporaryFailure):
        await chat.post(HERE, Reply("x"), "d-1")
    with pytest.raises(TemporaryFailure):
        await chat.draw(HERE, Card("x"), "", "c-1")
    assert await chat.find(HERE, "d-1") == ""
    assert await chat.find(HERE, "c-1") == ""


async def test_a_reader_that_is_gone_is_not_waited_for() -> None:
    out = Closed()
    out.error = BrokenPipeError()
    assert await TerminalChat(out, {}).post(HERE, Reply("x"), "d-1") == "d-1"


async def test_it_remembers_no_more_than_it_must() -> None:
    chat = TerminalChat(io.StringIO(), {})
    for number in range(_REMEMBERED + 5):
        await chat.draw(HERE, Card("x", Tone.GOOD), "", f"c-{number}")
    assert len(chat._shown) == _REMEMBERED
