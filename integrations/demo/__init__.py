"""The demo agent: a small program that speaks real ACP with no model behind it. Newcomers meet it, tests drive it."""

from __future__ import annotations

import sys
from pathlib import Path

from core.interfaces import Integration, Kind

PROGRAM = Path(__file__).with_name("agent.py")
COMMAND = (sys.executable, "-I", "-S", str(PROGRAM))

integration = Integration(
    name="demo",
    always=True,
    about="A scripted agent, no model: for a first look and for tests",
    kinds=(Kind(name="demo", command=COMMAND, about="scripted, no model", scripted=True),),
)
