"""Fills and clears a warm pool: makes one spare, removes one, and says what went wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog

from core.crew import Crew, Warmth, insistent
from core.delivery import queue_reply
from core.errors import CallboardError, Conflict, PermanentFailure
from core.events import Event
from core.fitting import Fitting
from core.messages import Reply
from core.model import Lane
from core.spares import PoolTrouble, Spare, SpareState, Wish, may_begin, name_spare, note_failure
from core.store import Transaction, append_events, change, get, insert, remove, upsert
from core.store.fleet import list_agents, lock_agent
from core.store.spares import doom_spare, is_worked_in
from core.taking import BELL

log = structlog.get_logger()


# -------------------------------------------------------------------------------------------------------------- fill


def order_spare(crew: Crew, me: str, warmth: Warmth, wish: Wish) -> Spare:
    """A spare as it is written down before anything of it is made."""
    assert wish.stand is not None
    return Spare(
        id=name_spare(wish.project),
        project=wish.project,
        house=crew.house,
        holder=me,
        repository=warmth.site.repository,
        fingerprint=wish.fingerprint,
        base=wish.stand.base,
        base_commit=wish.stand.commit,
        copies=wish.stand.copies,
        created_at=crew.now(),
    )


async def fill_place(crew: Crew, warmth: Warmth, wish: Wish, spare: Spare) -> None:
    """Make a spare ready. What fails is noted; the half-made spare is removed by the next tick."""
    await _write_down(crew, spare)
    try:
        ready = await _prepare_spare(crew, warmth, spare)
    except CallboardError as failure:
        await write_trouble(crew, wish, str(failure))
        return
    await _note_ready(crew, ready)


@insistent
async def _write_down(crew: Crew, spare: Spare) -> None:
    async with crew.database.transaction() as tx:
        await insert(tx, spare)


async def _prepare_spare(crew: Crew, warmth: Warmth, spare: Spare) -> Spare:
    """Set up as for an agent, and sealed. The base may have moved since it was ordered."""
    site = warmth.site
    place = await crew.host.prepare(spare.id, site.repository, site.base, None)
    await Fitting(crew, spare.id, warmth.kind, site, place).run()
    seal = await crew.spares.seal(place)
    return replace(spare, folder=place.folder, base=place.base, base_commit=place.base_commit, seal=seal)


@insistent
async def _note_ready(crew: Crew, spare: Spare) -> None:
    values = {"folder": spare.folder, "base": spare.base, "base_commit": spare.base_commit, "seal": spare.seal}
    ours = {"id": spare.id, "state": SpareState.PREPARING, "holder": spare.holder}
    async with crew.database.transaction() as tx:
        await change(tx, Spare, ours, state=SpareState.READY, ready_at=crew.now(), **values)
        await remove(tx, PoolTrouble, project=spare.project, house=spare.house)
        tx.ring(BELL)


# ------------------------------------------------------------------------------------------------------------- clear


async def clear_place(crew: Crew, me: str, spare: Spare) -> None:
    """Remove a spare: worktree, branch if an agent got one with it, and whatever still runs in it. One in which
    somebody left something is kept, and a person told. Raises PermanentFailure, TemporaryFailure."""
    if not await _doom(crew, me, spare):
        return
    await crew.host.reclaim(spare.id, spare.folder)
    if why := await _find_loss(crew, spare):
        await _keep(crew, me, spare, why)
        return
    # From here on it may be half removed, and is no longer compared.
    await _unseal(crew, me, spare)
    await crew.spares.drop(spare.place)
    await _forget(crew, spare)


@insistent
async def _doom(crew: Crew, me: str, spare: Spare) -> bool:
    async with crew.database.transaction() as tx:
        owner = await lock_agent(tx, spare.agent) if spare.agent else None
        if spare.state is SpareState.TAKEN and may_begin(spare, owner):
            return False
        if await is_worked_in(tx, spare.folder):
            await remove(tx, Spare, id=spare.id)
            return False
        return await doom_spare(tx, spare, me)


async def _find_loss(crew: Crew, spare: Spare) -> str:
    """What would be lost with it, in words; "" when nothing would. In one without a seal only its set-up worked."""
    if not spare.seal or not Path(spare.folder).is_dir():
        return ""
    try:
        same = await crew.spares.seal(spare.place) == spare.seal
    except (PermanentFailure, Conflict) as failure:
        return failure.message
    return "" if same else f"something in {spare.folder} was changed after its set-up."


@insistent
async def _unseal(crew: Crew, me: str, spare: Spare) -> None:
    async with crew.database.transaction() as tx:
        await change(tx, Spare, {"id": spare.id, "holder": me}, seal="")


@insistent
async def _forget(crew: Crew, spare: Spare) -> None:
    async with crew.database.transaction() as tx:
        await remove(tx, Spare, id=spare.id)
        tx.ring(BELL)


@insistent
async def _keep(crew: Crew, me: str, spare: Spare, why: str) -> None:
    log.warning("a spare is kept", spare=spare.id, reason=why)
    now = crew.now()
    words = f"{spare.project}: a prepared worktree is kept, and used no more: {why} Take what you need, and delete it."
    async with crew.database.transaction() as tx:
        await change(tx, Spare, {"id": spare.id, "holder": me}, state=SpareState.KEPT)
        await _tell(tx, crew, spare.project, words)
        await append_events(tx, Event("pool.kept", now, project=spare.project, data={"spare": spare.id, "why": why}))


# ----------------------------------------------------------------------------------------------------------- trouble


@insistent
async def write_trouble(crew: Crew, wish: Wish, reason: str) -> None:
    """Note that the pool could not be filled, and tell a person unless that was done already."""
    now = crew.now()
    log.warning("a warm pool is not filled", project=wish.project, reason=reason.partition("\n")[0])
    async with crew.database.transaction() as tx:
        before = await get(tx, PoolTrouble, project=wish.project, house=crew.house)
        trouble = note_failure(wish, crew.house, before, crew.redact(reason), now)
        await upsert(tx, trouble, "id")
        await _tell_trouble(tx, crew, trouble)
        data = {"reason": trouble.reason, "failures": trouble.failures}
        await append_events(tx, Event("pool.failed", now, project=wish.project, data=data))
        tx.ring(BELL)


@insistent
async def tell_trouble(crew: Crew, trouble: PoolTrouble) -> None:
    """Tell of a trouble that nobody was there to be told of."""
    async with crew.database.transaction() as tx:
        await _tell_trouble(tx, crew, trouble)


async def _tell_trouble(tx: Transaction, crew: Crew, trouble: PoolTrouble) -> None:
    if trouble.told_at is None and await _tell(tx, crew, trouble.project, say_trouble(trouble)):
        await change(tx, PoolTrouble, {"id": trouble.id}, told_at=crew.now())


def say_trouble(trouble: PoolTrouble) -> str:
    """What a person is told, with the last lines of a set-up below."""
    first, _, rest = trouble.reason.partition("\n")
    words = f"{trouble.project}: no worktree can be kept ready (warm): {first.rstrip('.')}. "
    words += "Agents prepare their own; it is tried again, and not told again."
    return f"{words}\n{rest}" if rest else words


async def _tell(tx: Transaction, crew: Crew, project: str, words: str) -> bool:
    """Where the newest agent of the project was asked for; False when there was none yet."""
    newest = await list_agents(tx, project=project, removed=True, limit=1)
    if not newest:
        return False
    reply = Reply(text=words, data={"project": project, "tone": "asking"})
    await queue_reply(tx, newest[0].place, reply, stream=f"pool:{project}", lane=Lane.HUMAN, now=crew.now())
    return True


@insistent
async def forget_trouble(crew: Crew, project: str) -> None:
    """Nobody wants that pool any more."""
    async with crew.database.transaction() as tx:
        await remove(tx, PoolTrouble, project=project, house=crew.house)
