"""Which project and kind are meant: what was named, else the default of the place, else that of the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from bot.house import SAMPLE, House, Project
from core.errors import BadInput
from core.settings import ResolvedKind
from core.store import Transaction, get_note, set_note

OWNER = "places"
_HERE = "by the default here"


@dataclass(frozen=True, slots=True)
class Custom:
    """The default of a place. `place` is where it was set: a thread has that of its channel."""

    place: str
    project: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why: "" for what was named."""

    project: Project
    kind: ResolvedKind
    project_by: str = ""
    kind_by: str = ""

    @property
    def words(self) -> str:
        """Where it comes from, as far as nobody named it."""
        if self.project_by == self.kind_by == _HERE:
            return ", the defaults of this channel"
        parts = {"project": self.project_by, "kind": self.kind_by}
        said = ", ".join(f"{what} {why}" for what, why in parts.items() if why)
        return f" ({said})" if said else ""


async def choose(tx: Transaction, house: House, place: str, project: str, kind: str) -> Choice:
    """Raises NotFound for what there is not, BadInput for a kind that cannot be used now."""
    custom = await _read_known(tx, house, place)
    named = project or (custom.project if custom else "")
    site = house.find_project(named)
    project_by = "" if project else _HERE if custom else _say_default(house, site)
    here = custom.kind if custom and custom.project == site.name and custom.kind in house.kinds else ""
    chosen = house.find_kind(kind or here, site)
    kind_by = "" if kind else _HERE if here else "by the project" if site.kind else "as the first ready"
    return Choice(site, chosen, project_by, kind_by)


async def choose_project(tx: Transaction, house: House, place: str, named: str) -> Project:
    """The project that is named, else that of the place, else that of the settings. Raises NotFound."""
    custom = None if named else await _read_known(tx, house, place)
    return house.find_project(custom.project if custom else named)


async def _read_known(tx: Transaction, house: House, place: str) -> Custom | None:
    custom = await read_custom(tx, place)
    return custom if custom and custom.project in house.projects else None


def _say_default(house: House, site: Project) -> str:
    if house.settings.default_project:
        return "by default_project"
    return "as there is no other" if site.name != SAMPLE else "as none is named"


async def read_custom(tx: Transaction, place: str) -> Custom | None:
    """The default that holds in a place: its own, else that of the place around it."""
    for around in list_around(place):
        if note := await get_note(tx, OWNER, around):
            return Custom(around, **json.loads(note))
    return None


async def say_custom(tx: Transaction, house: House, place: str) -> str:
    """`web with claude`: what is meant in a place when nothing is named, "" where it is as elsewhere."""
    custom = await _read_known(tx, house, place)
    return "" if custom is None else custom.project + (f" with {custom.kind}" if custom.kind else "")


async def write_custom(tx: Transaction, house: House, place: str, project: str, kind: str) -> Custom:
    """Set the default of a place. Raises NotFound, and BadInput for a kind that there is not."""
    site = house.find_project(project)
    if kind and kind not in house.kinds:
        raise BadInput(f"There is no agent kind {kind!r}.", remedy=f"Kinds: {', '.join(house.kinds)}.")
    await set_note(tx, OWNER, place, json.dumps({"project": site.name, "kind": kind}))
    return Custom(place, site.name, kind)


def list_around(place: str) -> Iterator[str]:
    """The place itself, then what it is in: `slack:C1/17.2`, `slack:C1`."""
    yield place
    chat, _, address = place.partition(":")
    while "/" in address:
        address = address.rpartition("/")[0]
        yield f"{chat}:{address}"
