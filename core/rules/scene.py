"""Where a command would run, how surely a rule names something, and what looks like what. Pure."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from core.rules.part import HOLE


class Match(IntEnum):
    """`MAYBE`: it cannot be ruled out."""

    NO = 0
    MAYBE = 1
    YES = 2


def _resolve_plainly(path: str) -> str:
    return posixpath.normpath(path) if path.startswith("/") else ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a command would run. All folders are absolute. `resolve` gives the real path of an absolute path, links
    followed, and of a program's bare name the file on the PATH, "" when there is none."""

    worktree: str
    folder: str = ""
    home: str = "/root"
    resolve: Callable[[str], str] = _resolve_plainly

    def join(self, path: str) -> str:
        """A path as it is meant in the folder: absolute."""
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        return posixpath.join(self.folder or self.worktree, path)

    def place(self, path: str) -> str:
        """The same without `.` and `..`, as it reads."""
        return tidy_path(self.join(path))

    def follow(self, path: str) -> str:
        """The same as the system finds it: `..` behind a link is above where the link leads. "" when unknown."""
        found = self.resolve(self.join(path))
        return tidy_path(found) if found else ""


def tidy_path(path: str) -> str:
    """Without `.`, `..` and doubled slashes."""
    tidied = posixpath.normpath(path)
    return tidied[1:] if tidied.startswith("//") else tidied


def look_alike(wanted: str, word: str) -> bool:
    """Whether a word may stand for the wanted one: holes, letters of other scripts, case, what cannot be seen."""
    if word == wanted:
        return True
    if word.isascii() and word.isalnum():
        return word.casefold() == wanted.casefold()
    return _compile_skeleton(word).fullmatch(wanted.casefold()) is not None


@lru_cache(maxsize=4096)
def _compile_skeleton(word: str) -> re.Pattern[str]:
    kept: list[str] = []
    for char in unicodedata.normalize("NFKD", word[:500]).casefold():
        if char in (HOLE, "\ufffd"):
            piece = ".*"
        elif char.isascii() and char.isprintable() and not char.isspace():
            piece = re.escape(char)
        elif unicodedata.category(char)[0] in "CMZ":
            piece = ""
        else:
            piece = "."
        if piece != ".*" or kept[-1:] != [".*"]:
            kept.append(piece)
    return re.compile("".join(kept), re.DOTALL)
