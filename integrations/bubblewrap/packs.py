"""Keeps the repository's history out of reach. git inside the walls must write new objects, and who may write a folder
may delete what is in it: so what lies there singly is packed before an agent starts, and packs are read-only to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import PermanentFailure
from integrations.bubblewrap.probe import run_program

PACK_SECONDS = 600.0
_FAN = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")


async def pack_objects(common: Path) -> None:
    """Pack every loose object. Raises PermanentFailure with git's words, TemporaryFailure when it takes too long."""
    names = list(list_loose(common / "objects"))
    if not names:
        return
    git = ("git", f"--git-dir={common}")
    target = str(common / "objects" / "pack" / "pack")
    for command in ((*git, "pack-objects", "-q", target), (*git, "prune-packed", "-q")):
        code, words = await run_program(*command, text="\n".join([*names, ""]), seconds=PACK_SECONDS)
        if code:
            raise PermanentFailure(f"The objects of {common} could not be packed: {' '.join(words.split())[:300]}")


def list_loose(objects: Path) -> Iterator[str]:
    """The names of the objects that are not in packs."""
    for fan in objects.iterdir():
        if _FAN.fullmatch(fan.name) and fan.is_dir() and not fan.is_symlink():
            yield from (fan.name + item.name for item in fan.iterdir() if _NAME.fullmatch(item.name))
