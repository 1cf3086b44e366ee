"""Records of core/model to rows and back, and the few statements that fit all of them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core import budgets, files, heard, messages, model, quorum, spares, tab, visits
from core.events import Event, Update
from core.rules.saved import SavedRule
from core.store import pools, tables
from core.store.database import Transaction

T = TypeVar("T")
Shape = tuple[tuple[str, bool], ...]
_IS = "is_"
_MANY = (tuple, list, set, frozenset)

TABLES: Mapping[type[Any], sa.Table] = {
    model.Person: tables.people,
    model.Identity: tables.identities,
    model.Token: tables.tokens,
    visits.Session: tables.sessions,
    visits.LoginLink: tables.login_links,
    visits.Ask: tables.asks,
    visits.Code: tables.codes,
    visits.Tries: tables.code_tries,
    model.ProjectRole: tables.project_roles,
    model.Agent: tables.agents,
    model.Attempt: tables.attempts,
    model.AgentMessage: tables.messages,
    files.Blob: tables.blobs,
    model.Request: tables.requests,
    model.Grant: tables.grants,
    model.InboxItem: tables.inbox,
    messages.Action: tables.actions,
    model.Delivery: tables.deliveries,
    model.Posting: tables.postings,
    heard.Heard: tables.heard,
    tab.Tab: tables.tabs,
    messages.Entry: tables.board,
    model.Timer: tables.timers,
    model.AuditRow: tables.audit,
    model.Holder: tables.holders,
    SavedRule: tables.rules,
    budgets.UsageDay: tables.usage_days,
    budgets.BudgetWarning: tables.budget_warnings,
    budgets.DayRaise: tables.day_raises,
    quorum.Vote: tables.votes,
    spares.Spare: pools.spares,
    spares.PoolTrouble: pools.pool_troubles,
    Event: tables.events,
    Update: tables.updates,
}


def encode(record: Any) -> dict[str, Any]:
    """A record as a row."""
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def decode(kind: type[T], row: Mapping[str, Any]) -> T:
    """A row as a record; columns that the record has not are left out."""
    return kind(**{name: make(row[name]) for name, make in _makers(typing.cast("Any", kind)).items()})


async def insert(tx: Transaction, *records: Any) -> None:
    """Write new records. Raises sqlalchemy's IntegrityError when one is there already."""
    for record in records:
        await tx.run(_insert_statement(TABLES[type(record)]), encode(record))


async def insert_new(tx: Transaction, record: Any, key: str) -> bool:
    """Write a record unless one with the same `key` column is there; whether it was written."""
    table = TABLES[type(record)]
    statement = _dialect(tx).insert(table).values(encode(record)).on_conflict_do_nothing(index_elements=[key])
    return (await tx.run(statement.returning(table.c[key]))).first() is not None


async def insert_all_new(tx: Transaction, records: Sequence[Any], key: str) -> None:
    """Write those of one kind whose `key` column is not there; of two with the same the first."""
    table = TABLES[type(records[0])]
    statement = _dialect(tx).insert(table).on_conflict_do_nothing(index_elements=[key])
    await tx.run(statement, [encode(record) for record in records])


async def upsert(tx: Transaction, record: Any, *key: str) -> None:
    """Write a record, in place of the one with the same key columns if there is one."""
    row = encode(record)
    statement = _dialect(tx).insert(TABLES[type(record)]).values(row)
    rest = {name: value for name, value in row.items() if name not in key}
    await tx.run(statement.on_conflict_do_update(index_elements=list(key), set_=rest))


async def get(tx: Transaction, kind: type[T], **where: Any) -> T | None:
    """The one record with these values, or None."""
    row = (await tx.run(_get_statement(TABLES[kind], _shape(where)), _bind(where))).mappings().first()
    return None if row is None else decode(kind, typing.cast("Mapping[str, Any]", row))


