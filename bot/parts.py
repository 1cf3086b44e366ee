"""Which integrations there are, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from bot.anchors import Moorings
from bot.closing import Closing
from bot.late import LateRuntime
from bot.plugins import check_kinds
from bot.records import find_integrations
from core.board import edit_entry, find_entry, put_entry
from core.clock import Clock, WallClock
from core.errors import PermanentFailure
from core.interfaces import (
    AgentRuntime,
    Chat,
    Host,
    Integration,
    Notifier,
    Pace,
    Repositories,
    Sandbox,
    Setup,
    Spares,
    Street,
    Surveyor,
    Walls,
)
from core.messages import Card, EntryKind, Place, Reply
from core.notifier import NotifierChat
from core.settings import BadSettings, Problem, ProjectSettings, Section, Settings
from core.settings.problem import suggest
from core.store import Database, get_note, set_note
from core.wire import encode_card, encode_reply

__all__ = [
    "Parts",
    "build_walls",
    "check_hosts",
    "close_parts",
    "find_integrations",
    "find_sections",
    "list_enabled",
    "list_own_files",
    "make_parts",
]


class Switch(Section):
    """The section of an integration that has nothing to set: being there, it turns it on."""


def find_sections() -> dict[str, type[Any]]:
    """The settings class of every integration that can have a section, by name. Raises ConfigurationError."""
    return {
        item.name: item.settings() if item.settings else Switch
        for item in find_integrations()
        if item.settings or not item.always
    }


def list_enabled(settings: Settings) -> list[Integration]:
    """Those that are always on, and those with a section in the settings. Raises ConfigurationError when two of them
    offer the same agent kind."""
    enabled = [item for item in find_integrations() if item.always or item.name in settings.integrations]
    check_kinds(enabled)
    return enabled


@dataclass(frozen=True, slots=True)
class Pages:
    """One integration's notebook, in the store."""

    database: Database
    owner: str

    async def read(self, key: str) -> str | None:
        async with self.database.reading() as tx:
            return await get_note(tx, self.owner, key)

    async def write(self, key: str, value: str) -> None:
        async with self.database.transaction() as tx:
            await set_note(tx, self.owner, key, value)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One integration's board, in the store."""

    database: Database
    owner: str
    clock: Clock

    async def put(self, place: Place, shown: Reply | Card, key: str) -> str:
        if place.chat != self.owner:
            raise PermanentFailure(f"{place} is no place of {self.owner}.")
        kind, body = (
            (EntryKind.CARD, encode_card(shown)) if isinstance(shown, Card) else (EntryKind.REPLY, encode_reply(shown))
        )
        async with self.database.transaction() as tx:
            return (await put_entry(tx, str(place), kind, body, key, self.clock.now())).id

    async def edit(self, reference: str, card: Card) -> bool:
        async with self.database.transaction() as tx:
            return await edit_entry(tx, reference, encode_card(card), self.clock.now()) is not None

    async def find(self, place: Place, key: str) -> str:
        async with self.database.reading() as tx:
            known = await find_entry(tx, str(place), key)
        return known.id if known else ""


@dataclass(slots=True)
class Parts:
    """What the enabled integrations made; `made` is the same by integration and kind of part. It is one object as long
    as the bot runs: who holds its mappings sees what was swapped. `runtimes` are those of kinds that need their own."""

    host: Host
    repositories: Repositories
    surveyor: Surveyor
    spares: Spares
    runtime: LateRuntime
    runtimes: dict[str, LateRuntime]
    chats: dict[str, Chat]
    paces: dict[str, Pace]
    sealed: dict[str, bool]
    setups: dict[str, Setup]
    sandboxes: dict[str, Sandbox]
    made: dict[tuple[str, str], Any]
    closing: Closing = field(default_factory=Closing)

    async def close(self) -> None:
        """Let go of what a part keeps ready."""
        close_parts(self)
        await self.closing.wait()

    def adopt(self, other: Parts) -> None:
        """Become what the other is, and close what that no longer has."""
        gone = [part for key, part in self.made.items() if other.made.get(key) is not part]
        for item in (item for item in fields(self) if item.name != "closing"):
            mine, new = getattr(self, item.name), getattr(other, item.name)
            if isinstance(mine, dict):
                mine.clear()
                mine.update(new)
            else:
                setattr(self, item.name, new)
        self.closing.begin(gone)


