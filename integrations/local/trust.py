"""What an agent may have laid out for git to trip over. Git follows links in its own folders when it writes, and runs
filters that a repository inside the worktree sets up. The bot's git must do neither: the agent may be in a sandbox, and
the bot is not. An agent that still runs may be quicker than any look.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from core.errors import Conflict
from integrations.local.git import run_git, try_git

_DEEPEST = 5
_FILTERS = r"^filter\..*\.(clean|process)$"
_KNOWN = frozenset({"git-lfs clean -- %f", "git-lfs filter-process"})
_OWN = ("local", "worktree")


async def check_traps(folder: Path, record: Path, refs: Path) -> None:
    """`record` is the worktree's folder in the repository's .git, `refs` holds agents' branches. Raises Conflict."""
    await check_links(record, refs)
    await _check_filters(folder, folder)


async def check_links(record: Path, refs: Path) -> None:
    """The same for a git that looks at no file of the worktree."""
    if found := await asyncio.to_thread(find_link, record, refs):
        raise Conflict(
            f"{found} is a link, and git would write where it leads.", remedy="Look into it, and remove the link."
        )


def find_link(*folders: Path) -> str:
    """The first link below them; "" when there is none. Repositories of submodules are left out."""
    return next((path for folder in folders for path in _walk_links(folder)), "")


def _walk_links(folder: Path) -> Iterator[str]:
    for place, inner, names in os.walk(folder):
        yield from (path for name in (*inner, *names) if os.path.islink(path := f"{place}/{name}"))  # noqa: PTH114
        if "modules" in inner:
            inner.remove("modules")


async def _check_filters(top: Path, folder: Path, deep: int = 0) -> None:
    """Git goes into a repository inside the worktree when it is in the index as a submodule."""
    ran = await run_git(folder, "ls-files", "--stage", "-z")
    inner = [folder / line.partition("\t")[2] for line in ran.names if line.startswith("160000 ")]
    for place in (place for place in inner if os.path.lexists(place / ".git")):
        said = await try_git(place, "config", "--show-scope", "-z", "--get-regexp", _FILTERS)
        for scope, pair in zip(said.names[::2], said.names[1::2], strict=False):
            name, _, value = pair.partition("\n")
            if scope in _OWN and value not in _KNOWN:
                raise _refuse(place.relative_to(top), name)
        if deep >= _DEEPEST:
            raise _refuse(place.relative_to(top), "more repositories, too deep to look into")
        await _check_filters(top, place, deep + 1)


def _refuse(place: Path, name: str) -> Conflict:
    return Conflict(
        f"The repository in {place} sets up {name}, a program that git would run for the bot.",
        remedy=f"Look into {place}/.git/config, and remove it.",
    )
