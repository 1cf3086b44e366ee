"""docs/reference/interfaces.md, from core/interfaces.py and what it is made of, by their docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from bot.reference.markdown import write_head
from core import conversation, errand, interfaces, launch, offer, work


def write_interfaces() -> str:
    """The page: every class of the files with its methods or fields, in order."""
    modules = (interfaces, offer, errand, conversation, launch, work)
    nodes = [node for module in modules for node in ast.parse(inspect.getsource(module)).body]
    parts = [write_head("Interfaces", "core/interfaces.py", inspect.cleandoc(interfaces.__doc__ or ""))]
    parts += ["\n".join(_write_class(node)) for node in nodes if isinstance(node, ast.ClassDef)]
    return "\n".join(parts)


def _write_class(node: ast.ClassDef) -> Iterator[str]:
    protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    yield f"## {node.name}"
    yield ""
    if about := ast.get_docstring(node):
        yield about
        yield ""
    yield "```python"
    yield f"class {node.name}{'(Protocol)' if protocol else ''}:"
    for member in node.body:
        yield from _write_member(member)
    yield "```"
    yield ""


def _write_member(member: ast.stmt) -> Iterator[str]:
    if isinstance(member, ast.AnnAssign):
        yield f"    {ast.unparse(member)}"
    elif isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith("__"):
        yield from (f"    @{ast.unparse(item)}" for item in member.decorator_list)
        word = "async def" if isinstance(member, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(member.returns)}" if member.returns else ""
        yield f"    {word} {member.name}({ast.unparse(member.args)}){returns}"
        yield from (f"        # {line}".rstrip() for line in (ast.get_docstring(member) or "").splitlines())
