"""What may stand next in a line: found by every name, taken by the parser, at once."""

from __future__ import annotations

import time
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import load_registry
from bot.commands.completion import MOST, Name, Suggestion, complete_line
from bot.commands.parameters import FILES, Parameter
from bot.commands.parser import Defaults, parse_line
from bot.commands.registry import Command
from core.errors import UserError

REGISTRY = load_registry()
NAMES = {
    "agents": [Name("web-1", "Fix the login"), Name("web-2", "Paint"), Name("docs-1", "Write")],
    "askers": [Name("web-1", "Run pytest"), Name("r-7kq2", "web-1: Run pytest")],
    "requests": [Name("r-7kq2", "web-1: Run pytest")],
    "projects": [Name("web"), Name("docs"), Name("odd name")],
    "kinds": [Name("claude"), Name("codex")],
    "people": [Name("kim"), Name("Łukasz"), Name("a b"), Name('q"t')],
}
PROJECTS = ("web", "docs")
CHANNEL, THREAD = Defaults(PROJECTS), Defaults(PROJECTS, "web", "web-2")


def complete(line: str, defaults: Defaults = CHANNEL, cursor: int | None = None) -> list[Suggestion]:
    return complete_line(REGISTRY, line, len(line) if cursor is None else cursor, NAMES, defaults)


def texts(line: str, defaults: Defaults = CHANNEL) -> list[str]:
    return [one.text for one in complete(line, defaults)]


def put(line: str, one: Suggestion, cursor: int | None = None) -> str:
    end = len(line) if cursor is None else cursor
    return line[: one.start] + one.text + line[end:]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sp", ["spawn"]),
        ("SPA", ["spawn"]),
        ("tell", ["send"]),
        ("abo", ["stop"]),
        ("project ", ["list"]),
        ("project sh", ["show"]),
        ("stop w", ["web-1", "web-2"]),
        ("stop login", ["web-1"]),
        ("approve ", ["web-1", "r-7kq2", "--for-agent"]),
        ("approve r", ["r-7kq2"]),
        ("approve web-1 --", ["--for-agent", "--always", "--dry-run"]),
        ("approve web-1 —al", ["--always"]),
        ("approve --for-agent web-1 --for", []),
        ("spawn ", ["web", "docs"]),
        ("spawn d", ["docs"]),
        ("spawn --kind c", ["claude", "codex"]),
        ("spawn web --kind=co", ["codex"]),
        ("spawn web Fix it --ki", ["--kind"]),
        ("spawn web Fix it --kind=c", []),
        ("spawn web -- --ki", []),
        ("list --status need", ['"needs you"']),
        ('list --status "needs y', ['"needs you"']),
        ('list --status="needs y', ['"needs you"']),
        ("list --project w", ["web"]),
        ("assign web-1 k", ["kim"]),
        ("help sen", ["send"]),
        ("help project li", ["project list"]),
        ("nonsense ", []),
        ("list --nonsense ", []),
        ("stop web-1 ", ["--mine", "--status"]),
        ("show web-1 ", []),
    ],
)
def test_what_is_offered(line: str, wanted: list[str]) -> None:
    found = texts(line)
    assert set(wanted) <= set(found)
    assert bool(found) == bool(wanted)


def test_a_thread_says_its_agent() -> None:
    assert {"web-1", "web-2"} <= set(texts("stop ", THREAD))
    assert texts("send w", THREAD)[:2] == ["web-1", "web-2"]
    assert "--now" in texts("send ", THREAD)


def test_what_is_typed_is_replaced_and_the_rest_stays() -> None:
    line = "stop we because"
    (first, *_) = complete(line, cursor=7)
    assert put(line, first, 7) == "stop web-1 because"
    assert complete(line, cursor=10**9) == complete(line)
    assert complete(line, cursor=-5) == complete(line, cursor=0)


def test_a_synonym_says_what_it_means() -> None:
    assert [(one.text, one.label) for one in complete("steer")] == [("send", "send (steer)")]


