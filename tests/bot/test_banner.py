"""What `callboard up` says, word for word."""

from __future__ import annotations

import pytest

from bot.banner import TRY, name_program, write_comeback
from bot.commands import load_registry
from bot.commands.parser import Defaults, parse_line
from core.fleet import Comeback


@pytest.mark.parametrize(
    ("comeback", "said"),
    [
        (Comeback(None), ""),
        (Comeback(41), "Back after 41 s: nothing was at work."),
        (Comeback(41, ("a-1", "a-2")), "Back after 41 s: 2 resumed."),
        (
            Comeback(4000, ("a-1",), (("web-3", "its worktree is gone"), ("web-4", "stopped"), ("web-5", "done"))),
            "Back after 1 h 6 min: 1 resumed, web-3 failed: its worktree is gone, web-4 stopped, web-5 done.",
        ),
    ],
)
def test_what_became_of_the_last_run(comeback: Comeback, said: str) -> None:
    assert write_comeback(comeback) == said


@pytest.mark.parametrize("words", TRY)
def test_what_is_to_be_tried_can_be_typed(words: str) -> None:
    assert parse_line(load_registry(), words.removesuffix(" --wait"), Defaults(projects=("sample",)))


def test_the_program_is_named_as_it_was_called() -> None:
    assert name_program({"CALLBOARD_PROG": "callboard"}) == "callboard"
    assert name_program({}) in ("./callboard", name_program({"CALLBOARD_PROG": ""}))
