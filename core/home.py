"""Where Callboard keeps its data. Standard library only: the command line reads it at every start."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

RUN_FILE = "run.json"
HOUSE_FILE = "house.id"


def read_house(home: Path, machine: str) -> str:
    """A name for this home that no other has: `machine`, as it was called at first, and something random, since
    machines are called alike and get other names. Made once, whole or not at all. Raises OSError."""
    file = home / HOUSE_FILE
    if not file.exists():
        draft = file.with_name(f".{HOUSE_FILE}.{secrets.token_hex(4)}")
        draft.write_text(f"{machine or 'a machine'}/{secrets.token_hex(8)}\n", encoding="utf-8")
        with suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text(encoding="utf-8").strip()


def find_home(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """CALLBOARD_HOME, else `callboard` in the user's data folder; absolute."""
    person = Path(environ.get("HOME") or Path.home())
    if named := environ.get("CALLBOARD_HOME"):
        spread = person / named[2:] if named == "~" or named.startswith("~/") else Path(named)
        return Path.cwd() / spread
    if platform == "darwin":
        return person / "Library" / "Application Support" / "callboard"
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG rules: a relative path is to be ignored.
    return (Path(data) if data.startswith("/") else person / ".local" / "share") / "callboard"


def say_machine(name: str) -> str:
    """The machine of a data folder that `read_house` named."""
    return name.rpartition("/")[0]