def close_parts(parts: Parts, kept: Parts | None = None) -> None:
    """Close all of them but those that are also among `kept`."""
    others = kept.made if kept else {}
    parts.closing.begin(part for key, part in parts.made.items() if others.get(key) is not part)


def _make_late(make: Callable[[Setup], AgentRuntime], setup: Setup) -> LateRuntime:
    return LateRuntime(lambda: make(setup))


def _make_notices(make: Callable[[Setup], Notifier], setup: Setup) -> NotifierChat:
    return NotifierChat(make(setup))


@dataclass(frozen=True, slots=True)
class Maker:
    """Calls factories, or takes what an integration made `before` when it has not `changed`."""

    setups: Mapping[str, Setup]
    before: Mapping[tuple[str, str], Any]
    changed: frozenset[str]
    made: dict[tuple[str, str], Any]

    def make(self, item: Integration, kind: str, factory: Callable[[Setup], Any]) -> Any:
        key = (item.name, kind)
        fits = key in self.before and item.name not in self.changed
        self.made[key] = self.before[key] if fits else factory(self.setups[item.name])
        return self.made[key]


def make_parts(
    enabled: Sequence[Integration],
    home: Path,
    settings: Settings,
    database: Database,
    street: Street,
    before: Parts | None = None,
    changed: frozenset[str] = frozenset(),
) -> Parts:
    """Call the factories; those of `before` are kept unless their integration is `changed`. The first integration that
    offers a host, repositories, a surveyor, spares or a runtime gives it; kinds of one with a runtime use that."""
    kept = {name: setup for name, setup in before.setups.items() if name not in changed} if before else {}
    setups = {
        item.name: kept.get(item.name)
        or Setup(
            home,
            settings.integrations.get(item.name),
            Pages(database, item.name),
            Shelf(database, item.name, WallClock()),
            street,
            Moorings(database),
        )
        for item in enabled
    }
    maker = Maker(setups, before.made if before else {}, changed, {})
    make = maker.make
    speaking = [(item, make(item, "runtime", partial(_make_late, item.runtime))) for item in enabled if item.runtime]
    chats = {item.name: make(item, "chat", item.chat) for item in enabled if item.chat}
    notices = {
        item.name: make(item, "notifier", partial(_make_notices, item.notifier))
        for item in enabled
        if item.notifier and not item.chat
    }
    return Parts(
        host=next(make(item, "host", item.host) for item in enabled if item.host),
        repositories=next(make(item, "repositories", item.repositories) for item in enabled if item.repositories),
        surveyor=next(make(item, "surveyor", item.surveyor) for item in enabled if item.surveyor),
        spares=next(make(item, "spares", item.spares) for item in enabled if item.spares),
        runtime=next(made for _, made in speaking),
        runtimes={kind.name: made for item, made in speaking for kind in item.kinds},
        chats=chats | notices,
        paces={item.name: item.pace for item in enabled},
        sealed={item.name: item.sealed for item in enabled},
        setups=setups,
        sandboxes={item.name: make(item, "sandbox", item.sandbox) for item in enabled if item.sandbox},
        made=maker.made,
    )


def check_hosts(settings: Settings, sandboxes: Mapping[str, Sandbox]) -> None:
    """Raises BadSettings for a project with a host that is neither this machine nor a sandbox."""
    known = ["local", *sandboxes]
    problems = [
        Problem(
            settings.locate("projects", name, "host"), f"there is no host {item.host!r}.", suggest(item.host, known)
        )
        for name, item in settings.projects.items()
        if item.host not in known
    ]
    if problems:
        raise BadSettings(problems)


def build_walls(settings: Settings, project: ProjectSettings) -> Walls:
    """What a project's sandbox leaves its agents; the bot's own files are never among it."""
    wish = project.sandbox
    return Walls(
        network=wish.network,
        writable=[str(path) for path in wish.writable],
        readable=[str(path) for path in wish.readable],
        hidden=[str(path) for path in list_own_files(settings)],
    )


def list_own_files(settings: Settings) -> Sequence[Path]:
    """Where the bot's secrets and records are, beside its home."""
    own = [settings.file] if settings.file else []
    folders = {Path.cwd(), *(file.parent for file in own)}
    database = settings.database_url.get_secret_value().removeprefix("sqlite+aiosqlite:///")
    records = [Path(f"{database}{end}") for end in ("", "-wal", "-shm")] if database.startswith("/") else []
    return [*own, *(folder / ".env" for folder in folders), *records, settings.events_file]