LETTERS = st.text(alphabet=st.sampled_from(list("abe-=–—\"“”'«» w1r\n\u200b\\`@#")), max_size=12)
STARTS = st.sampled_from(["", *(f"{item.name} " for item in REGISTRY), *(f"{n} " for n in REGISTRY.names)])
BITS = st.lists(
    st.sampled_from(["web ", "web-1 ", "--kind ", "--", "-- ", "--now ", '"a b" ', "--status=", "x"]), max_size=4
)


@given(STARTS, BITS, LETTERS, st.integers(-5, 60), st.sampled_from([CHANNEL, THREAD]))
def test_it_never_raises_and_replaces_what_is_there(
    start: str, bits: list[str], end: str, cursor: int, defaults: Defaults
) -> None:
    line = start + "".join(bits) + end
    for one in complete_line(REGISTRY, line, cursor, NAMES, defaults):
        assert 0 <= one.start <= max(0, cursor)
        assert one.text


@given(st.text(max_size=80), st.integers(0, 90))
def test_it_never_raises_whatever_is_typed(line: str, cursor: int) -> None:
    assert len(complete_line(REGISTRY, line, cursor, NAMES, CHANNEL)) <= MOST


# ------------------------------------------------------------------------------------ what is offered is also taken


def make_value(item: Parameter) -> str:
    """Something that the parameter takes."""
    if item.choices:
        return f'"{item.choices[0]}"'
    known = NAMES.get(item.type.source)
    return {"count": "3", "duration": "2h"}.get(item.type.name) or (known[0].value if known else "words")


@st.composite
def write_beginning(draw: st.DrawFn) -> tuple[Command, str, Defaults]:
    """A command with some of its options and the first of its words, all of them right."""
    command = draw(st.sampled_from(list(REGISTRY)))
    defaults = draw(st.sampled_from([CHANNEL, THREAD]))
    given_ = draw(st.lists(st.sampled_from([*command.options, None]), unique=True, max_size=2))
    options = [item for item in given_ if item and item.type is not FILES]
    words = [item.option if item.is_flag else f"{item.option} {make_value(item)}" for item in options]
    before = [item for item in command.positionals if not item.rest_of_line]
    words += [make_value(item) for item in before[: draw(st.integers(0, len(before)))]]
    return command, " ".join([command.name, *words, ""]), defaults


@given(write_beginning(), st.sampled_from(["", "w", "--", "r", "c", '"', "n"]))
def test_what_is_offered_is_taken(beginning: tuple[Command, str, Defaults], typed: str) -> None:
    command, line, defaults = beginning
    for one in complete(line + typed, defaults):
        whole = put(line + typed, one)
        option = next((item for item in command.options if item.option == one.text), None)
        whole += "" if option is None or option.is_flag else f" {make_value(option)}"
        found = read_somehow(command, whole, defaults)
        values = {str(value) for value in found.values()}
        assert (option.name in found) if option else (one.label in values), whole


def read_somehow(command: Command, line: str, defaults: Defaults) -> dict[str, object]:
    """What the parser makes of a line, with whatever is still missing added to it."""
    missing = [make_value(item) for item in command.positionals]
    lines = [line, *(f"{line} {' '.join(missing[start:])}" for start in range(len(missing)))]
    for one in lines:
        try:
            return parse_line(REGISTRY, one, defaults).arguments
        except UserError:
            continue
    raise AssertionError(f"{line} is not taken")


def test_five_hundred_agents_in_no_time() -> None:
    many = {**NAMES, "agents": [Name(f"web-{number}", f"Task number {number}") for number in range(500)]}
    lines = list(chain(("stop ", "stop web-49", "stop number 4", "send x"), (f"{name} " for name in REGISTRY.names)))
    spent = []
    for line in lines:
        began = time.perf_counter()
        complete_line(REGISTRY, line, len(line), many, CHANNEL)
        spent.append(time.perf_counter() - began)
    assert sorted(spent)[len(spent) // 2] < 0.005
