"""What timers do in this process: end overdue requests, and forget what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.remains import delete_backups, delete_folders, delete_logs, list_folders
from core.actions import LASTS
from core.agents import queue_message
from core.asks import forget_asks
from core.board import forget_entries
from core.codes import forget_old_codes
from core.model import Agent, Request, RequestKind, Timer
from core.prompts import explain_silence
from core.requests import TIMER as REQUEST_DEADLINE
from core.requests import expire_request
from core.sessions import forget_visits
from core.settings import Settings
from core.store import Transaction, find, forget_events, get
from core.store.files import forget_blobs
from core.store.fleet import forget_updates
from core.store.spine import forget_actions, forget_deliveries, forget_handled
from core.tabs import forget_tabs
from core.timers import Handler, set_timer

UPKEEP = "upkeep"
_EVERY = timedelta(hours=6)
_REPEATS_REMEMBERED = timedelta(days=7)
_FILES_AWAITED = timedelta(days=1)


def list_handlers(read_settings: Callable[[], Settings]) -> Mapping[str, Handler]:
    """Topic -> what is done when a timer of it is due, by the settings of that moment."""

    async def keep(tx: Transaction, _timer: Timer, now: datetime) -> None:
        settings = read_settings()
        await forget_old(tx, settings, now)
        await forget_files(tx, settings, now)
        await set_upkeep(tx, now)

    return {REQUEST_DEADLINE: _end_request, UPKEEP: keep}


async def set_upkeep(tx: Transaction, now: datetime) -> None:
    """The next clean-up."""
    await set_timer(tx, Timer(UPKEEP, UPKEEP, now + _EVERY))


async def forget_old(tx: Transaction, settings: Settings, now: datetime) -> None:
    """Delete what the settings do not want kept; never open work."""
    keep = settings.keep
    await forget_events(tx, now - timedelta(days=keep.events_days))
    await forget_updates(tx, now - timedelta(days=keep.updates_days))
    await forget_visits(tx, now)
    await forget_asks(tx, now)
    await forget_old_codes(tx, now)
    await forget_tabs(tx, now)
    await forget_handled(tx, now - _REPEATS_REMEMBERED)
    await forget_actions(tx, now - LASTS)
    await forget_blobs(tx, now - _FILES_AWAITED)
    await forget_deliveries(tx, now - timedelta(days=keep.events_days))
    await forget_entries(tx, now - timedelta(days=keep.events_days))


async def forget_files(tx: Transaction, settings: Settings, now: datetime) -> None:
    """Delete files that the settings do not want kept: what is left of agents that were removed, the error output of
    those that rest, and backups beyond the newest."""
    before = now - timedelta(days=settings.keep.logs_days)
    folders = {folder.name: folder for folder in list_folders(settings.home)}
    ended = {agent.id: agent for agent in await find(tx, Agent, id=list(folders)) if agent.ended_at} if folders else {}
    gone = [folders[name] for name, agent in ended.items() if agent.removed_at and agent.removed_at < before]
    quiet = [folders[name] for name, agent in ended.items() if agent.ended_at and agent.ended_at < before]
    database = settings.database_url.get_secret_value().removeprefix("sqlite+aiosqlite:///")
    await asyncio.to_thread(delete_folders, gone)
    await asyncio.to_thread(delete_logs, quiet)
    await asyncio.to_thread(delete_backups, settings.home, Path(database), settings.keep.backups)


async def _end_request(tx: Transaction, timer: Timer, now: datetime) -> None:
    request = await get(tx, Request, id=str(timer.data["request"]))
    agent = await get(tx, Agent, id=request.agent) if request else None
    if request and agent and await expire_request(tx, agent, request, now) and request.kind is RequestKind.PERMISSION:
        await queue_message(tx, agent, explain_silence(), "callboard", False, now)
