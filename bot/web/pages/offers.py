"""The commands that fit an agent as it is now, from the registry, as buttons and forms. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.commands.parameters import AGENT, FILES, FLEET, SPENDER, Parameter
from bot.commands.registry import Command
from core.budgets import find_raise
from core.cards import Sight
from core.lifecycle import is_removed, is_resting
from core.messages import Button
from core.model import Outcome


@dataclass(frozen=True, slots=True)
class Offer:
    """A command. `button` runs it at once, if it needs nothing more; `fields` is what may be said with it."""

    command: Command
    button: Button | None
    fields: Sequence[Parameter]
    confirm: str


def offer_commands(registry: Iterable[Command], sight: Sight) -> list[Offer]:
    """Every command that acts on an agent and can do something now. Words are for the composer."""
    if is_removed(sight.agent):
        return []
    return [
        _make_offer(item, sight)
        for item in registry
        if item.acts and takes_agent(item) and _FITS.get(item.name, _fits_always)(sight)
    ]


def takes_agent(command: Command) -> bool:
    """Whether a command is about one agent."""
    return bool(command.parameters) and command.parameters[0].type in (AGENT, FLEET, SPENDER)


def _make_offer(command: Command, sight: Sight) -> Offer:
    agent = sight.agent
    # What follows one that may be no agent says which other it is.
    rest = command.options if command.parameters[0].type is SPENDER else command.parameters[1:]
    fields = [item for item in rest if item.type is not FILES]
    confirm = _CONFIRMS.get(command.name, "").format(agent.id)
    line = f"{command.name} {agent.id}"
    button = None
    if command.name == "budget raise":
        line = find_raise(agent)
        confirm = f"Raise its budget? {line}"
    if line and (command.name == "budget raise" or not any(item.required for item in fields)):
        primary = command.name in ("accept", "budget raise")
        button = Button(_name_label(command), line, confirm=confirm, primary=primary)
    return Offer(command, button, fields, "" if command.name == "budget raise" else confirm)


def _name_label(command: Command) -> str:
    return command.name[:1].upper() + command.name[1:]


def _fits_always(_: Sight) -> bool:
    return True


def _rests(sight: Sight) -> bool:
    return is_resting(sight.agent)


def _has_work(sight: Sight) -> bool:
    agent = sight.agent
    return is_resting(agent) and bool(agent.worktree) and bool(agent.commits) and not agent.accepted


_FITS: Mapping[str, Callable[[Sight], bool]] = {
    "send": lambda _: False,
    "stop": lambda sight: sight.agent.outcome is Outcome.NONE,
    "retry": _rests,
    "accept": _has_work,
    "remove": _rests,
}
_CONFIRMS: Mapping[str, str] = {
    "stop": "Stop {}? Its work is kept.",
    "accept": "Merge or push the work of {}?",
    "remove": "Remove the worktree and the branch of {}? Work that nobody took is not removed.",
}
