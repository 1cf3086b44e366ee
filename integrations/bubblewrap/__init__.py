"""Shuts agents in on Linux: bubblewrap turns an agent's launch into the same behind walls."""

from __future__ import annotations

from collections.abc import Sequence

from core.interfaces import Check, Integration, Sandbox, Setup


def _make_sandbox(setup: Setup) -> Sandbox:
    from integrations.bubblewrap.sandbox import Bubblewrap

    return Bubblewrap(setup.home)


async def _run_checks(_setup: Setup) -> Sequence[Check]:
    from integrations.bubblewrap.probe import run_checks

    return await run_checks()


integration = Integration(
    name="bubblewrap",
    always=True,
    about="A sandbox for agents on Linux: read-only system, own worktree, network on or off.",
    sandbox=_make_sandbox,
    checks=_run_checks,
)
