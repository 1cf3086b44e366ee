"""No test waits for a pause that is there for people's databases and machines."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.crew._TROUBLE", 0.02)
    monkeypatch.setattr("core.supervisor._PAUSE", 0.02)
    monkeypatch.setattr("core.transcript._TROUBLE", 0.02)
