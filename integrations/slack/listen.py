"""What runs as long as the bot listens to Slack: sockets, a look for what was missed, a watch over the token."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from core.interfaces import Setup
from integrations.slack.app import make_app
from integrations.slack.ear import Ear
from integrations.slack.history import History
from integrations.slack.line import TEAM
from integrations.slack.socket import Sockets

log = structlog.get_logger()


async def listen(setup: Setup) -> None:
    """Listen until cancelled. Raises Held once Slack takes the token no more, PermanentFailure, TemporaryFailure."""
    ear = Ear(setup)
    await ear.meet()
    await _note_team(setup, ear.team)
    history = History(ear, setup)
    works: list[Coroutine[Any, Any, None]] = [ear.line.watch(), history.run()]
    if ear.settings.app_token.get_secret_value():
        works.append(Sockets(make_app(ear), ear, history.look.set).hold())
    else:
        history.look.set()
    await run_together(*works)


async def _note_team(setup: Setup, team: str) -> None:
    """Whoever swaps tokens later must not end up in another workspace by mistake."""
    known = await setup.notebook.read(TEAM)
    if known != team:
        if known:
            log.warning("the bot moved to another workspace: cards and people of the former one stay there", was=known)
        await setup.notebook.write(TEAM, team)


async def run_together(*works: Coroutine[Any, Any, None]) -> None:
    """Run them until the first fails, whose failure is raised; the others are ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except ExceptionGroup as group:
        raise find_first(group) from group
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def find_first(group: ExceptionGroup[Exception]) -> Exception:
    """The first failure in a group, however deep it is."""
    first = group.exceptions[0]
    return find_first(first) if isinstance(first, ExceptionGroup) else first
