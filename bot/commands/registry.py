"""Commands, declared once: every chat, the terminal, the HTTP API, help and docs read this registry.

@command("send", "Send a message to an agent", synonyms=("tell",), role="operator", acts=True)
async def send(ctx: Context, agent: AgentId, text: Text, *, now: Flag = False) -> Reply: ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.commands.parameters import Parameter, read_signature
from core.errors import BadInput, NotFound
from core.messages import Reply

if TYPE_CHECKING:
    from core.model import Role

ROLES = ("viewer", "operator", "approver", "admin")
Handler = Callable[..., Coroutine[Any, Any, Reply]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `name` may have a group in front (`project list`); the group's own word may be a synonym of one of
    its commands, which it means when nothing follows (`me`). `least` is the role one needs; `acts`: it changes
    something, so a repeated call with the same key must not run twice. `examples` can be typed."""

    name: str
    about: str
    handler: Handler
    parameters: tuple[Parameter, ...]
    synonyms: tuple[str, ...] = ()
    least: str = "viewer"
    examples: tuple[str, ...] = ()
    acts: bool = False

    def __call__(self, ctx: Any, **arguments: Any) -> Coroutine[Any, Any, Reply]:
        """Call the handler with bound arguments (see `bind_arguments`)."""
        return self.handler(ctx, **arguments)

    @property
    def role(self) -> Role:
        """The least that may try it. Read late: the nouns cost more than all commands together."""
        from core.model import Role

        return Role[self.least.upper()]

    @property
    def positionals(self) -> tuple[Parameter, ...]:
        return tuple(item for item in self.parameters if item.positional)

    @property
    def options(self) -> tuple[Parameter, ...]:
        return tuple(item for item in self.parameters if not item.positional)

    @property
    def usage(self) -> str:
        """`send AGENT TEXT… [--now]`."""
        return " ".join((self.name, *(item.usage for item in (*self.positionals, *self.options))))

    @property
    def remedy(self) -> str:
        """What a person who mistyped is told."""
        example = f" For example: `{self.examples[0]}`" if self.examples else ""
        return f"Usage: `{self.usage}`.{example}"

    def find_parameter(self, name: str) -> Parameter | None:
        """By name as in Python or as typed (`for_agent`, `for-agent`)."""
        wanted = name.replace("-", "_")
        return next((item for item in self.parameters if item.name.rstrip("_") == wanted.rstrip("_")), None)


def command(
    name: str,
    about: str,
    *,
    synonyms: tuple[str, ...] = (),
    role: str = "viewer",
    examples: tuple[str, ...] = (),
    acts: bool = False,
) -> Callable[[Handler], Command]:
    """Declare a command. `about` is one line without a full stop. Raises TypeError for a signature no chat can offer
    and ValueError for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"{name}: {role!r} is no role")

    def declare(handler: Handler) -> Command:
        return Command(name, about, handler, read_signature(handler), synonyms, role, examples, acts)

    return declare


class Registry:
    """All commands, in the order in which help shows them."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands = tuple(commands)
        self._names: dict[str, Command] = {}
        for item in self._commands:
            for name in (item.name, *item.synonyms):
                self._add_name(name, item)
        groups = self.groups
        if clash := {name for name in self._names if name in groups and self._names[name] not in groups[name]}:
            raise ValueError(f"both a command and a group: {', '.join(sorted(clash))}")

    def _add_name(self, name: str, item: Command) -> None:
        if name in self._names:
            raise ValueError(f"two commands are called {name!r}")
        self._names[name] = item

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name and synonym."""
        return tuple(self._names)

    @property
    def groups(self) -> Mapping[str, tuple[Command, ...]]:
        """`project` -> the commands that begin so."""
        found: dict[str, tuple[Command, ...]] = {}
        for item in self._commands:
            group, _, rest = item.name.partition(" ")
            if rest:
                found[group] = (*found.get(group, ()), item)
        return found

    @property
    def verbs(self) -> tuple[str, ...]:
        """Top-level words: single commands and groups."""
        return tuple(dict.fromkeys(item.name.partition(" ")[0] for item in self._commands))

    def find(self, name: str) -> Command | None:
        """By name or synonym, whatever its case."""
        return self._names.get(" ".join(name.casefold().split()))

    def get(self, name: str) -> Command:
        """By name or synonym. Raises NotFound with the nearest names."""
        if found := self.find(name):
            return found
        near = self.suggest(name)
        remedy = f"Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "`help` shows all commands."
        raise NotFound(f"There is no command {shorten_name(name)}.", remedy=remedy)

    def suggest(self, name: str) -> list[str]:
        """At most three names that look like it."""
        from difflib import get_close_matches

        near = get_close_matches(name.casefold()[:40], self._names, n=3, cutoff=0.6)
        return list(dict.fromkeys(self._names[word].name for word in near))


def shorten_name(name: str) -> str:
    return f"“{' '.join(name.split())[:40]}”"


def read_arguments(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Validated plain JSON by Python name, without what was left out (None). Raises BadInput for an unknown name, a
    missing or a bad value, with usage line and example."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        item = command.find_parameter(name)
        if item is None:
            raise BadInput(f"{command.name} takes no {shorten_name(name)}.", remedy=command.remedy)
        if value is not None:
            found[item.name] = read_value(command, item, value)
    for item in command.parameters:
        if item.required and found.get(item.name, "") == "":
            raise BadInput(f"{command.name} needs {item.placeholder}.", remedy=command.remedy)
    return found


def read_value(command: Command, item: Parameter, value: object) -> Any:
    """One value as plain JSON. Raises BadInput with the usage line."""
    try:
        return item.read(value)
    except BadInput as error:
        raise BadInput(error.message, remedy=f"{error.remedy} {command.remedy}".strip()) from None


def bind_arguments(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the handler is called with: validated, as Python values, with every default. Raises BadInput."""
    found = read_arguments(command, arguments)
    return {
        item.name: item.type.bind(found[item.name]) if item.name in found else item.default
        for item in command.parameters
    }
