"""Which files a program needs where the folder that it is installed in is hidden."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.errors import PermanentFailure

_LINKS = 40


def find_program(command: Sequence[str], path: str, folder: str) -> str:
    """The program's file, by the PATH that the agent will have. Raises PermanentFailure."""
    name = command[0] if command else ""
    if "/" in name:
        return str(Path(folder, name))
    found = shutil.which(name, path=path) if name else None
    if found is None:
        raise PermanentFailure(f"{name or 'No command'} is not on the PATH.", remedy="Install it, or correct the kind.")
    return found


def list_needs(command: Sequence[str], env: Mapping[str, str], homes: Sequence[Path]) -> Iterator[Path]:
    """What a command is made of: its program and the files it names, each with what belongs to it, and the folders of
    the PATH. `homes` hold other things as well and are never shown as a whole."""
    for word in command:
        if word.startswith("/") and Path(word).is_file():
            yield from _follow(Path(word), homes)
    yield from (Path(entry) for entry in env.get("PATH", "").split(":") if entry.startswith("/"))


def _follow(path: Path, homes: Sequence[Path]) -> Iterator[Path]:
    """Every link on the way to the file, since a program may look for its parts from each."""
    for _ in range(_LINKS):
        yield path
        yield _surround(path, homes)
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
        path = path.parent.resolve() / path.name


def _surround(path: Path, homes: Sequence[Path]) -> Path:
    """The installation that a file belongs to; never a folder in which other things are as well."""
    for parent in reversed(path.parents):
        if parent.name == "node_modules":
            return parent
    prefix = path.parent.parent
    if path.parent.name == "bin" and (prefix / "lib").is_dir() and not _is_wide(prefix, homes):
        return prefix
    return path if _is_wide(path.parent, homes) else path.parent


def _is_wide(folder: Path, homes: Sequence[Path]) -> bool:
    real = folder.resolve()
    return real == Path("/tmp") or any(  # noqa: S108
        real in (home, home / ".local", *home.parents) for home in map(Path.resolve, homes)
    )
