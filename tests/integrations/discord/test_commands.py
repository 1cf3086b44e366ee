"""The slash command as Discord is offered it, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.commands import load_registry
from bot.commands.offered import list_verbs
from core.verbs import Verb, Word, WordKind
from integrations.discord.commands import draw_commands, find_source, hash_commands, list_files, read_typed
from integrations.discord.identify import AN_HOUR, MOST_AN_HOUR, choose_wait, keep_recent
from tests.fakes.discord.rules import count_letters, judge_commands

VERBS = list_verbs(load_registry())


def test_all_commands_are_one_that_discord_takes() -> None:
    commands = draw_commands("agent", VERBS)
    assert judge_commands(commands) == []
    slash = commands[0]
    assert len(slash["options"]) <= 25
    assert count_letters(slash) < 7_500
    offered = {
        f"{option['name']} {below['name']}" if option["type"] == 2 else option["name"]
        for option in slash["options"]
        for below in (option.get("options") or [{"name": ""}] if option["type"] == 2 else [{"name": ""}])
    }
    assert len(offered) == len(VERBS)


def test_options_are_typed_and_completed() -> None:
    slash = draw_commands("agent", VERBS)[0]
    spawn = next(option for option in slash["options"] if option["name"] == "spawn")
    found = {option["name"]: option for option in spawn["options"]}
    assert found["project"]["autocomplete"]
    assert found["kind"]["autocomplete"]
    assert found["file"]["type"] == 11
    assert not found["text"].get("required"), "without it a form opens"
    stop = next(option for option in slash["options"] if option["name"] == "stop")
    assert not any(option.get("required") for option in stop["options"]), "a thread says which agent"


def test_a_hash_changes_with_what_is_offered() -> None:
    one, other = draw_commands("agent", VERBS), draw_commands("agent", VERBS[1:])
    assert hash_commands(one) == hash_commands(draw_commands("agent", VERBS))
    assert hash_commands(one) != hash_commands(other)


def sub(name: str, *options: dict[str, Any]) -> dict[str, Any]:
    return {"name": "agent", "options": [{"type": 1, "name": name, "options": list(options)}]}


@pytest.mark.parametrize(
    ("data", "verb", "values"),
    [
        (sub("stop", {"type": 3, "name": "agent", "value": "web-1"}), "stop", {"agent": "web-1"}),
        (sub("approve", {"type": 5, "name": "for-agent", "value": True}), "approve", {"for_agent": True}),
        ({"options": [{"type": 2, "name": "project", "options": [{"type": 1, "name": "list"}]}]}, "project list", {}),
        ({"options": []}, "", {}),
        ({}, "", {}),
    ],
)
def test_what_is_typed_is_read(data: dict[str, Any], verb: str, values: dict[str, Any]) -> None:
    typed = read_typed(data, VERBS)
    assert (typed.verb, typed.values) == (verb, values)


def test_a_verb_of_its_own_beside_its_group() -> None:
    verbs = [Verb("me", "Who you are"), Verb("me link", "Join", [Word("code", "The code.")])]
    slash = draw_commands("agent", verbs)[0]
    assert judge_commands([slash]) == []
    assert [option["name"] for option in slash["options"][0]["options"]] == ["show", "link"]
    data = {"options": [{"type": 2, "name": "me", "options": [{"type": 1, "name": "show"}]}]}
    assert read_typed(data, verbs).verb == "me"


def test_what_is_completed_and_what_is_a_file() -> None:
    verbs = [Verb("send", "Send", [Word("agent", "Which.", source="agents"), Word("file", "A file.", WordKind.FILE)])]
    data = sub("send", {"type": 3, "name": "agent", "value": "we", "focused": True})
    assert find_source(read_typed(data, verbs), verbs) == "agents"
    assert list_files(read_typed(data, verbs), verbs) == ["file"]
    assert find_source(read_typed(sub("dance"), verbs), verbs) == ""


@pytest.mark.parametrize(
    ("ago", "wait"),
    [
        ([], 0),
        ([1, 2], 0),
        ([1, 2, 3], 5),
        ([1] * 6, 60),
        ([1] * 12, 120),
        ([400] * 6, 0),
        ([AN_HOUR - 10] * MOST_AN_HOUR, 10),
        ([-50], 0),
    ],
)
def test_signing_in_is_spread(ago: list[float], wait: float) -> None:
    now = 10_000.0
    assert choose_wait([now - seconds for seconds in ago], now) == wait


def test_nobody_signs_in_more_than_twenty_times_an_hour() -> None:
    now = 0.0
    times: list[float] = []
    for _ in range(100):
        now += choose_wait(times, now) + 0.1
        times = [*keep_recent(times, now), now]
        assert sum(now - at < AN_HOUR for at in times) <= MOST_AN_HOUR
