"""Starts each agent kind to its handshake, for `doctor`: what it says of itself, in a folder that goes afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from bot.house import House, HouseCatalogue
from bot.models import keep_models
from bot.shims import note_shims
from core.crew import Command, Site
from core.errors import CallboardError
from core.interfaces import Check, Handshake, Launch, Process, Workspace
from core.logs import read_tail
from core.settings import ResolvedKind
from core.shelter import LOCAL, name_shelter, shut_in

GREET_SECONDS = 20.0
AT_ONCE = 3
_LAST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Meeting:
    """Whom to start, and where: on this machine as it is, or as a project's sandbox has it."""

    name: str
    kind: ResolvedKind
    site: Site = field(default_factory=lambda: Site(""))
    project: str = ""


def list_meetings(house: House) -> list[Meeting]:
    """Every kind that is ready, and once more for each project whose agents are shut in."""
    ready = [kind for name, kind in house.kinds.items() if house.check_kind(name).state == "ready"]
    found = [Meeting(f"agent kind {kind.name}", kind) for kind in ready]
    for project in house.projects.values():
        kind = house.kinds.get(project.kind) or next(iter(ready), None)
        if project.host != LOCAL and kind in ready:
            site = Site("", "", project.host, project.walls)
            found.append(Meeting(f"project {project.name}, {name_shelter(site)}", kind, site, project.name))
    return found


async def greet_all(house: House, meetings: Sequence[Meeting]) -> dict[str, Check]:
    """The line of each meeting, by its name. At most three are started at once; all of them are ended."""
    room = asyncio.Semaphore(AT_ONCE)

    async def greet(meeting: Meeting) -> Check:
        async with room:
            return await greet_one(house, meeting)

    lines = await asyncio.gather(*(greet(meeting) for meeting in meetings))
    return {line.name: line for line in lines}


async def greet_one(house: House, meeting: Meeting) -> Check:
    """Start it, hear what it says, end it. Behind walls the shims on its PATH are looked at as well."""
    command = HouseCatalogue(house).find_command(meeting.kind.name)
    line = await _hear(house, meeting, command)
    return line if meeting.site.host == LOCAL else note_shims(line, meeting.project, command.env, meeting.site.walls)


async def _hear(house: House, meeting: Meeting, command: Command) -> Check:
    launch = make_launch(house, meeting.kind.name, command)
    nowhere = Workspace(launch.name, "", launch.folder, "", "", "")
    try:
        walled = await shut_in(house.sandboxes, meeting.site, command, launch, nowhere, ())
        async with asyncio.timeout(GREET_SECONDS), start_scratch(house, walled) as process:
            hello = await house.find_runtime(meeting.kind.name).greet(process.reader, process.writer, launch.folder)
        await keep_models(house, meeting.kind.name, hello.models)
        return judge(meeting, hello)
    except TimeoutError:
        return judge_failure(house, meeting, f"it did not answer within {GREET_SECONDS:g} s", launch)
    except CallboardError as failure:
        return judge_failure(house, meeting, failure.message, launch, failure.remedy)
    finally:
        await asyncio.to_thread(shutil.rmtree, launch.log.parent, ignore_errors=True)


def make_launch(house: House, kind: str, command: Command) -> Launch:
    """No agent's name has a dot, so that no agent is ever in the way."""
    name = f"doctor.{kind}.{secrets.token_hex(3)}"
    place = house.home / "agents" / name
    scratch = place / "scratch"
    scratch.mkdir(mode=0o700, parents=True)
    return Launch(name, command.command, {**command.env, "CALLBOARD_STATE": str(place)}, str(scratch), place / "log")


@contextlib.asynccontextmanager
async def start_scratch(house: House, launch: Launch) -> AsyncIterator[Process]:
    process = await house.host.start(launch)
    try:
        yield process
    finally:
        await process.kill()


def judge(meeting: Meeting, hello: Handshake) -> Check:
    """The line of one that answered."""
    kind = meeting.kind
    if hello.signed_in is False:
        return Check(meeting.name, False, f"{say_who(hello)}; not signed in", advise_sign_in(kind))
    signed = "signed in" if hello.signed_in and not kind.scripted else ""
    can = f"can {', '.join(hello.can)}" if hello.can else "can load no session"
    modes = f"modes {', '.join(hello.modes)}" if hello.modes else ""
    parts = [say_who(hello), "scripted, no model" if kind.scripted else "", signed, can, modes]
    return Check(meeting.name, True, "; ".join(part for part in parts if part))


def judge_failure(house: House, meeting: Meeting, words: str, launch: Launch, remedy: str = "") -> Check:
    """The line of one that did not get that far, with the last that it said on its error output."""
    said = " ".join(read_tail(launch.log, 5).split())[-_LAST_WORDS:]
    detail = words.rstrip(".") + (f". It said: {said}" if said else "")
    advice = remedy or f"Run {' '.join(meeting.kind.command[:3])} by hand and see."
    return Check(meeting.name, False, house.redactor.redact(detail), advice)


def say_who(hello: Handshake) -> str:
    return " ".join(part for part in (hello.name or "it has no name", hello.version) if part)


def advise_sign_in(kind: ResolvedKind) -> str:
    """What to do when an agent wants somebody to sign in."""
    variables = [mark for mark in kind.sign_in if not mark.startswith("~/")]
    given = f", or set {' or '.join(variables)} in .env" if variables else ""
    return f"Run {kind.command[0]} once and sign in{given}."
