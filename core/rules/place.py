"""Whether a path is the one that a rule names. Pure: where links lead is asked of the Scene."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from core.rules.part import HOLE
from core.rules.scene import Match, Scene, look_alike, tidy_path


def match_path(glob: str, path: str, scene: Scene) -> Match:
    """Whether a path, or the file that it leads to, is what the glob names. Without a slash a glob names files at any
    depth; what is below a folder that it names is named as well."""
    if HOLE in path:
        return Match.MAYBE
    if glob.startswith(("~", "/")):
        return _match_outside(glob, path, scene)
    found = Match.NO
    for real in _list_places(path, scene):
        inside = find_inside(real, scene)
        if inside is not None:
            found = max(found, _match_inside(glob, inside))
    return found


def _list_places(path: str, scene: Scene) -> list[str]:
    placed = scene.place(path)
    return list(dict.fromkeys((placed, scene.follow(path) or placed)))


def find_inside(placed: str, scene: Scene) -> str | None:
    """A path relative to the worktree, "" for the worktree itself; None when it is outside."""
    for root in dict.fromkeys((tidy_path(scene.worktree), scene.resolve(scene.worktree) or tidy_path(scene.worktree))):
        if placed == root:
            return ""
        if placed.startswith(f"{root.rstrip('/')}/"):
            return placed[len(root.rstrip("/")) + 1 :]
    return None


def is_inside(path: str, scene: Scene) -> bool:
    """Whether a path stays in the worktree, links followed. What belongs to git is not of the worktree."""
    inside = [find_inside(real, scene) for real in _list_places(path, scene)]
    return HOLE not in path and all(real is not None and ".git" not in real.lower().split("/") for real in inside)


def fits_glob(glob: str, path: str, scene: Scene) -> bool:
    """Whether a path in the worktree is named by the glob for certain: as written and as it is reached."""
    inside = [find_inside(real, scene) for real in _list_places(path, scene)]
    return HOLE not in path and all(place and _match_inside(glob, place) is Match.YES for place in inside)


def _match_inside(glob: str, path: str) -> Match:
    base = _find_base(glob)
    if path == "" or (base and f"{base}/".startswith(f"{path}/") and base != path):
        return Match.MAYBE
    for start in _list_above(path):
        if compile_glob(glob).fullmatch(start):
            return Match.YES
    if glob.endswith("/**") and compile_glob(glob[:-3]).fullmatch(path):
        return Match.YES
    folded = unicodedata.normalize("NFKC", path).casefold()
    if folded != path and any(compile_glob(glob.casefold()).fullmatch(start) for start in _list_above(folded)):
        return Match.MAYBE
    return Match.MAYBE if not path.isascii() and look_alike(glob.rstrip("/*"), path) else Match.NO


def _list_above(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:size]) for size in range(1, len(parts) + 1))


def _find_base(glob: str) -> str:
    """The folder that all a glob names is below, "" when there is none."""
    if "/" not in glob.rstrip("/"):
        return ""
    plain = glob.removeprefix("./").rstrip("/").split("/")
    kept = plain[: next((at for at, part in enumerate(plain) if re.search(r"[*?\[]", part)), len(plain))]
    return "/".join(kept)


def _match_outside(glob: str, path: str, scene: Scene) -> Match:
    """An absolute glob, or one of a home folder: anybody's home counts."""
    found = Match.NO
    for real in _list_places(path, scene):
        tail = glob[2:] if glob.startswith("~/") else ""
        placed = scene.place(glob)
        if any(compile_glob(placed).fullmatch(start) for start in (f"/{part}" for part in _list_above(real[1:]))):
            return Match.YES
        if placed.endswith("/**") and real == placed[:-3]:
            return Match.YES
        if tail and compile_glob(f"**/{tail}").fullmatch(real[1:]):
            found = max(found, Match.MAYBE if find_inside(real, scene) is not None else Match.YES)
        if f"{_find_base(placed)}/".startswith(f"{real.rstrip('/')}/"):
            found = max(found, Match.MAYBE)
        folded = unicodedata.normalize("NFKC", real).casefold()
        if folded != real and compile_glob(placed.casefold()).fullmatch(folded):
            found = max(found, Match.MAYBE)
    return found


@lru_cache(maxsize=1024)
def compile_glob(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay in a folder, `**` does not; without a slash the name may be at any depth."""
    glob = glob.rstrip("/") or glob
    pattern = "" if "/" in glob else "(?:.*/)?"
    glob = glob.removeprefix("./")
    at = 0
    while at < len(glob):
        piece, at = _translate_glob(glob, at)
        pattern += piece
    return re.compile(pattern, re.DOTALL)


def _translate_glob(glob: str, at: int) -> tuple[str, int]:
    if glob.startswith("**/", at):
        return "(?:.*/)?", at + 3
    if glob.startswith("**", at):
        return ".*", at + 2
    char = glob[at]
    if char == "[" and (end := glob.find("]", at + 2)) > 0:
        inner = glob[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
        inner = f"^{inner[1:]}" if inner[0] in "!^" else inner
        return f"(?!/)[{inner}]", end + 1
    return {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)), at + 1
