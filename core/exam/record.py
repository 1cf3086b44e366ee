"""What the wiring relies on in every Integration record."""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core import interfaces
from core.exam.verdict import demand, demand_equal
from core.interfaces import Check, Door, Integration, Kind, Pace, Setup
from core.messages import Button, Card, Message, Place, Reply
from core.verbs import Verb, Word


class Pages:
    """A notebook in memory."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    async def read(self, key: str) -> str | None:
        return self.written.get(key)

    async def write(self, key: str, value: str) -> None:
        self.written[key] = value


class Shelf:
    """A board in memory: what stands in each place under each key, in the order in which it was put there."""

    def __init__(self) -> None:
        self.shown: dict[str, Reply | Card] = {}

    async def put(self, place: Place, shown: Reply | Card, key: str) -> str:
        self.shown.setdefault(f"{place} {key}", shown)
        return f"{place} {key}"

    async def edit(self, reference: str, card: Card) -> bool:
        if reference in self.shown:
            self.shown[reference] = card
        return reference in self.shown

    async def find(self, place: Place, key: str) -> str:
        return f"{place} {key}" if f"{place} {key}" in self.shown else ""


class Ear:
    """A street in memory: what was heard."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def hear(self, message: Message) -> None:
        if message.key not in [known.key for known in self.heard]:
            self.heard.append(message)

    async def find_button(self, id: str) -> Button:
        return Button(id, id, prompt="Why?")

    async def suggest(self, place: Place, source: str, typed: str) -> Sequence[tuple[str, str]]:
        return [(name, "") for name in (f"{source}-1", f"{source}-2") if name.startswith(typed)]

    def list_verbs(self) -> Sequence[Verb]:
        return [
            Verb(
                "spawn",
                "Start an agent",
                [Word("text", "The task.", required=True), Word("project", "Where.", source="projects")],
            ),
            Verb("project use", "Set the default", [Word("project", "The project.", required=True, source="projects")]),
        ]


class Moorings:
    """Anchors in memory: the reference of each card by its place and subject."""

    def __init__(self) -> None:
        self.moored: dict[tuple[str, str], str] = {}

    async def find_reference(self, place: Place, subject: str) -> str:
        return self.moored.get((str(place), subject), "")

    async def find_subject(self, place: Place, reference: str) -> str:
        found = [
            subject for (where, subject), known in self.moored.items() if (where, known) == (str(place), reference)
        ]
        return found[0] if found else ""

    async def list_cards(self, chat: str, kind: str) -> Sequence[tuple[str, str]]:
        return [
            (subject, known)
            for (where, subject), known in self.moored.items()
            if where.startswith(f"{chat}:") and subject.startswith(kind) and known
        ]


async def examine_integration(item: Integration, home: Path, example: Mapping[str, Any] | None = None) -> None:
    """Every check of a record. `home` is a folder for what it makes, `example` are values for its settings where those
    ask for something. Raises AssertionError."""
    check_words(item)
    check_factories(item)
    check_section(item)
    for kind in item.kinds:
        check_kind(kind)
    demand_equal(len({kind.name for kind in item.kinds}), len(item.kinds), "no two kinds have the same name")
    setup = make_setup(item, home, example)
    for name in list_offers(item):
        check_part(item, name, setup)
    await check_checks(item, setup)
    check_doors(item, setup)


def make_setup(item: Integration, home: Path, example: Mapping[str, Any] | None = None) -> Setup:
    """What the factories are given."""
    kind = item.settings() if item.settings else None
    return Setup(home, kind(**(example or {})) if kind else None, Pages(), Shelf(), Ear(), Moorings())


def list_protocols() -> dict[str, type[Any]]:
    """The factories of the record, and what each makes."""
    hints = typing.get_type_hints(Integration, vars(interfaces))
    made: dict[str, type[Any]] = {}
    for name, hint in hints.items():
        for option in typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,):
            result = typing.get_args(option)[-1:] if typing.get_origin(option) is Callable else ()
            if result and getattr(result[0], "_is_protocol", False):
                made[name] = result[0]
    return made


