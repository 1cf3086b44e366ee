"""The registry as it is offered to be filled in, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.commands import load_registry
from bot.commands.offered import fill_in, list_verbs
from bot.commands.parser import Defaults
from core.errors import BadInput, NotFound, UserError
from core.verbs import WordKind

REGISTRY = load_registry()
CHANNEL, THREAD = Defaults(("web",)), Defaults(("web",), "web", "web-12")


def test_every_command_is_offered_with_what_must_be_said_first() -> None:
    verbs = list_verbs(REGISTRY)
    assert [verb.name for verb in verbs] == [command.name for command in REGISTRY]
    for verb in verbs:
        needed = [word.required for word in verb.words]
        assert needed == sorted(needed, reverse=True), verb.name
        assert len({word.name for word in verb.words}) == len(verb.words)
    spawn = next(verb for verb in verbs if verb.name == "spawn")
    assert {word.name: (word.kind, word.required, word.source) for word in spawn.words} == {
        "text": (WordKind.TEXT, True, ""),
        "project": (WordKind.TEXT, False, "projects"),
        "kind": (WordKind.TEXT, False, "kinds"),
        "model": (WordKind.TEXT, False, ""),
        "mode": (WordKind.TEXT, False, ""),
        "base": (WordKind.TEXT, False, ""),
        "file": (WordKind.FILE, False, ""),
    }


@pytest.mark.parametrize(
    ("name", "arguments", "defaults", "found"),
    [
        ("stop", {}, THREAD, {"agent": "web-12"}),
        ("stop", {"agent": "web-3", "reason": "enough"}, THREAD, {"agent": "web-3", "reason": "enough"}),
        ("send", {"text": '-- "quoted" --now'}, THREAD, {"agent": "web-12", "text": '-- "quoted" --now'}),
        ("spawn", {"text": "fix", "project": None}, CHANNEL, {"text": "fix"}),
        ("approve", {"for_agent": True}, THREAD, {"request": "web-12", "for_agent": True}),
        ("logs", {"lines": 20}, THREAD, {"agent": "web-12", "lines": 20}),
    ],
)
def test_what_is_filled_in(name: str, arguments: dict[str, Any], defaults: Defaults, found: dict[str, Any]) -> None:
    invocation = fill_in(REGISTRY, name, arguments, defaults)
    assert (invocation.command.name, invocation.arguments) == (name, found)


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("dance", {}, NotFound),
        ("stop", {}, BadInput),
        ("stop", {"agent": "no agent"}, BadInput),
        ("stop", {"agent": "web-1", "__class__": "x"}, BadInput),
        ("spawn", {"text": "\x00"}, BadInput),
        ("logs", {"agent": "web-1", "lines": -1}, BadInput),
        ("list", {"status": "dancing"}, BadInput),
    ],
)
def test_what_is_filled_in_wrongly(name: str, arguments: dict[str, Any], kind: type[UserError]) -> None:
    with pytest.raises(kind):
        fill_in(REGISTRY, name, arguments, CHANNEL)
