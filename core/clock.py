"""The time, and waiting for it: injected, so that tests move it by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from core.store import Bells


class Clock(Protocol):
    """What says when it is, and wakes those who wait."""

    def now(self) -> datetime:
        """The time, aware and UTC."""
        ...

    async def wait(self, bells: Bells, topic: str, heard: int, until: datetime) -> bool:
        """Wait until the topic has rung more than `heard` times, or until that time; whether it rang."""
        ...


class WallClock:
    """The machine's clock. A wait is measured by the monotonic one: whoever waits long looks again in between."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, bells: Bells, topic: str, heard: int, until: datetime) -> bool:
        return await bells.wait(topic, heard, max(0.0, (until - self.now()).total_seconds()))
