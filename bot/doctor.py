"""What works, and what to do about the rest."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace

from bot.approvers import check_approvers
from bot.greeting import greet_all, list_meetings
from bot.house import House
from bot.pools import check_pools
from core.errors import TemporaryFailure
from core.interfaces import Check
from core.model import Delivery, DeliveryState
from core.store import count, set_note

_ROOM = 200_000_000


async def examine_house(house: House, quick: bool = False) -> list[Check]:
    """Every check of the bot and of its integrations, in the order in which a person would look. Unless `quick`, every
    kind that is ready is started to its handshake."""
    checks = [_check_room(house), await _check_store(house)]
    greeted = {} if quick else await greet_all(house, list_meetings(house))
    kinds = [_check_kind(house, name) for name in house.kinds]
    checks += [_weigh(house, name, greeted.pop(line.name, line)) for name, line in zip(house.kinds, kinds, strict=True)]
    checks += [_check_project(house, name) for name in house.projects]
    checks += await check_approvers(house)
    checks += await check_pools(house)
    checks += greeted.values()
    checks.append(await _check_deliveries(house))
    checks += await house.run_checks()
    return checks


def _check_room(house: House) -> Check:
    free = shutil.disk_usage(house.home).free
    return Check(
        "disk", free > _ROOM, f"{free // 1_000_000:,} MB free in {house.home}", "Make room." if free <= _ROOM else ""
    )


async def _check_store(house: House) -> Check:
    try:
        async with asyncio.timeout(10), house.database.transaction() as tx:
            await set_note(tx, "doctor", "looked_at", house.now().isoformat())
    except TemporaryFailure as failure:
        return Check("database", False, failure.message, failure.remedy)
    except TimeoutError:
        return Check("database", False, "It took longer than 10 s to write.", "See who else uses it.")
    return Check("database", True, f"{'SQLite' if house.database.is_sqlite else 'PostgreSQL'}, can be written")


def _check_kind(house: House, name: str) -> Check:
    ready = house.check_kind(name)
    note = " (scripted, no model)" if house.kinds[name].scripted else ""
    return Check(f"agent kind {name}", ready.state == "ready", ready.state + note, ready.remedy)


def _weigh(house: House, name: str, line: Check) -> Check:
    """A kind that nobody asked for may be missing, or not answer."""
    wanted = name in house.settings.kinds or any(project.kind == name for project in house.projects.values())
    if wanted or line.ok:
        return line
    words = "not installed" if line.detail == "missing" else line.detail
    return replace(line, ok=True, detail=f"{words}, not used", used=False)


def _check_project(house: House, name: str) -> Check:
    path = house.projects[name].path
    there = (path / ".git").exists() or (path / "HEAD").exists()
    remedy = "" if there else f"Put a git repository there, or correct projects.{name}.path."
    return Check(f"project {name}", there, str(path) if there else f"{path} is no git repository", remedy)


async def _check_deliveries(house: House) -> Check:
    async with house.database.reading() as tx:
        waiting = await count(tx, Delivery, state=DeliveryState.WAITING)
        failed = await count(tx, Delivery, state=DeliveryState.FAILED)
    detail = f"{waiting} waiting, {failed} could not be delivered"
    return Check("deliveries", failed == 0, detail, "`events --kind delivery.failed` says which." if failed else "")
