"""How long files and functions are, how deep they nest, and what things are called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain
from statistics import median

import pytest

from tests.architecture.source import ROOMS, Source, list_functions, list_sources

FILE_LINES = 400
FUNCTION_LINES = 50
NESTING = 3
MEDIAN_LINES = 8
VAGUE = ("Manager", "Helper", "Util", "Utils", "Service")
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
# A migration is a list of tables as they were on one day; nobody edits it.
LISTS = ("core/store/migrations/versions/",)


def judge_file(source: Source) -> Iterator[str]:
    lines = source.text.count("\n") + (not source.text.endswith("\n"))
    if lines > FILE_LINES:
        yield f"{source.path} has {lines} lines"
    stem = source.path.rpartition("/")[2].removesuffix(".py")
    if stem in ("util", "utils", "helper", "helpers", "common", "misc", "manager", "service"):
        yield f"{source.path} is named vaguely"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE):
            yield f"{source.path}:{node.lineno} {node.name} is named vaguely"


def judge_functions(source: Source) -> Iterator[str]:
    for function in list_functions(source.tree):
        where = f"{source.path}:{function.lineno} {function.name}"
        if (lines := count_lines(function)) > FUNCTION_LINES:
            yield f"{where} has {lines} lines"
        if (depth := measure_depth(function)) > NESTING:
            yield f"{where} nests {depth} deep"


def count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def measure_depth(node: ast.AST, depth: int = 0) -> int:
    """How many blocks are inside one another. An `elif` is no deeper than its `if`; inner functions count alone."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, measure_depth(child, depth + (isinstance(child, BLOCKS) and not chained)))
    return deepest


def list_judged() -> list[Source]:
    return [source for source in list_sources(*ROOMS) if not source.path.startswith(LISTS)]


def test_files_are_short_and_named() -> None:
    assert list(chain.from_iterable(judge_file(source) for source in list_judged())) == []


def test_functions_are_short_and_flat() -> None:
    assert list(chain.from_iterable(judge_functions(source) for source in list_judged())) == []


def test_most_functions_fit_one_look() -> None:
    lengths = [count_lines(function) for source in list_judged() for function in list_functions(source.tree)]
    assert median(lengths) <= MEDIAN_LINES


def test_test_folders_are_no_packages() -> None:
    """A package tests/integrations would stand before the real one."""
    assert [source.path for source in list_sources("tests") if source.path.endswith("__init__.py")] == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 401,
        "class AgentManager: ...",
        "def f():\n" + "    x = 1\n" * 50,
        "def f():\n if a:\n  for b in c:\n   with d:\n    if e: ...",
    ],
)
def test_the_rules_bite(text: str) -> None:
    source = Source("core/some.py", text)
    assert [*judge_file(source), *judge_functions(source)]


def test_a_chain_of_elifs_is_flat() -> None:
    text = "def f():\n if a: ...\n elif b: ...\n elif c: ...\n elif d: ...\n elif e: ...\n"
    assert list(judge_functions(Source("core/some.py", text))) == []
