"""A database for every test, empty and migrated: SQLite and, where one can be reached, PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

# pytest rewrites this module when it is first imported, and Python 3.11.7 breaks when two threads parse at once
# (gh-106905): here there is one thread. For the same reason failures are told in Python's own way (--tb=native).
import anyio._backends._asyncio  # noqa: F401
import hypothesis
import pytest
import sqlalchemy as sa
import structlog

from core.store import Database
from core.store.migration import _run_alembic
from core.store.tables import metadata
from tests.fakes.walls import NEED

# Without this every logged error is drawn with its local variables, which takes longer than the tests.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])

# On a busy machine the time of one example says nothing. CI plays the same examples each time: what is new is looked
# for where somebody can look at it.
hypothesis.settings.register_profile(
    "calm",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("CI", "").lower() == "true",
)
hypothesis.settings.load_profile("calm")

_SERVER = os.environ.get("CALLBOARD_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Why the sandbox is not tested here, where it is not."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()) if report.longrepr}
    for reason in sorted(reason for reason in reasons if NEED in reason):
        terminalreporter.write_line(reason)


def _connect_server() -> sa.Engine:
    url = sa.make_url(_SERVER).set(drivername="postgresql+psycopg")
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.Engine]:
    """The server's administrator. Skips when there is no server, and fails in CI."""
    engine = _connect_server()
    try:
        engine.connect().close()
    except sa.exc.OperationalError as error:
        reason = f"no PostgreSQL at {engine.url.render_as_string()} (CALLBOARD_TEST_POSTGRES): {error.orig}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def make_postgres(postgres: sa.Engine) -> Iterator[Callable[[], str]]:
    """Makes empty PostgreSQL databases and returns their URLs; dropped at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"callboard_test_{uuid.uuid4().hex[:12]}"
        with postgres.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        made.append(name)
        return postgres.url.set(database=name).render_as_string(hide_password=False)

    yield make
    with postgres.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_postgres(make_postgres: Callable[[], str]) -> str:
    """One migrated PostgreSQL database of the whole run."""
    url = make_postgres()
    _run_alembic(sa.make_url(url))
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "callboard.db"
    _run_alembic(sa.make_url(f"sqlite:///{file}"))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return file


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """A migrated PostgreSQL database with nothing in it."""
    engine = sa.create_engine(sa.make_url(migrated_postgres), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return migrated_postgres


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database with nothing in it."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'callboard.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of either kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of either kind with no table in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    make: Callable[[], str] = request.getfixturevalue("make_postgres")
    return make()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The store, once for SQLite and once for PostgreSQL."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def postgres_pair(postgres_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' views of one PostgreSQL database."""
    pair = Database(postgres_url), Database(postgres_url)
    yield pair
    for opened in pair:
        await opened.close()
