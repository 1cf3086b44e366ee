"""What a project tells every agent before its first task: words in the settings, or a file of the repository."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from core.crew import Site
from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Session, Workspace
from core.model import Agent
from core.prompts import LOADED

LONGEST = 20_000  # characters
_FILE = re.compile(r"[^\s\x00-\x1f\x7f]+")
_REMEDY = "Correct `instructions` of the project, or add the file to the branch it begins from."


async def find_instructions(site: Site, agent: Agent, session: Session, place: Workspace | None) -> str:
    """What the project tells its agents; "" when the session knows it from before. Raises PermanentFailure."""
    if place is None or (session.how == LOADED and agent.turns > 1):
        return ""
    return await read_instructions(site.instructions, Path(place.folder))


def is_file_name(instructions: str) -> bool:
    """One word is the name of a file; more are the instructions themselves."""
    return _FILE.fullmatch(instructions) is not None


async def read_instructions(instructions: str, folder: Path) -> str:
    """The words, cut with a note of how much is missing. Raises PermanentFailure when they are to be in a file that is
    not in the worktree."""
    text = instructions.strip()
    if is_file_name(text):
        text = (await asyncio.to_thread(_read_file, text, folder)).strip()
    return cut_instructions(text)


def cut_instructions(text: str) -> str:
    missing = len(text) - LONGEST
    return text if missing <= 0 else f"{text[:LONGEST]}\n[… {missing:,} characters of the instructions are left out]"


def _read_file(name: str, folder: Path) -> str:
    root = folder.resolve()
    try:
        file = (root / name).resolve(strict=True)
        if root not in file.parents or not file.is_file():
            raise PermanentFailure(f"The instructions {name} are no file of the repository.", remedy=_REMEDY)
        with file.open("rb") as open_file:
            return open_file.read(LONGEST * 8).decode(errors="replace").replace("\0", "")
    except (FileNotFoundError, NotADirectoryError, RuntimeError):
        raise PermanentFailure(f"The instructions {name} are not in the repository.", remedy=_REMEDY) from None
    except OSError as error:
        raise TemporaryFailure(f"The instructions {name} cannot be read: {error.strerror}.") from error
