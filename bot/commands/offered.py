"""The registry for platforms that have commands filled in value by value, and what comes back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.commands.parameters import AGENT, ASKER, COUNT, FILES, FLAG, FLEET, SPENDER, Parameter
from bot.commands.parser import Defaults, Invocation
from bot.commands.registry import Command, Registry, read_arguments
from core.interfaces import Verb
from core.verbs import Word, WordKind

_KINDS = {FLAG: WordKind.FLAG, COUNT: WordKind.COUNT, FILES: WordKind.FILE}
# In an agent's thread it may be left out.
_BY_THREAD = (AGENT, FLEET, ASKER, SPENDER)


def list_verbs(registry: Registry) -> Sequence[Verb]:
    """Every command, what must be said first."""
    return [_describe_command(command) for command in registry]


def _describe_command(command: Command) -> Verb:
    words = [_describe_word(item) for item in command.parameters]
    return Verb(command.name, command.about, sorted(words, key=lambda word: not word.required))


def _describe_word(item: Parameter) -> Word:
    return Word(
        name=item.name.rstrip("_"),
        about=item.help,
        kind=_KINDS.get(item.type, WordKind.TEXT),
        required=item.required and item.type not in _BY_THREAD,
        source=item.type.source,
        choices=item.choices,
    )


def fill_in(registry: Registry, name: str, arguments: Mapping[str, Any], defaults: Defaults) -> Invocation:
    """What was filled in, with what the place says by itself. Raises NotFound and BadInput, as `parse_line` does."""
    command = registry.get(name)
    said = dict(arguments)
    for item in command.parameters:
        if item.required and item.type in _BY_THREAD and not said.get(item.name.rstrip("_")) and defaults.agent:
            said[item.name] = defaults.agent
    return Invocation(command, read_arguments(command, said))
