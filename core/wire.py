"""Cards and replies as plain JSON and back. Reading is lenient: rows of an older or newer version still arrive."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from core.messages import Attachment, Button, Card, FormField, Reply, Table, Tone, Visibility

T = TypeVar("T")
# How the error begins that whoever waits gets while the bot ends; the command line goes on asking.
ENDING = "The bot is ending"


def encode_reply(reply: Reply) -> dict[str, Any]:
    """A reply as plain JSON, without its secret: what is encoded may be stored."""
    body = cast("dict[str, Any]", _plain(reply))
    del body["secret"]
    return body


def encode_card(card: Card) -> dict[str, Any]:
    """A card as plain JSON."""
    return cast("dict[str, Any]", _plain(card))


def decode_reply(body: Mapping[str, Any]) -> Reply:
    """The reply of `encode_reply`; what is missing takes its default, what is unknown is left out."""
    table = body.get("table")
    return _make(
        Reply,
        body,
        cards=tuple(decode_card(card) for card in body.get("cards", ())),
        table=None if table is None else decode_table(table),
        attachments=tuple(_make(Attachment, item) for item in body.get("attachments", ())),
        visibility=_choose(Visibility, body.get("visibility"), Visibility.ASKER),
    )


def decode_card(body: Mapping[str, Any]) -> Card:
    """The card of `encode_card`."""
    return _make(
        Card,
        body,
        tone=_choose(Tone, body.get("tone"), Tone.PLAIN),
        lines=tuple(body.get("lines", ())),
        fields=tuple((label, value) for label, value in body.get("fields", ())),
        readers=tuple(body.get("readers", ())),
        times=tuple((words, moment) for words, moment in body.get("times", ())),
        buttons=tuple(_decode_button(button) for button in body.get("buttons", ())),
        parts=tuple(decode_card(part) for part in body.get("parts", ())),
    )


def _decode_button(body: Mapping[str, Any]) -> Button:
    fields = tuple(
        _make(FormField, item, choices=tuple((value, name) for value, name in item.get("choices", ())))
        for item in body.get("fields", ())
    )
    return _make(Button, body, fields=fields)


def decode_table(body: Mapping[str, Any]) -> Table:
    """The table within an encoded reply."""
    return Table(tuple(body["columns"]), tuple(tuple(row) for row in body["rows"]))


def map_text(value: T, change: Callable[[str], str]) -> T:
    """The same value with every text in it changed, keys of mappings too; choices of an Enum stay."""
    return cast("T", _map(value, change))


def _map(value: Any, change: Callable[[str], str]) -> Any:
    if type(value) is str:
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return dataclasses.replace(value, **{field.name: _map(getattr(value, field.name), change) for field in fields})
    if isinstance(value, Mapping):
        return {_map(key, change): _map(item, change) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_map(item, change) for item in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _make(kind: type[T], body: Mapping[str, Any], **made: Any) -> T:
    names = {field.name for field in dataclasses.fields(cast("Any", kind))}
    return kind(**{name: value for name, value in body.items() if name in names and name not in made}, **made)


def _choose(kind: type[T], value: Any, fallback: T) -> T:
    try:
        return cast("Any", kind)(value) if value is not None else fallback
    except ValueError:
        return fallback
