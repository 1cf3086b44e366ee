"""The house's own source, parsed once, and what the rules ask of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("core", "scheduler", "integrations", "bot", "bench")
LATE = ("import_later", "import_module", "__import__")


@dataclass(frozen=True)
class Source:
    """One Python file. `path` is relative to the repository."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parse(self.text)

    @property
    def room(self) -> str:
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class Import:
    """`path` names `module` (dotted), by a statement or by name at run time."""

    path: str
    module: str
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def is_house(self) -> bool:
        return self.top in (*ROOMS, "tests")

    @property
    def is_standard(self) -> bool:
        return self.top in sys.stdlib_module_names

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


@cache
def parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def list_sources(*rooms: str) -> tuple[Source, ...]:
    """Every Python file of the rooms."""
    paths = sorted(path.relative_to(ROOT) for room in rooms for path in (ROOT / room).rglob("*.py"))
    # What tests downloaded (.cache in their folder) is not ours.
    ours = [path for path in paths if not any(part.startswith(".") or part == "node_modules" for part in path.parts)]
    return tuple(Source(path.as_posix(), (ROOT / path).read_text("utf-8")) for path in ours)


@cache
def list_imports(*rooms: str) -> tuple[Import, ...]:
    return tuple(found for source in list_sources(*rooms) for found in find_imports(source))


def find_imports(source: Source) -> Iterator[Import]:
    """What a file imports, anywhere in it. `from a import b` counts as `a.b`: b may be a module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names: Sequence[str] = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_module(source.path, node)
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):
            names = read_late(node)
        else:
            continue
        yield from (Import(source.path, name, node.lineno) for name in names)


def resolve_module(path: str, node: ast.ImportFrom) -> str:
    """The absolute name of what a `from` names, dots included."""
    if not node.level:
        return node.module or ""
    folder = path.split("/")[: -node.level]
    return ".".join([*folder, *([node.module] if node.module else [])])


def read_late(node: ast.Call) -> list[str]:
    """The modules that a call imports by name, where the name is written out."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "to_thread" and node.args and getattr(node.args[0], "id", "") == "__import__":
        first: ast.expr | None = node.args[1]
    else:
        first = node.args[0] if name in LATE and node.args else None
    return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []


def is_within(module: str, *parents: str) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def list_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
