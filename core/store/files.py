"""Statements about what is in the files that people gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from core.files import Blob, FileRef
from core.store.database import Transaction
from core.store.records import find, upsert
from core.store.tables import agents, blobs, inbox, messages

_FEW = 500


async def keep_blobs(tx: Transaction, kept: Iterable[Blob]) -> None:
    """Store contents, each once. What is there already is as fresh as new."""
    for blob in sorted(kept, key=lambda blob: blob.sha256):
        await upsert(tx, blob, "sha256")


async def load_contents(tx: Transaction, files: Sequence[FileRef]) -> dict[str, bytes]:
    """Contents by SHA-256, of those files that are still kept."""
    wanted = {file.sha256 for file in files}
    return {blob.sha256: blob.content for blob in await find(tx, Blob, sha256=tuple(wanted))} if wanted else {}


async def forget_blobs(tx: Transaction, before: datetime) -> int:
    """Delete contents that came in before and belong to no agent that is there, nor to a call that is not done; how
    many there were."""
    old = set((await tx.run(sa.select(blobs.c.sha256).where(blobs.c.stored_at < before))).scalars())
    if not old or (await tx.run(sa.select(inbox.c.id).where(inbox.c.handled_at.is_(None)).limit(1))).first():
        return 0
    listed = (
        sa.select(messages.c.files)
        .join(agents, agents.c.id == messages.c.agent)
        .where(agents.c.removed_at.is_(None), sa.cast(messages.c.files, sa.Text) != "[]")
    )
    needed = {file["sha256"] for files in (await tx.run(listed)).scalars() for file in files or ()}
    gone = sorted(old - needed)
    for start in range(0, len(gone), _FEW):
        await tx.run(sa.delete(blobs).where(blobs.c.sha256.in_(gone[start : start + _FEW])))
    return len(gone)
