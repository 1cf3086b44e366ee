"""Settings that change while the bot runs: read again, proved, and swapped in one moment. What cannot be proved changes
nothing. Agents that run keep what they were started with until their next start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bot.admission import check_groups
from bot.house import SAMPLE, House, Project
from bot.parts import Parts, build_walls, check_hosts, close_parts, list_enabled, make_parts
from core.audit import write_audit
from core.errors import CallboardError, ConfigurationError, Conflict
from core.events import Event
from core.interfaces import Door, Integration, Setup, Street
from core.model import Actor
from core.settings import BadSettings, Draft, Problem, ResolvedKind, Settings, find_kind_secrets, resolve_kinds
from core.settings.file import read_content, replace_file
from core.settings.place import FILE
from core.store import Database, Transaction, append_events

CHECK_SECONDS = 60.0
# What was opened at the start with these stays as it is until the next.
LATER = ("database", "http.host", "http.port", "http.allow_remote", "events")
Read = Callable[[Draft | None], Settings]
Admit = Callable[[Transaction, Settings], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Live:
    """Settings with everything that was made of them."""

    settings: Settings
    enabled: Sequence[Integration]
    parts: Parts
    kinds: Mapping[str, ResolvedKind]
    projects: Mapping[str, Project]

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self.settings.secrets() | find_kind_secrets(self.kinds.values(), self.settings.environment)


@dataclass(frozen=True, slots=True)
class Swap:
    """What a reload did. `changed` are keys, never values; `later` those of them that need a restart; `revived` are
    integrations that had given up and are found well again."""

    file: Path | None
    changed: Sequence[str]
    later: Sequence[str]
    revived: Sequence[str] = ()

    def __str__(self) -> str:
        again = f" Tried again: {', '.join(self.revived)}." if self.revived else ""
        return f"{self._say_changes()}{again}"

    def _say_changes(self) -> str:
        if not self.changed:
            return "Nothing has changed."
        more = f" After a restart only: {', '.join(self.later)}." if self.later else ""
        return f"In force now: {', '.join(key for key in self.changed if key not in self.later) or 'nothing'}.{more}"


def compose_live(
    settings: Settings,
    home: Path,
    database: Database,
    street: Street,
    before: Parts | None = None,
    changed: frozenset[str] = frozenset(),
) -> Live:
    """Make of the settings what they stand for. Of `before` everything is kept but what `changed` integrations made.
    Raises ConfigurationError."""
    enabled = list_enabled(settings)
    parts = make_parts(enabled, home, settings, database, street, before, changed)
    try:
        check_hosts(settings, parts.sandboxes)
        check_groups(settings)
        kinds = resolve_kinds(settings, [kind for item in enabled for kind in item.kinds])
    except ConfigurationError:
        close_parts(parts, before)
        raise
    return Live(settings, enabled, parts, kinds, build_projects(settings, home))


def list_doors(live: Live) -> dict[str, Door]:
    """Every door of the enabled integrations, by `integration/path`."""
    made = [(item.name, item.doors(live.parts.setups[item.name])) for item in live.enabled if item.doors]
    return {f"{name}/{door.path.strip('/')}": door for name, doors in made for door in doors}


def build_projects(settings: Settings, home: Path) -> dict[str, Project]:
    """The sample, and those of the settings."""
    projects = {SAMPLE: Project(SAMPLE, home.absolute() / SAMPLE, "demo")}
    for name, item in settings.projects.items():
        walls = build_walls(settings, item)
        projects[name] = Project(name, item.path, item.kind, item.base, item.accept, item.host, walls, item)
    return projects


class Keeper:
    """Changes the settings of a running bot, one change at a time. `admit` brings the people of new settings into the
    store, `adopt` hands on what only the wiring knows; it must not wait. `ailing` are integrations that gave up."""

    def __init__(
        self,
        house: House,
        parts: Parts,
        read: Read | None,
        admit: Admit,
        adopt: Callable[[Live], None],
        ailing: Collection[str] = (),
    ) -> None:
        self._house = house
        self._parts = parts
        self._read_settings = read
        self._admit = admit
        self._adopt = adopt
        self._ailing = ailing
        self._lock = asyncio.Lock()

    async def reload(self, actor: Actor) -> Swap:
        """Read settings and secrets again. Raises Conflict with every problem; nothing changed then."""
        async with self._lock:
            settings = await self._read(None)
            return await self._swap(actor, "reload", str(settings.file or "no file"), settings)

    async def edit(self, actor: Actor, verb: str, subject: str, change: Callable[[str], str]) -> Swap:
        """Change the text of the configuration file and take it. Raises Conflict, as `change` and `reload` do; neither
        file nor bot changed then."""
        async with self._lock:
            file = self._house.settings.file or self._house.home / FILE
            before = await asyncio.to_thread(read_content, file)
            try:
                text = change(before.decode("utf-8"))
            except BadSettings as error:
                raise _refuse(error) from error
            except UnicodeDecodeError as error:
                raise Conflict(f"{file} is not UTF-8 text.", remedy="Save it as UTF-8.") from error
            settings = await self._read(Draft(file, text))
            return await self._swap(actor, verb, subject, settings, (file, text.encode("utf-8"), before))

    async def _read(self, draft: Draft | None) -> Settings:
        if self._read_settings is None:
            raise Conflict("This bot was not started from settings in files.")
        try:
            return await asyncio.to_thread(self._read_settings, draft)
        except ConfigurationError as error:
            raise _refuse(error) from error

    async def _swap(
        self,
        actor: Actor,
        verb: str,
        subject: str,
        settings: Settings,
        content: tuple[Path, bytes, bytes] | None = None,
    ) -> Swap:
        house = self._house
        revived = await self._find_revived(settings)
        live = await self._prove(settings, revived)
        changed = list_changes(house.settings, settings)
        swap = Swap(
            settings.file,
            changed,
            list(filter(_needs_restart, changed)),
            sorted(revived),
        )
        data = {"changed": changed, "restart": swap.later, "file": str(settings.file or "")}
        try:
            async with house.database.transaction() as tx:
                await self._admit(tx, settings)
                await append_events(tx, Event("settings.reloaded", house.now(), actor=actor.person, data=data))
                await write_audit(tx, actor, verb, subject, True, ", ".join(changed)[:500], house.now())
                if content:
                    await asyncio.to_thread(replace_file, *content)
        except BaseException:
            close_parts(live.parts, self._parts)
            raise
        self._adopt(live)
        return swap

    async def _find_revived(self, settings: Settings) -> frozenset[str]:
        """Integrations that gave up, have the same settings as before, and would work again: somebody mended it on the
        other side. One that would not does not keep other settings from being taken."""
        house = self._house
        same = [item for item in house.integrations if item.name in self._ailing and item.checks]
        same = [item for item in same if item.name not in _list_changed(house.settings, settings)]
        return frozenset([item.name for item in same if not await _list_problems(item, self._parts.setups[item.name])])

    async def _prove(self, settings: Settings, revived: frozenset[str]) -> Live:
        """Nothing of it is used yet; but its secrets are kept out of everything from now on."""
        house = self._house
        changed = _list_changed(house.settings, settings) | revived
        house.redactor.learn(settings.secrets())
        try:
            live = compose_live(settings, house.home, house.database, house.street, self._parts, changed)
        except ConfigurationError as error:
            raise _refuse(error) from error
        house.redactor.learn(live.secrets)
        problems = [line async for line in _try_checks(live, changed)]
        if problems:
            close_parts(live.parts, self._parts)
            raise _refuse(BadSettings(problems))
        return live


def _list_changed(old: Settings, new: Settings) -> frozenset[str]:
    """The integrations whose sections differ."""
    before, after = old.integrations, new.integrations
    return frozenset(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


async def _try_checks(live: Live, changed: frozenset[str]) -> AsyncIterator[Problem]:
    """What the integrations that changed say of themselves, as far as it is wrong."""
    for item in live.enabled:
        if item.name in changed and item.checks is not None:
            where = live.settings.locate("integrations", item.name)
            for words, remedy in await _list_problems(item, live.parts.setups[item.name]):
                yield Problem(where, words, remedy)


async def _list_problems(item: Integration, setup: Setup) -> list[tuple[str, str]]:
    """What is wrong, and what to do about it."""
    assert item.checks is not None
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = await item.checks(setup)
    except TimeoutError:
        return [(f"it did not answer within {CHECK_SECONDS:g} s.", "Try again later.")]
    except CallboardError as error:
        return [(error.message, error.remedy)]
    return [(f"{check.name}: {check.detail}", check.remedy) for check in found if not check.ok]


def _needs_restart(key: str) -> bool:
    return any(key == later or key.startswith(f"{later}.") for later in LATER)


def _refuse(error: ConfigurationError) -> Conflict:
    problems = error.problems if isinstance(error, BadSettings) else (error,)
    many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return Conflict(f"Nothing was changed: the settings have {many}.", remedy="\n".join(str(item) for item in problems))


def list_changes(old: Settings, new: Settings) -> list[str]:
    """The keys of what differs, in order; `secrets` when those do."""
    found = sorted(_find_changes("", old, new))
    return found + (["secrets"] if old.secrets() != new.secrets() else [])


def _find_changes(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    before, after = _open_section(old), _open_section(new)
    if before is None or after is None:
        yield path
        return
    for key in before.keys() | after.keys():
        inner = f"{path}.{key}" if path else key
        if key in before and key in after:
            yield from _find_changes(inner, before[key], after[key])
        else:
            yield inner


def _open_section(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return value if isinstance(value, Mapping) else None
