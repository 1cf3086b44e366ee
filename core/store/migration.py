"""From whatever version the database has to this program's. Alembic is imported only when there is something to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import ConfigurationError
from core.store.backup import copy_database, name_copy

HEAD = "0001"
_FOLDER = Path(__file__).parent / "migrations"


async def upgrade_database(url: sa.URL, engine: AsyncEngine) -> None:
    """Create or migrate; an SQLite file that is to be changed is copied beside itself before. Raises ConfigurationError
    for a database of a newer program or one that is not ours, PermanentFailure when it cannot be copied."""
    version = await read_version(engine)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise ConfigurationError(
            f"the database was written by a newer Callboard (schema {version}, this program knows {HEAD}).",
            where="database",
            remedy="Start the newer program, or restore a backup made before the upgrade.",
        )
    if version is None:
        await _refuse_foreign(engine)
    await engine.dispose()
    if version is not None and url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        await asyncio.to_thread(copy_database, file, name_copy(file, HEAD))
    await asyncio.to_thread(_run_alembic, url)


async def read_version(engine: AsyncEngine) -> str | None:
    """The schema's version, None for an empty database."""
    async with engine.connect() as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version")):
            return None
        return (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar()


async def _refuse_foreign(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    if names:
        raise ConfigurationError(
            f"the database holds tables that are not Callboard's ({', '.join(sorted(names)[:3])}).",
            where="database",
            remedy="Name an empty database.",
        )


def _run_alembic(url: sa.URL) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["url"] = _sync_url(url)
    command.upgrade(config, "head")


def _sync_url(url: sa.URL) -> sa.URL:
    return url.set(drivername="sqlite+pysqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")
