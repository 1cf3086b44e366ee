"""What is deleted from the disk with time, and what never is."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.upkeep import forget_files
from core.settings import Settings, load_settings
from core.store import Database
from tests.fakes.board import keep_agent
from tests.fakes.clock import START

LATER = START + timedelta(days=40)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"CALLBOARD_HOME": str(tmp_path / "home"), "CALLBOARD_KEEP__BACKUPS": "2", "HOME": str(tmp_path)}
    return load_settings(None, environ, tmp_path)


def write_folder(settings: Settings, agent: str) -> Path:
    folder = settings.home / "agents" / agent
    (folder / "state").mkdir(parents=True)
    for name in ("stderr.log", "stderr.log.old", "setup.log", "exit.json", "state/session.json"):
        (folder / name).write_text("words\n")
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def forget(database: Database, settings: Settings) -> None:
    async with database.transaction() as tx:
        await forget_files(tx, settings, LATER)


async def test_logs_of_those_that_rest_go_and_of_those_at_work_stay(database: Database, settings: Settings) -> None:
    await keep_agent(database, "web-1", ended_at=START)
    await keep_agent(database, "web-2")
    await keep_agent(database, "web-3", ended_at=LATER - timedelta(days=1))
    resting, working, fresh = [write_folder(settings, f"web-{number}") for number in (1, 2, 3)]
    stranger = write_folder(settings, "unknown-9")
    await forget(database, settings)
    assert list_files(resting) == ["exit.json", "state/session.json"], "it may be woken and finds its session"
    for folder in (working, fresh, stranger):
        assert len(list_files(folder)) == 5


async def test_what_is_left_of_removed_agents_goes(database: Database, settings: Settings) -> None:
    await keep_agent(database, "web-1", ended_at=START, removed_at=START)
    await keep_agent(database, "web-2", ended_at=START, removed_at=LATER)
    old, new = write_folder(settings, "web-1"), write_folder(settings, "web-2")
    await forget(database, settings)
    assert not old.exists()
    assert (new / "exit.json").exists()


async def test_the_newest_backups_stay(database: Database, settings: Settings) -> None:
    folder = settings.home / "backups"
    folder.mkdir(parents=True)
    names = [f"callboard-{number}.tar.gz" for number in range(4)]
    copies = [f"callboard.sqlite3.before-000{number}" for number in range(2, 6)]
    for place, files in ((folder, [*names, "mine.tar.gz"]), (settings.home, copies)):
        for age, name in enumerate(files):
            (place / name).touch()
            os.utime(place / name, (1_000_000 + age, 1_000_000 + age))
    await forget(database, settings)
    assert list_files(folder) == ["callboard-2.tar.gz", "callboard-3.tar.gz", "mine.tar.gz"]
    assert sorted(path.name for path in settings.home.glob("*.before-*")) == copies[2:]


async def test_nothing_there_is_no_trouble(database: Database, settings: Settings) -> None:
    await forget(database, settings)
