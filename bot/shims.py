"""Shims (of pyenv, asdf, mise, …): small scripts on the PATH that start what lies beside their folder. Behind walls
they are there, and what they start is not: exit code 127."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from core.interfaces import Check, Walls


def note_shims(line: Check, project: str, env: Mapping[str, str], walls: Walls) -> Check:
    """The same line of `doctor`, at fault where programs on the PATH cannot run behind the walls of a project."""
    found = list_shims(env, walls)
    if not found:
        return line
    names = ", ".join(name_place(path.parent, env) for path in found)
    shims = ", ".join(name_place(path, env) for path in found)
    remedy = f"Add {names} to projects.{project}.sandbox.readable, then `reload`."
    detail = f"{line.detail.rstrip('.')}; programs in {shims} end with exit code 127 in there"
    return replace(line, ok=False, detail=detail, remedy=remedy if line.ok else f"{remedy} {line.remedy}".strip())


def list_shims(env: Mapping[str, str], walls: Walls) -> list[Path]:
    """Folders of shims in the person's home that are on the PATH, and whose programs the walls hide."""
    home = Path(env.get("HOME") or "/root")
    open_ = [_spread(path, home) for path in (*walls.readable, *walls.writable)]
    found = [Path(entry) for entry in env.get("PATH", "").split(":") if entry.startswith(f"{home}/")]
    shims = [path for path in dict.fromkeys(found) if path.name == "shims" and path.is_dir()]
    return [path for path in shims if not any(place in (path.parent, *path.parent.parents) for place in open_)]


def name_place(path: Path, env: Mapping[str, str]) -> str:
    """As the settings name it: `~/.pyenv`."""
    home = Path(env.get("HOME") or "/root")
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _spread(path: str, home: Path) -> Path:
    return home / path[2:] if path.startswith("~/") else Path(path)
