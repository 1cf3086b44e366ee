"""What Discord refuses: https://discord.com/developers/docs/components/reference and .../interactions. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.fakes.discord.records import V2, Json, walk_components

ROW, BUTTON, SELECT, INPUT, SECTION, TEXT, FILE, SEPARATOR, CONTAINER, LABEL = 1, 2, 3, 4, 9, 10, 13, 14, 17, 18
_SELECTS = (3, 5, 6, 7, 8)
_TOP_V2 = (ROW, SECTION, TEXT, 11, 12, FILE, SEPARATOR, CONTAINER)
_NAME = re.compile(r"[-_'\w]{1,32}")


def judge_message(content: Json, *, is_edit: bool = False) -> list[str]:
    """Why a message is refused; nothing when it is not."""
    return [*_judge_message(content, is_edit)]


def _judge_message(content: Json, is_edit: bool) -> Iterator[str]:
    components = content.get("components") or []
    is_v2 = bool(int(content.get("flags") or 0) & V2)
    if len(str(content.get("content") or "")) > 2000:
        yield "content: Must be 2000 or fewer in length."
    if len(str(content.get("nonce") or "")) > 25:
        yield "nonce: at most 25 characters"
    if len(content.get("attachments") or ()) > 10:
        yield "attachments: at most 10"
    if is_v2 and (content.get("content") or content.get("embeds")):
        yield "The 'content' and 'embeds' fields cannot be used when using MessageFlags.IS_COMPONENTS_V2"
    has_something = any(content.get(name) for name in ("content", "embeds", "components", "attachments", "poll"))
    if not (has_something or is_edit):
        yield "Cannot send an empty message"
    yield from judge_components(components, is_v2=is_v2)
    yield from _judge_mentions(content.get("allowed_mentions"))


def judge_components(components: list[Json], *, is_v2: bool) -> Iterator[str]:
    """Why components are refused."""
    every = list(walk_components(components))
    if is_v2:
        yield from _judge_v2(components, every)
    else:
        if len(components) > 5:
            yield "components: Must be 5 or fewer in length."
        if any(item["type"] != ROW for item in components):
            yield "components: only action rows without IS_COMPONENTS_V2"
    ids = [item["custom_id"] for item in every if item.get("custom_id")]
    if len(ids) != len(set(ids)):
        yield "COMPONENT_CUSTOM_ID_DUPLICATED"
    for item in every:
        yield from _judge_component(item)


def _judge_v2(components: list[Json], every: list[Json]) -> Iterator[str]:
    if len(every) > 40:
        yield f"components: {len(every)} are more than 40"
    total = sum(len(str(item.get("content") or "")) for item in every if item["type"] == TEXT)
    if total > 4000:
        yield f"COMPONENT_LAYOUT: {total} characters are more than 4000"
    if any(item["type"] not in _TOP_V2 for item in components):
        yield "components: not at top level"


def _judge_component(item: Json) -> Iterator[str]:
    kind = item["type"]
    if len(str(item.get("custom_id") or "")) > 100:
        yield "custom_id: Must be between 1 and 100 in length."
    if kind == TEXT and not str(item.get("content") or "").strip():
        yield "text display: content is required"
    if kind == ROW:
        yield from _judge_row(item)
    if kind == BUTTON:
        yield from _judge_button(item)
    if kind == SELECT:
        yield from _judge_select(item)
    if kind == INPUT:
        yield from _judge_input(item)
    if kind == CONTAINER and not item.get("components"):
        yield "container: empty"


def _judge_row(item: Json) -> Iterator[str]:
    inner = item.get("components") or []
    selects = [part for part in inner if part["type"] in _SELECTS]
    if not 1 <= len(inner) <= 5 or (selects and len(inner) > 1):
        yield "action row: 1 to 5 buttons, or one select"


def _judge_button(item: Json) -> Iterator[str]:
    label, emoji = str(item.get("label") or ""), item.get("emoji")
    if len(label) > 80 or not (label.strip() or emoji):
        yield f"button label: {len(label)} characters"
    if item.get("style") == 5:
        if not str(item.get("url") or "").startswith(("http://", "https://", "discord://")):
            yield "button: a link needs a url"
    elif not item.get("custom_id"):
        yield "button: custom_id is required"


def _judge_select(item: Json) -> Iterator[str]:
    options = item.get("options") or []
    if not 1 <= len(options) <= 25:
        yield f"select: {len(options)} options"
    values = [option.get("value") for option in options]
    if len(set(values)) != len(values):
        yield "select: values are duplicated"
    for option in options:
        for name in ("label", "value"):
            if not 1 <= len(str(option.get(name) or "")) <= 100:
                yield f"option {name}: Must be between 1 and 100 in length."
        if len(str(option.get("description") or "")) > 100:
            yield "option description: Must be 100 or fewer in length."
    if len(str(item.get("placeholder") or "")) > 150:
        yield "placeholder: Must be 150 or fewer in length."


def _judge_input(item: Json) -> Iterator[str]:
    if len(str(item.get("label") or "")) > 45:
        yield "text input label: Must be 45 or fewer in length."
    if len(str(item.get("value") or "")) > min(int(item.get("max_length") or 4000), 4000):
        yield "text input value: too long"
    if len(str(item.get("placeholder") or "")) > 100:
        yield "text input placeholder: too long"


def judge_modal(data: Json) -> Iterator[str]:
    """Why a form is refused."""
    if not 1 <= len(str(data.get("title") or "")) <= 45:
        yield "title: Must be between 1 and 45 in length."
    if not 1 <= len(str(data.get("custom_id") or "")) <= 100:
        yield "custom_id: Must be between 1 and 100 in length."
    rows = data.get("components") or []
    if not 1 <= len(rows) <= 5:
        yield f"components: {len(rows)} are not 1 to 5"
    for row in rows:
        if row["type"] not in (ROW, LABEL, TEXT):
            yield "components: labels, rows and texts only"
        if row["type"] == LABEL and not 1 <= len(str(row.get("label") or "")) <= 45:
            yield "label: Must be between 1 and 45 in length."
        if row["type"] == LABEL and len(str(row.get("description") or "")) > 100:
            yield "label description: Must be 100 or fewer in length."
    for item in walk_components(rows):
        yield from _judge_component(item)


def _judge_mentions(allowed: Any) -> Iterator[str]:
    if allowed is not None and not isinstance(allowed, dict):
        yield "allowed_mentions: Only dictionaries may be used."


def judge_choices(choices: list[Json]) -> Iterator[str]:
    """Autocomplete: more than 25 is refused here, though Discord shows nothing instead."""
    if len(choices) > 25:
        yield "choices: Must be 25 or fewer in length."
    for choice in choices:
        if not 1 <= len(str(choice.get("name") or "")) <= 100 or len(str(choice.get("value"))) > 100:
            yield "choice: Must be between 1 and 100 in length."


def judge_commands(commands: Iterable[Json]) -> list[str]:
    """Why a set of commands is refused."""
    found = list(commands)
    told = [reason for command in found for reason in _judge_command(command)]
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        if sum(int(command.get("type", 1)) == kind for command in found) > most:
            told.append("Maximum number of application commands reached")
    return told


def _judge_command(command: Json) -> Iterator[str]:
    if int(command.get("type", 1)) != 1:
        if not 1 <= len(str(command["name"])) <= 32:
            yield "name: Must be between 1 and 32 in length."
        return
    if count_letters(command) > 8000:
        yield f"{command['name']}: {count_letters(command)} characters are more than 8000"
    yield from _judge_named(command)


def _judge_named(item: Json) -> Iterator[str]:
    name, about = str(item["name"]), str(item.get("description") or "")
    if not _NAME.fullmatch(name) or name != name.lower():
        yield f"name: {name!r}"
    if not 1 <= len(about) <= 100:
        yield f"{name}: description: Must be between 1 and 100 in length."
    options = item.get("options") or []
    if len(options) > 25:
        yield f"{name}: options: Must be 25 or fewer in length."
    required = [bool(option.get("required")) for option in options if int(option["type"]) > 2]
    if required != sorted(required, reverse=True):
        yield f"{name}: required options must be placed before non-required options"
    if len(item.get("choices") or ()) > 25:
        yield f"{name}: choices: Must be 25 or fewer in length."
    for option in options:
        yield from _judge_named(option)


def count_letters(command: Json) -> int:
    """Characters of names, descriptions and choices, which together are limited."""
    total = len(str(command.get("name", ""))) + len(str(command.get("description") or ""))
    for choice in command.get("choices") or ():
        total += len(str(choice["name"])) + len(str(choice["value"]))
    return total + sum(count_letters(option) for option in command.get("options") or ())


def find_pings(text: str, allowed: Json | None) -> list[str]:
    """Whom a text calls, unless it was said that nobody is to be called.

    https://discord.com/developers/docs/resources/message#allowed-mentions-object
    """
    found = [*re.findall(r"@everyone|@here", text), *re.findall(r"<@&?!?\d+>", text)]
    if allowed is None:
        return found
    parse = set(allowed.get("parse") or ())
    listed = {str(id) for name in ("users", "roles") for id in allowed.get(name) or ()}
    return [target for target in found if _name_kind(target) in parse or re.sub(r"\D", "", target) in listed]


def _name_kind(target: str) -> str:
    if not target.startswith("<"):
        return "everyone"
    return "roles" if target.startswith("<@&") else "users"


def dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
