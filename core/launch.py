"""What interfaces say of processes: what is started, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to start for the agent `name`. `env` is the whole environment; `log` is the file that takes its stderr,
    and its stdout where `merged`, at most `log_limit` bytes."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    folder: str
    log: Path
    log_limit: int = 10_000_000
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended. `by` is exited, signal, killed (we did), lost (nobody saw it end)."""

    code: int
    by: str = "exited"

    def __str__(self) -> str:
        return {"exited": f"exit code {self.code}", "signal": f"signal {self.code}", "killed": "ended by the bot"}.get(
            self.by, "lost"
        )
