"""What a line means in a channel and in an agent's thread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import load_registry
from bot.commands.concealing import conceal_codes
from bot.commands.line import find_command_start, read_line
from bot.commands.parser import Defaults, Invocation, parse_line
from core.errors import BadInput, NotFound, UserError
from core.messages import Message, Place, Reply, Visibility

REGISTRY = load_registry()
CHANNEL, THREAD = Defaults(("web",)), Defaults(("web",), "web", "web-12")


def run(line: str, defaults: Defaults = CHANNEL) -> tuple[str, dict[str, object]]:
    found = read_line(REGISTRY, line, defaults)
    assert isinstance(found, Invocation)
    return found.command.name, found.arguments


def hint(line: str, defaults: Defaults = CHANNEL) -> Reply:
    found = read_line(REGISTRY, line, defaults)
    assert isinstance(found, Reply)
    assert found.visibility is Visibility.ASKER
    return found


@pytest.mark.parametrize("line", ["/agent spawn web Fix it", "  /AGENT   run web “Fix it”", "/agent\nspawn web Fix it"])
def test_a_command(line: str) -> None:
    assert run(line) == ("spawn", {"project": "web", "text": "Fix it"})


def test_the_slash_alone_is_help() -> None:
    assert run("/agent") == ("help", {})
    assert run(" /agent ") == ("help", {})


def test_plain_words_in_a_thread_go_to_its_agent_as_they_are() -> None:
    for words in ("Use tabs --now", 'say "hi"', "/etc/hosts is wrong", "stop that, look here"):
        assert run(f"  {words} ", THREAD) == ("send", {"agent": "web-12", "text": words})


def test_a_command_in_a_thread_knows_its_agent() -> None:
    assert run("/agent stop", THREAD) == ("stop", {"agent": "web-12"})
    assert run("/agent send web-3 hello", THREAD) == ("send", {"agent": "web-3", "text": "hello"})


@pytest.mark.parametrize("word", ["stop", "Stop!", "STOP.", "cancel", "abort", " kill "])
def test_a_bare_stop_is_asked_about(word: str) -> None:
    (card,) = hint(word, THREAD).cards
    stop, send = card.buttons
    assert parse_line(REGISTRY, stop.command).arguments == {"agent": "web-12"}
    sent = parse_line(REGISTRY, send.command)
    assert (sent.command.name, sent.arguments) == ("send", {"agent": "web-12", "text": word.strip()})


def test_plain_words_in_a_channel_are_told_what_to_say() -> None:
    for words in ("hello", "stop", "/etc/hosts"):
        assert "/agent spawn" in hint(words).text


@pytest.mark.parametrize("line", ["/list", "/spawn web Fix it", "/project list"])
def test_half_of_the_slash_is_put_right(line: str) -> None:
    for defaults in (CHANNEL, THREAD):
        with pytest.raises(BadInput) as caught:
            read_line(REGISTRY, line, defaults)
        assert f"/agent {line[1:]}" in caught.value.remedy


def test_nothing_and_what_there_is_not() -> None:
    with pytest.raises(BadInput):
        read_line(REGISTRY, " \n", THREAD)
    with pytest.raises(NotFound):
        read_line(REGISTRY, "/agent dance", THREAD)


@given(
    st.one_of(st.text(max_size=60), st.text(max_size=60).map("/agent {}".format)), st.sampled_from([CHANNEL, THREAD])
)
def test_it_raises_nothing_but_what_people_are_told(line: str, defaults: Defaults) -> None:
    try:
        found = read_line(REGISTRY, line, defaults)
    except UserError:
        return
    assert isinstance(found, (Invocation, Reply))
    assert find_command_start(line) is None or isinstance(found, Invocation)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("me claim 7KQM-2XPD-9RTW", "me claim code:"),
        ("/agent me link 7kqm 2xpd 9rtw", "/agent me link code:"),
        ("ME  LINK   7KQM2XPD9RTW", "ME  LINK code:"),
    ],
)
def test_codes_are_concealed_before_they_are_stored(said: str, kept: str) -> None:
    place = Place("party", "C1")
    hidden = conceal_codes(REGISTRY, Message("k", place, place, "party:U1", "u1", said))
    assert hidden.text.startswith(kept)
    assert "9rtw" not in hidden.text.casefold()
    assert conceal_codes(REGISTRY, hidden) == hidden


@pytest.mark.parametrize("said", ["spawn 7KQM-2XPD-9RTW", "claim it", "", "me", "me link", '"', "/agent"])
def test_other_words_stay(said: str) -> None:
    place = Place("party", "C1")
    message = Message("k", place, place, "party:U1", "u1", said)
    assert conceal_codes(REGISTRY, message) == message


def test_codes_that_were_filled_in_are_concealed() -> None:
    place = Place("party", "C1")
    message = Message("k", place, place, "party:U1", "u1", "me claim", arguments={"code": "7KQM-2XPD-9RTW"})
    assert "9RTW" not in str(conceal_codes(REGISTRY, message).arguments)
