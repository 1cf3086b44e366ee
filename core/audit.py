"""Who did what to what. Written in the act's own transaction, refusals too."""

from __future__ import annotations

from datetime import datetime

from core.model import Actor, AuditRow
from core.store import Transaction, insert


async def write_audit(
    tx: Transaction, actor: Actor, verb: str, subject: str, allowed: bool, detail: str, now: datetime
) -> AuditRow:
    """Add a row to the audit log."""
    row = AuditRow(now, actor.person, actor.via, verb, subject, allowed, detail)
    await insert(tx, row)
    return row
