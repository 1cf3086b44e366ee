"""One value of a payload and where it stands in it; what is wrong with it is noted in Slack's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PLAIN = ("plain_text",)
EITHER = ("plain_text", "mrkdwn")
_TEXT_KEYS = {"plain_text": ("type", "text", "emoji"), "mrkdwn": ("type", "text", "verbatim")}
_MISSING = object()


class Check:
    """A value at a JSON pointer. Every method notes what it finds in the list that all checks of a payload share."""

    def __init__(self, value: Any, pointer: str, faults: list[str]) -> None:
        self.value, self.pointer, self.faults = value, pointer, faults

    def note(self, words: str, key: str = "") -> None:
        self.faults.append(f"[ERROR] {words} [json-pointer:{self.pointer}{f'/{key}' if key else ''}]")

    def is_object(self) -> bool:
        if isinstance(self.value, Mapping):
            return True
        self.note("must provide an object")
        return False

    def get(self, key: str, default: Any = None) -> Any:
        return self.value.get(key, default)

    def objects(self, key: str) -> list[Any]:
        """The objects of a list under `key`, whatever else is there."""
        found = self.value.get(key)
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []

    def child(self, key: str | int) -> Check:
        return Check(self.value[key], f"{self.pointer}/{key}", self.faults)

    def only(self, *keys: str) -> None:
        for key in self.value:
            if key not in keys:
                self.note(f"invalid additional property: {key}")

    def has(self, key: str, required: bool = False) -> bool:
        if self.value.get(key) is not None:
            return True
        if required:
            self.note(f"missing required field: {key}")
        return False

    def string(self, key: str, most: int, required: bool = False, least: int = 1) -> None:
        if not self.has(key, required):
            return
        value = self.value[key]
        if not isinstance(value, str):
            self.note("must provide a string", key)
        elif len(value) > most:
            self.note(f"must be less than {most + 1} characters", key)
        elif len(value) < least:
            self.note(f"must be more than {least - 1} characters", key)

    def number(self, key: str, least: int, most: int) -> None:
        value = self.value.get(key)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int):
            self.note("must provide a number", key)
        elif not least <= value <= most:
            self.note(f"must be between {least} and {most}", key)

    def truth(self, *keys: str) -> None:
        for key in keys:
            if not isinstance(self.value.get(key, False), bool):
                self.note("must provide a boolean", key)

    def choice(self, key: str, allowed: tuple[str, ...], required: bool = False) -> None:
        if self.has(key, required) and self.value[key] not in allowed:
            self.note(f"must be one of: {', '.join(allowed)}", key)

    def text(self, key: str, most: int, kinds: tuple[str, ...] = PLAIN, required: bool = True) -> None:
        """A text object under `key`."""
        if self.has(key, required):
            self.child(key).text_object(most, kinds)

    def text_object(self, most: int, kinds: tuple[str, ...] = EITHER) -> None:
        if not self.is_object():
            return
        kind = self.get("type")
        if kind not in kinds:
            self.note(f"unsupported type: {kind}", "type")
            return
        self.only(*_TEXT_KEYS[kind])
        self.string("text", most, required=True)
        self.truth("emoji", "verbatim")

    def items(self, key: str, most: int, least: int = 1, required: bool = True) -> Iterator[Check]:
        """The members of a list under `key`, which are objects."""
        if not self.has(key, required):
            return
        found = self.value[key]
        if not isinstance(found, list):
            self.note("must provide an array", key)
            return
        if len(found) > most:
            self.note(f"no more than {most} items allowed", key)
        if len(found) < least:
            self.note(f"no fewer than {least} items allowed", key)
        inner = self.child(key)
        yield from (item for item in map(inner.child, range(len(found))) if item.is_object())


def find_twins(checks: list[Check], key: str) -> None:
    """Note each value of `key` that stands twice."""
    seen: set[str] = set()
    for check in checks:
        value = check.get(key)
        if value is not None and str(value) in seen:
            check.note(f"{key} `{value}` already exists", key)
        seen.add(str(value))
