"""This machine: git worktrees, guarded processes, and what is done with the work."""

from __future__ import annotations

from collections.abc import Sequence

from core.interfaces import Check, Host, Integration, Repositories, Setup, Spares, Surveyor


def _make_host(setup: Setup) -> Host:
    from integrations.local.host import LocalHost

    return LocalHost(setup.home)


def _make_repositories(setup: Setup) -> Repositories:
    from integrations.local.repositories import LocalRepositories

    return LocalRepositories(setup.home)


def _make_surveyor(setup: Setup) -> Surveyor:
    from integrations.local.surveys import LocalSurveyor

    return LocalSurveyor(setup.home)


def _make_spares(setup: Setup) -> Spares:
    from integrations.local.spares import LocalSpares

    return LocalSpares(setup.home)


async def _run_checks(setup: Setup) -> Sequence[Check]:
    from integrations.local.checks import run_checks

    return await run_checks(setup.home)


integration = Integration(
    name="local",
    always=True,
    about="Agents on this machine, each in a git worktree under a guard.",
    host=_make_host,
    repositories=_make_repositories,
    surveyor=_make_surveyor,
    spares=_make_spares,
    checks=_run_checks,
)
