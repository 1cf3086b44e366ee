"""Two integrations: notices that are written to files, and an agent that speaks in lines."""

from __future__ import annotations

import sys
from pathlib import Path

from core.interfaces import AgentRuntime, Integration, Kind, Notifier, Setup
from core.settings import Section


def _log_settings() -> type[Section]:
    from callboard_example.notifier import LogSettings

    return LogSettings


def _make_notifier(setup: Setup) -> Notifier:
    from callboard_example.notifier import LogNotifier

    return LogNotifier(setup.settings.folder or setup.home / "log")


def _make_runtime(_setup: Setup) -> AgentRuntime:
    from callboard_example.runtime import LineRuntime

    return LineRuntime()


log = Integration(
    name="log",
    about="Writes notices to files: `log:alerts` is the file alerts.log.",
    settings=_log_settings,
    notifier=_make_notifier,
)

lines = Integration(
    name="lines",
    about="An agent that keeps notes, spoken to in lines.",
    runtime=_make_runtime,
    kinds=(
        Kind(
            name="lines",
            about="keeps notes (an example)",
            command=(sys.executable, "-I", str(Path(__file__).with_name("agent.py"))),
            scripted=True,
        ),
    ),
)
