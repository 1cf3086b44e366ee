from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import model, visits
from core.events import CATALOGUE, Event, Update
from core.store import Database, Transaction, change, count, find, get, insert, insert_new, remove, upsert
from core.store.records import TABLES, decode, encode
from tests.fakes.clock import START

# PostgreSQL keeps no NUL, and neither keeps half a surrogate.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
_FROM, _TO = START.replace(year=1990, tzinfo=None), START.replace(year=2100, tzinfo=None)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5.5))])
MOMENTS = st.datetimes(_FROM, _TO, timezones=ZONES)
FIXED: Mapping[tuple[type[Any], str], str] = {
    (model.Identity, "person"): "p-1",
    (model.Token, "person"): "p-1",
    **{
        (kind, "person"): "p-1"
        for kind in (visits.Session, visits.LoginLink, visits.Ask, visits.Code, model.ProjectRole)
    },
    (model.Agent, "owner"): "p-1",
    (model.Attempt, "agent"): "web-1",
    (model.AgentMessage, "agent"): "web-1",
    (model.Request, "agent"): "web-1",
    (model.Grant, "agent"): "web-1",
    (Update, "agent"): "web-1",
}
PERSON = model.Person("p-1", "alice", model.Role.ADMIN, START)
AGENT = model.Agent("web-1", 1, "web", "demo", "task", "p-1", "fake:x", START, START)


SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    Any: PLAIN,
    str: TEXT,
    int: st.integers(0, 2**31 - 1),
    float: st.floats(0, 1e9),
    bool: st.booleans(),
    bytes: st.binary(max_size=50),
    datetime: MOMENTS,
    type(None): st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        return st.builds(hint, **{field: values(kind) for field, kind in get_type_hints(hint).items()})
    if get_origin(hint) is get_origin(Sequence[str]):
        return st.lists(values(get_args(hint)[0]), max_size=2).map(tuple)
    if get_origin(hint) is get_origin(Mapping[str, str]):
        return st.dictionaries(TEXT, PLAIN, max_size=2)
    return st.one_of([values(kind) for kind in get_args(hint)])


@st.composite
def records(draw: st.DrawFn, kind: type[Any]) -> Any:
    """Any record of a kind."""
    fields = {name: draw(values(hint)) for name, hint in get_type_hints(kind).items()}
    fields |= {name: value for (owner, name), value in FIXED.items() if owner is kind}
    if kind is Event:
        fields["kind"] = draw(st.sampled_from(sorted(CATALOGUE)))
        fields["data"] = {key: draw(PLAIN) for key in CATALOGUE[fields["kind"]].data}
    return kind(**fields)


class Undo(Exception):
    """Ends a transaction without keeping it."""


async def _round_trip(database: Database, record: Any) -> None:
    async with database.transaction() as tx:
        if type(record) is not model.Person:
            await insert(tx, PERSON)
        if type(record) not in (model.Person, model.Agent):
            await insert(tx, AGENT)
        await insert(tx, record)
        assert await find(tx, type(record)) == [record] or record in await find(tx, type(record))
        raise Undo


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_every_record_comes_back(kind: type[Any], database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        @given(records(kind))
        def check(record: Any) -> None:
            with pytest.raises(Undo):
                runner.run(_round_trip(database, record))

        check()
        runner.run(database.close())


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_every_field_has_its_column(kind: type[Any]) -> None:
    columns = set(TABLES[kind].c.keys())
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields <= columns
    assert columns - fields <= {"id"}


def test_a_row_with_more_columns_is_read() -> None:
    assert decode(model.Person, {**encode(PERSON), "later": 1}) == PERSON


async def test_the_few_statements(database: Database) -> None:
    other = model.Person("p-2", "bob", model.Role.VIEWER, START)
    async with database.transaction() as tx:
        assert await insert_new(tx, PERSON, "id")
        assert not await insert_new(tx, dataclasses.replace(PERSON, name="x"), "id")
        await upsert(tx, other, "id")
        await upsert(tx, dataclasses.replace(other, name="ben"), "id")
        assert await get(tx, model.Person, id="p-1") == PERSON
        assert await get(tx, model.Person, id="p-3") is None
        assert await change(tx, model.Person, {"role": [model.Role.VIEWER]}, role=model.Role.OPERATOR) == 1
        assert await count(tx, model.Person, role=model.Role.OPERATOR) == 1
        with pytest.raises(ValueError, match="whole table"):
            await remove(tx, model.Person)
        assert await remove(tx, model.Person, id="p-1") == 1
        assert [person.name for person in await find(tx, model.Person)] == ["ben"]


async def test_a_naive_time_is_refused(database: Database) -> None:
    naive = dataclasses.replace(PERSON, created_at=START.replace(tzinfo=None))
    with pytest.raises(Exception, match="naive time"):
        async with database.transaction() as tx:
            await insert(tx, naive)
    async with database.reading() as tx:
        assert await count(tx, model.Person) == 0


async def test_times_come_back_in_utc(database: Database) -> None:
    there = START.astimezone(timezone(timedelta(hours=-8)))

    async def read(tx: Transaction) -> datetime:
        await insert(tx, dataclasses.replace(PERSON, created_at=there))
        (person,) = await find(tx, model.Person)
        return person.created_at

    async with database.transaction() as tx:
        found = await read(tx)
    assert found == there
    assert found.tzinfo is UTC or found.utcoffset() == timedelta()
