"""Three places may catch everything: the dispatcher, the delivery stage (core/desk.py) and the task supervisor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOMS, Source, list_sources

ALLOWED = ("bot/dispatcher.py", "core/desk.py", "core/supervisor.py")
BROAD = ("Exception", "BaseException")


def find_broad(source: Source) -> Iterator[str]:
    """Handlers of everything that keep what they caught. Cleaning up and raising again is no catch."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not raises_again(node):
            yield f"{source.path}:{node.lineno}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            yield from (f"{source.path}:{node.lineno}" for argument in node.args if is_broad(argument))


def is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(one is None or getattr(one, "id", "") in BROAD for one in kinds)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_three_places_catch_everything() -> None:
    found = [place for source in list_sources(*ROOMS) for place in find_broad(source)]
    assert [place for place in found if not place.startswith(ALLOWED)] == []


def test_each_of_the_three_catches_in_one_place() -> None:
    found = [place.partition(":")[0] for source in list_sources(*ROOMS) for place in find_broad(source)]
    assert [path for path in ALLOWED if found.count(path) > 1] == []


@pytest.mark.parametrize(
    "text",
    [
        "try: ...\nexcept Exception: ...",
        "try: ...\nexcept: ...",
        "try: ...\nexcept (ValueError, Exception) as error: log(error)",
        "try: ...\nexcept BaseException:\n    clean()",
        "try: ...\nexcept Exception as error:\n    raise ValueError from error",
        "with contextlib.suppress(Exception): ...",
    ],
)
def test_the_rule_bites(text: str) -> None:
    assert list(find_broad(Source("core/some.py", text)))


@pytest.mark.parametrize(
    "text", ["try: ...\nexcept ValueError: ...", "try: ...\nexcept BaseException:\n    clean()\n    raise"]
)
def test_what_is_meant_is_allowed(text: str) -> None:
    assert list(find_broad(Source("core/some.py", text))) == []
