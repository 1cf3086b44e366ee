"""`callboard backup`: the database and the settings in one file, made while the bot runs. Never .env: secrets are kept
elsewhere."""

from __future__ import annotations

import asyncio
import os
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.house import House
from core.errors import BadInput, PermanentFailure
from core.store.backup import check_database, copy_database

FOLDER = "backups"
SETTINGS_NAME = "callboard.yaml"
DATABASE_NAME = "callboard.sqlite3"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished one. `size` is in bytes."""

    file: Path
    size: int
    names: tuple[str, ...]


async def make_backup(house: House, name: str, now: datetime) -> Backup:
    """Write it, and read it again. Raises BadInput for a name that cannot be used, PermanentFailure when it fails."""
    if not house.database.is_sqlite:
        raise BadInput("The database is PostgreSQL, which makes its own backups.", remedy=advise_dump(house))
    target = place_backup(house.home, name, now)
    return await asyncio.to_thread(write_backup, Path(house.database.url.database or ""), house.settings.file, target)


def place_backup(home: Path, name: str, now: datetime) -> Path:
    """The file on the bot's machine: by default one with the time in its name, in `backups` of the data folder."""
    folder = home / FOLDER
    target = folder / (name or f"callboard-{now:%Y%m%d-%H%M%S}.tar.gz")
    if len(name) > _LONGEST or not name.isprintable() or name in (".", ".."):
        raise BadInput("That is no name of a file.", remedy="Say a path, or nothing.")
    if "/" in name and not name.startswith("/"):
        raise BadInput(f"{name} is not a whole path.", remedy="Say where from / on, or a name alone.")
    if target.exists():
        raise BadInput(f"{target} is there already.", remedy="Name another file.")
    folder.mkdir(mode=0o700, exist_ok=True)
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder {target.parent}.", remedy="Make it first.")
    return target


def write_backup(database: Path, settings: Path | None, target: Path) -> Backup:
    """Takes as long as the database is big; blocks. The file is there whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as drawer:
            parts = {DATABASE_NAME: Path(drawer, DATABASE_NAME)}
            copy_database(database, parts[DATABASE_NAME])
            if settings is not None and settings.is_file():
                parts[SETTINGS_NAME] = settings
            draft = Path(drawer, "draft")
            _pack(parts, draft)
            _check(draft, Path(drawer))
            os.link(draft, target)
    except (OSError, tarfile.TarError) as error:
        raise PermanentFailure(
            f"{target} cannot be written: {error}.", remedy="Is there room, and may the bot?"
        ) from error
    return Backup(target, target.stat().st_size, tuple(parts))


def _pack(parts: dict[str, Path], draft: Path) -> None:
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            for name, path in parts.items():
                archive.add(path, name, recursive=False)
        os.fsync(file.fileno())


def _check(draft: Path, drawer: Path) -> None:
    """A backup that nobody can read is none."""
    again = drawer / "again.sqlite3"
    with tarfile.open(draft) as archive:
        packed = archive.extractfile(DATABASE_NAME)
        assert packed is not None
        with packed, again.open("wb") as file:
            while chunk := packed.read(1 << 20):
                file.write(chunk)
    check_database(again)


def advise_dump(house: House) -> str:
    """pg_dump's command for this database; it asks for the password, or reads it from ~/.pgpass."""
    url = house.database.url
    where = [("-h", url.host), ("-p", url.port), ("-U", url.username)]
    words = [word for option, value in where if value for word in (option, str(value))]
    return f"Run: pg_dump --format=custom --file=callboard.dump {' '.join([*words, str(url.database or '')])}"