def list_offers(item: Integration) -> list[str]:
    """The parts that it makes."""
    return [name for name in list_protocols() if getattr(item, name)]


def check_words(item: Integration) -> None:
    demand(re.fullmatch(r"[a-z][a-z0-9]*", item.name), f"{item.name!r} is made of small letters and digits")
    demand(len(item.about) >= 10 and "\n" not in item.about, "it says on one line what it is about")
    demand(isinstance(item.pace, Pace), "its pace is a Pace")
    demand(item.pace.edit_gap >= 0 and item.pace.posts_per_second >= 0, "its pace is no less than nothing")


def check_factories(item: Integration) -> None:
    for name in list_offers(item):
        factory = getattr(item, name)
        demand("return" in factory.__annotations__, f"{name} says what it makes")
        module = sys.modules[factory.__module__]
        demand(module.__doc__, f"{module.__name__} says what it is")


def check_section(item: Integration) -> None:
    if item.settings is None:
        return
    kind = item.settings()
    demand(kind.__doc__, "its settings say what they are")
    demand_equal(kind.model_config.get("extra"), "forbid", "unknown keys are errors: core.settings.Section")
    bare = [name for name, info in kind.model_fields.items() if not info.description]
    demand_equal(bare, [], "each of its settings has a description")


def check_kind(kind: Kind) -> None:
    """An agent kind. Raises AssertionError."""
    demand(re.fullmatch(r"[a-z][a-z0-9-]*", kind.name), f"{kind.name!r} is made of small letters, digits and hyphens")
    demand(kind.about, f"{kind.name} says what it is")
    demand(kind.command, f"{kind.name} has a command")
    demand(all(isinstance(word, str) and word for word in kind.command), "a command is a list of words")
    demand(all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in kind.env), "variables have names")
    reach = all(mark.startswith("~/") or mark in kind.env for mark in kind.sign_in)
    demand(reach, "what signs in reaches the agent: it is in `env`")
    demand(kind.install or not kind.sign_in, f"{kind.name} says how it is installed")
    demand(not (kind.scripted and kind.sign_in), "what is scripted needs nobody to sign in")


def check_part(item: Integration, name: str, setup: Setup) -> None:
    """That what a factory makes fits its interface. Raises AssertionError."""
    made = getattr(item, name)(setup)
    for method, wanted in inspect.getmembers(list_protocols()[name], inspect.isfunction):
        if not method.startswith("_"):
            where = f"{item.name}.{name}.{method}"
            demand(hasattr(made, method), f"{where} is there")
            check_method(getattr(made, method), wanted, where)
    if close := getattr(made, "close", None):
        demand(not inspect.iscoroutinefunction(close), "parts are closed without waiting")
        close()


def check_method(found: Callable[..., Any], wanted: Callable[..., Any], where: str) -> None:
    """Same names, same order, same way of waiting; whatever is added has a default. Raises AssertionError."""
    waits = inspect.iscoroutinefunction(wanted)
    demand_equal(inspect.iscoroutinefunction(found), waits, f"{where} waits as its interface does")
    asked = list(inspect.signature(wanted).parameters.values())[1:]
    given = list(inspect.signature(found).parameters.values())
    names = [item.name for item in asked]
    demand_equal([item.name for item in given[: len(asked)]], names, f"{where} takes what its interface says")
    more = given[len(asked) :]
    demand(all(item.default is not item.empty for item in more), f"{where}: whatever is added has a default")


async def check_checks(item: Integration, setup: Setup) -> None:
    for check in await item.checks(setup) if item.checks else ():
        demand(isinstance(check, Check), "what it looks at is a Check")
        demand(check.name and check.detail, "a check says what was looked at, and what was found")
        demand(check.ok or check.remedy, f"{check.name} says what to do")


def check_doors(item: Integration, setup: Setup) -> None:
    doors = item.doors(setup) if item.doors else ()
    for door in doors:
        demand(isinstance(door, Door), "a door is a Door")
        demand(re.fullmatch(r"(/[a-z0-9-]+)+", door.path), f"{door.path} is a path")
    demand_equal(len({door.path for door in doors}), len(doors), "no two doors have the same path")
