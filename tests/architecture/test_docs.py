"""What the documents say is so: links, commands, make targets, variables, settings, files."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bot.cli.app import build_app, translate_words
from bot.cli.program import LOCAL_VERBS
from bot.commands import load_registry
from bot.records import find_own
from bot.reference.configuration import list_sections as find_sections
from core.settings import Settings
from core.settings.environment import RESERVED
from core.settings.model import walk_sections
from tests.architecture.source import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "integrations/demo/README.md"])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"^    (\S.*)$", re.M)
INLINE = re.compile(r"`` (.+?) ``|`([^`\n]+)`")
# Words in a command that stand for others: usage lines, and "and so on".
PLACEHOLDER = re.compile(r"…|\[|\||\.\.\.")
# typer's own copy of click has no public name for it.
UsageError: Any = typer.BadParameter.__bases__[0]
FILE = re.compile(r"(?:core|bot|integrations|scheduler|tests|docs|bench|deploy|\.ci)/[\w./-]*\w")


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def list_code(text: str) -> Iterator[str]:
    """Lines of code blocks, and what stands in back-quotes."""
    for _, block in FENCE.findall(text):
        yield from block.splitlines()
    rest = FENCE.sub("", text)
    yield from INDENTED.findall(rest)
    yield from (first or second for first, second in INLINE.findall(rest))


def list_calls(text: str, program: str) -> Iterator[list[str]]:
    """The words of every command line that begins with the program."""
    for line in list_code(text):
        begin = re.match(rf"(?:\$ )?(?:\./)?{program}(?: |$)", line.strip())
        if begin:
            yield split_words(line.strip()[begin.end() :])


def split_words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


@cache
def load_program() -> Any:
    return typer.main.get_command(build_app(load_registry()))


def parse_call(words: Sequence[str]) -> None:
    """Read a command line as the program would, without running it. Raises UsageError."""
    command: Any = load_program()
    context: Any = None
    rest = translate_words(load_registry(), list(words))
    while True:
        context = command.make_context(command.name or "callboard", list(rest), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        pending = [*getattr(context, "_protected_args", ()), *context.args]
        _, found, rest = command.resolve_command(context, pending)
        command = found


def is_help(words: Sequence[str]) -> bool:
    return not words or words[-1] in ("--help", "-h", "--version") or words[0] == "help"


def judge_call(words: Sequence[str]) -> str:
    """What is wrong with a command line of the documents; "" for nothing."""
    if is_help(words):
        return ""
    registry = load_registry()
    if any(PLACEHOLDER.search(word) for word in words):
        brought = [item.name for item in find_own() if item.verbs]
        known = registry.find(words[0]) or words[0] in (*registry.verbs, *LOCAL_VERBS, *brought)
        return "" if known or PLACEHOLDER.search(words[0]) else f"no such verb: {words[0]}"
    try:
        parse_call(words)
    except UsageError as error:
        return f"{type(error).__name__}: {error.format_message()}"
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_commands_parse(name: str) -> None:
    problems = {shlex.join(words): judge_call(words) for words in list_calls(read(name), "callboard")}
    assert {call: why for call, why in problems.items() if why} == {}


@pytest.mark.parametrize(
    "line",
    ["spawm x", "show", "send sample-1 --soon x", "config chek", "up --prot 1", "list --status odd", "spawn --kind"],
)
def test_wrong_commands_are_found(line: str) -> None:
    assert judge_call(shlex.split(line))


def test_examples_of_commands_parse() -> None:
    examples = [example for item in load_registry() for example in item.examples]
    assert {example: why for example in examples if (why := judge_call(shlex.split(example)))} == {}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    targets = [target for target in LINK.findall(FENCE.sub("", read(name))) if "://" not in target]
    assert [target for target in targets if not leads_somewhere(ROOT / name, target)] == []


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists() or not found.is_relative_to(ROOT):
        return False
    return not anchor or anchor in [make_anchor(title) for title in re.findall(r"^#+ (.+)$", found.read_text(), re.M)]


def make_anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_page_is_reached_from_the_index() -> None:
    reached, fresh = set(), [ROOT / "README.md"]
    while fresh:
        page = fresh.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(page.read_text("utf-8")) if "://" not in target]
        fresh += [(page.parent / target).resolve() for target in targets if target]
    assert [page.relative_to(ROOT).as_posix() for page in PAGES if page not in reached] == []


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name: str) -> None:
    makefile = read("Makefile")
    called = {word for words in list_calls(read(name), "make") for word in words if re.fullmatch("[a-z-]+", word)}
    assert [word for word in called if not re.search(rf"^{word}:", makefile, re.M)] == []


@pytest.mark.parametrize("name", NAMES)
def test_modules_that_are_run_exist(name: str) -> None:
    called = {line for line in list_code(read(name)) if line.startswith("python -m ")}
    modules = {line.split()[2] for line in called}
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


@cache
def list_settings() -> frozenset[str]:
    """Every key, and every section, with NAME for names of one's own."""
    sections = list(walk_sections(Settings))
    keys = {".".join((*path, name)) for path, section in sections for name in section.model_fields}
    keys |= {f"integrations.{name}.{key}" for name, section in find_sections().items() for key in section.model_fields}
    keys |= {f"integrations.{name}" for name in find_sections()}
    return frozenset(keys | {".".join(path) for path, _ in sections})


@pytest.mark.parametrize("name", NAMES)
def test_settings_exist(name: str) -> None:
    named = {code for code in list_code(read(name)) if re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)+", code)}
    keys = {code for code in named if code.partition(".")[0] in Settings.model_fields and not code.endswith(".jsonl")}
    assert keys - list_settings() == set()


@pytest.mark.parametrize("name", [*NAMES, ".env.example", "deploy/callboard.service"])
def test_variables_exist(name: str) -> None:
    known = {f"CALLBOARD_{key.replace('.', '__').upper()}" for key in list_settings()} | RESERVED
    named = set(re.findall(r"CALLBOARD_[A-Z_]*[A-Z]\b", read(name)))
    assert named - known == set()


@pytest.mark.parametrize("name", NAMES)
def test_files_exist(name: str) -> None:
    named = {code for code in list_code(read(name)) if FILE.fullmatch(code)}
    assert [file for file in named if not (ROOT / file).exists()] == []


def test_readme_says_how_to_begin() -> None:
    """The two commands, word for word; what they do is tested in tests/flows/test_readme.py."""
    blocks = [block.strip() for _, block in FENCE.findall(read("README.md"))]
    assert blocks[:2] == ["make run", './callboard spawn sample "Write a CONTRIBUTING guide" --wait']