async def find(
    tx: Transaction, kind: type[T], *conditions: sa.ColumnElement[bool], order: Any = None, limit: int = 0, **where: Any
) -> list[T]:
    """All records that fit, in order; at most `limit` of them unless it is 0."""
    table = TABLES[kind]
    statement = sa.select(table).where(*conditions, *_matches(table, where))
    if order is not None:
        statement = statement.order_by(*(order if isinstance(order, tuple) else (order,)))
    if limit:
        statement = statement.limit(limit)
    rows = (await tx.run(statement)).mappings()
    return [decode(kind, typing.cast("Mapping[str, Any]", row)) for row in rows]


async def count(tx: Transaction, kind: type[Any], *conditions: sa.ColumnElement[bool], **where: Any) -> int:
    """How many records fit."""
    if conditions or _has_many(where):
        table = TABLES[kind]
        statement = sa.select(sa.func.count()).select_from(table).where(*conditions, *_matches(table, where))
        return int((await tx.run(statement)).scalar_one())
    return int((await tx.run(_count_statement(TABLES[kind], _shape(where)), _bind(where))).scalar_one())


async def change(
    tx: Transaction, kind: type[Any], where: Mapping[str, Any], *conditions: sa.ColumnElement[bool], **values: Any
) -> int:
    """Set values on the records that fit; how many there were."""
    if conditions or _has_many(where):
        table = TABLES[kind]
        changed = {name: _plain(value) for name, value in values.items()}
        return (await tx.run(sa.update(table).where(*_matches(table, where), *conditions).values(changed))).rowcount
    given = _bind(where) | {name: _plain(value) for name, value in values.items()}
    return (await tx.run(_change_statement(TABLES[kind], _shape(where), tuple(values)), given)).rowcount


async def remove(tx: Transaction, kind: type[Any], *conditions: sa.ColumnElement[bool], **where: Any) -> int:
    """Delete the records that fit; how many there were."""
    table = TABLES[kind]
    if not conditions and not where:
        raise ValueError("refusing to delete a whole table")
    return (await tx.run(sa.delete(table).where(*conditions, *_matches(table, where)))).rowcount


# The commonest statements are made once: making one costs more than running it.


@cache
def _insert_statement(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _get_statement(table: sa.Table, shape: Shape) -> sa.Select[Any]:
    return sa.select(table).where(*_fit(table, shape)).limit(1)


@cache
def _count_statement(table: sa.Table, shape: Shape) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table).where(*_fit(table, shape))


@cache
def _change_statement(table: sa.Table, shape: Shape, names: tuple[str, ...]) -> sa.Update:
    values = {name: sa.bindparam(name, type_=table.c[name].type) for name in names}
    return sa.update(table).where(*_fit(table, shape)).values(values)


def _has_many(where: Mapping[str, Any]) -> bool:
    return any(isinstance(value, _MANY) for value in where.values())


def _shape(where: Mapping[str, Any]) -> Shape:
    """What a statement depends on: the columns' names, and which of them are to be null."""
    return tuple((name, value is None) for name, value in where.items())


def _bind(where: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{_IS}{name}": _plain(value) for name, value in where.items() if value is not None}


def _fit(table: sa.Table, shape: Shape) -> list[sa.ColumnElement[bool]]:
    return [
        table.c[name].is_(None) if is_null else table.c[name] == sa.bindparam(f"{_IS}{name}", type_=table.c[name].type)
        for name, is_null in shape
    ]


def _dialect(tx: Transaction) -> Any:
    return sqlite if tx.is_sqlite else postgresql


def _matches(table: sa.Table, where: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [
        table.c[name].in_([_plain(item) for item in value])
        if isinstance(value, _MANY)
        else table.c[name] == _plain(value)
        for name, value in where.items()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


@cache
def _makers(kind: Any) -> Mapping[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {field.name: _maker(hints[field.name]) for field in dataclasses.fields(kind)}


def _maker(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _same
    if typing.get_origin(hint) is typing.get_origin(Sequence[str]):
        (inner,) = typing.get_args(hint)
        return _rebuild(inner) if dataclasses.is_dataclass(inner) else tuple
    return _same


def _rebuild(inner: Any) -> Callable[[Any], Any]:
    return lambda items: tuple(inner(**item) for item in items)


def _same(value: Any) -> Any:
    return value
