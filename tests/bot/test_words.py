"""What commands say, in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from bot.commands import load_registry
from bot.commands.events import say_data


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("backup", "backup [FILE]"),
        ("budget show", "budget show [AGENT|PROJECT]"),
        ("rules remove", "rules remove RULE"),
        ("admin revoke", "admin revoke PERSON|TOKEN [--project PROJECT]"),
        (
            "budget raise",
            "budget raise AGENT|person|project|day [NAME] [--money DOLLARS] [--minutes MINUTES] [--turns TURNS] "
            "[--tokens TOKENS]",
        ),
    ],
)
def test_usage_says_what_to_write(name: str, usage: str) -> None:
    assert load_registry().get(name).usage == usage


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"now": True, "again": False, "count": 0}, "now: yes, again: no, count: 0"),
        ({"reason": "", "cost": None, "files": [], "text": "hi"}, "text: hi"),
        ({"by": ["ann", "kim"], "limit": {"money": 5.0, "turns": None}}, "by: ann, kim, limit: (money: 5.0)"),
    ],
)
def test_data_of_events_is_said_in_words(data: dict[str, Any], words: str) -> None:
    assert say_data(data) == words
