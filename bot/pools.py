"""How warm pools stand, for `doctor` and `project show`."""

from __future__ import annotations

from bot.house import House, Project
from core.interfaces import Check
from core.spares import PoolTrouble, Spare, SpareState
from core.store import Transaction, count, find, get


async def check_pools(house: House) -> list[Check]:
    """A line for each project that wants worktrees to be kept ready, and for each spare that nobody may remove."""
    async with house.database.reading() as tx:
        warm = [project for project in house.projects.values() if project.begin.warm]
        lines = [await _check_pool(tx, house, project) for project in warm]
        kept = await find(tx, Spare, house=house.id, state=SpareState.KEPT)
    remedy = "Take what you need from there, and delete the folder."
    return lines + [
        Check(f"spare {spare.id}", False, f"somebody left something in {spare.folder}", remedy) for spare in kept
    ]


async def _check_pool(tx: Transaction, house: House, project: Project) -> Check:
    name, detail = f"warm pool {project.name}", await say_pool(tx, house, project)
    trouble = await get(tx, PoolTrouble, project=project.name, house=house.id)
    if trouble is None:
        return Check(name, True, detail)
    reason = trouble.reason.partition("\n")[0].rstrip(".")
    remedy = f"Agents prepare their own worktrees. It is tried again at {trouble.retry_at:%H:%M} UTC."
    return Check(name, False, f"{detail}: {reason}", remedy)


async def say_pool(tx: Transaction, house: House, project: Project) -> str:
    """`1 of 2 ready`; "" where none is wanted."""
    wanted = project.begin.warm
    ready = await count(tx, Spare, project=project.name, house=house.id, state=SpareState.READY)
    return f"{ready} of {wanted} ready" if wanted else ""
