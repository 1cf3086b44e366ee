"""What settings say of the limits of agents. Pure."""

from __future__ import annotations

from datetime import timedelta

from core.crew import Limits
from core.lifecycle import Patience
from core.settings import Settings


def read_patience(settings: Settings) -> Patience:
    """How long an agent may be silent before it counts as stuck."""
    return Patience(timedelta(minutes=settings.limits.stuck_minutes))


def read_limits(settings: Settings) -> Limits:
    """What a supervisor lets an agent use."""
    limits = settings.limits
    return Limits(
        active=timedelta(minutes=limits.minutes),
        turns=limits.turns,
        output_bytes=int(limits.output_mb * 1_000_000),
        restarts=limits.restarts,
        patience=timedelta(hours=limits.request_hours) if limits.request_hours else None,
        log_bytes=int(settings.keep.log_mb * 1_000_000),
    )
