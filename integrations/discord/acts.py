"""What people did and can still be answered: tokens that Discord takes for 15 minutes. A fixed number is remembered,
also over a restart."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from core.interfaces import Notebook

LASTS = 14.5 * 60
_SLOTS = 512
_YOUNG = 10.0
# https://discord.com/developers/docs/reference#snowflakes
_EPOCH = 1_420_070_400_000


@dataclass(frozen=True, slots=True)
class Act:
    """`own`: its first answer is a message that waits to be written; else it was done on a message that stays."""

    id: str
    app: str
    token: str
    own: bool
    until: float


def make_act(id: str, app: str, token: str, *, own: bool) -> Act:
    return Act(id, app, token, own, time.time() + LASTS)


async def keep_act(notebook: Notebook, act: Act) -> None:
    """Remember it, in the place of one long gone."""
    await notebook.write(_name_slot(act.id), json.dumps(asdict(act)))


async def find_act(notebook: Notebook, id: str) -> Act | None:
    """None when it can be answered no more."""
    known = await notebook.read(_name_slot(id))
    act = Act(**json.loads(known)) if known else None
    return act if act and act.id == id and act.until > time.time() else None


def is_young(id: str) -> bool:
    """Whether it was done just now: an id says when."""
    return id.isdigit() and time.time() - ((int(id) >> 22) + _EPOCH) / 1000 < _YOUNG


def _name_slot(id: str) -> str:
    """Ids grow: neighbours have different slots."""
    return f"act:{_hash_id(id) % _SLOTS}"


def _hash_id(id: str) -> int:
    """Of a snowflake: its time in milliseconds, with its number within that."""
    number = int(id) if id.isdigit() else 0
    return (number >> 22) * 7 + (number & 0x3FFFFF)
