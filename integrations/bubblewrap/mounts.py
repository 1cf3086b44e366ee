"""The walls as words for bwrap: what is hidden, and what is put back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Mounts:
    """What is laid over the read-only system, by place. A deeper place is laid later; of one place the last word
    counts."""

    covered: list[Path] = field(default_factory=list)
    words: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def cover(self, path: Path) -> None:
        """An empty folder instead of this one; a file cannot be read. What does not exist is passed over."""
        real = path.resolve()
        if real.is_dir():
            self.covered.append(real)
            self.words[real] = ("--tmpfs", str(real))
        elif real.exists():
            self.words[real] = ("--ro-bind", os.devnull, str(real))

    def show(self, path: Path, writable: bool = False) -> None:
        """The real one, at its own place; a hidden link to it is made anew."""
        if path.exists():
            self.put(path.resolve(), path, writable)

    def put(self, source: Path, path: Path, writable: bool) -> None:
        """One thing at the place of another."""
        real = path.resolve()
        self.words[real] = ("--bind" if writable else "--ro-bind", str(source), str(real))
        for name, target in self._find_links(path):
            self.words.setdefault(name, ("--symlink", str(target), str(name)))

    def is_covered(self, path: Path) -> bool:
        return any(cover == path or cover in path.parents for cover in self.covered)

    def _find_links(self, path: Path) -> Iterator[tuple[Path, Path]]:
        """Links on the way that are hidden themselves, so that the name of the thing would lead nowhere."""
        for parent in reversed((path.absolute(), *path.absolute().parents)):
            place = parent.parent.resolve() / parent.name
            if place.is_symlink() and self.is_covered(place):
                yield place, place.resolve()

    def list_places(self) -> Sequence[Path]:
        """Outer places first."""
        return sorted(self.words, key=lambda place: len(place.parts))

    def write(self) -> Iterator[str]:
        """All of it in bwrap's words."""
        for place in self.list_places():
            if self.words[place][0] != "--symlink" or not self._is_shown(place):
                yield from self.words[place]

    def _is_shown(self, place: Path) -> bool:
        """Whether what is around it is the real thing, so that it is there anyway."""
        around = next((self.words[parent] for parent in place.parents if parent in self.words), ("",))
        return around[0] in ("--bind", "--ro-bind") and around[1] == around[2]


def cover_system(mounts: Mounts, home: Path) -> None:
    """Other people's files, sockets of the machine's services (a read-only socket can be written to) and scratch."""
    for name in ("/home", "/root", "/run", "/tmp", "/var/tmp"):  # noqa: S108
        mounts.cover(Path(name))
    mounts.cover(home)
    resolver = Path("/etc/resolv.conf").resolve()
    if mounts.is_covered(resolver):
        mounts.show(resolver)


def show_needs(mounts: Mounts, paths: Iterable[Path]) -> None:
    """Bring back what a command is made of, where it is hidden."""
    for path in paths:
        if mounts.is_covered(path.parent.resolve() / path.name) or mounts.is_covered(path.resolve()):
            mounts.show(path)
