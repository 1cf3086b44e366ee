"""What people did in a chat, as it came in: kept until it is understood, so that it can be acknowledged at once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.messages import Given, How, Message, Place


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in. `key` is the platform's own with who did it; `house` is the bot that took it on."""

    key: str
    house: str
    body: Mapping[str, Any]
    heard_at: datetime


def note_message(message: Message, house: str, now: datetime) -> Heard:
    """What is kept of it: all."""
    key = f"{message.place.chat}:{message.identity}:{message.key}"
    return Heard(key, house, encode_message(message), now)


def encode_message(message: Message) -> dict[str, Any]:
    """A message as plain JSON."""
    return {
        "key": message.key,
        "place": str(message.place),
        "private": str(message.private),
        "identity": message.identity,
        "name": message.name,
        "text": message.text,
        "how": message.how.value,
        "words": message.words,
        "facts": list(message.facts),
        "files": [[file.name, base64.b64encode(file.content).decode()] for file in message.files],
        "arguments": None if message.arguments is None else dict(message.arguments),
        "at": message.at.isoformat() if message.at else "",
    }


def decode_message(body: Mapping[str, Any]) -> Message:
    """The message of `encode_message`."""
    known = {name: body[name] for name in ("key", "identity", "name", "text", "words", "arguments")}
    return Message(
        **known,
        place=Place.parse(body["place"]),
        private=Place.parse(body["private"]),
        how=How(body["how"]),
        facts=tuple(body["facts"]),
        files=tuple(Given(name, base64.b64decode(content)) for name, content in body["files"]),
        at=datetime.fromisoformat(body["at"]) if body["at"] else None,
    )
