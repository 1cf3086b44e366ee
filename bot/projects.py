"""Projects come and go while the bot runs: looked at, written into the settings, in use at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.house import SAMPLE, House, Project
from bot.live import Keeper, Swap
from core.errors import BadInput, Conflict, NotFound
from core.model import Actor, Outcome
from core.settings.edit import insert_entry, remove_entry
from core.settings.value import NAME
from core.source import Source, read_source
from core.store import Transaction
from core.store.fleet import list_agents
from core.work import Survey

FOLDER = "repositories"
SECTION = "projects"


@dataclass(frozen=True, slots=True)
class Added:
    """A project that is in use now."""

    project: Project
    survey: Survey
    swap: Swap


async def add_project(house: House, keeper: Keeper, actor: Actor, words: str, name: str, kind: str) -> Added:
    """Look at a repository, fetching it if it is elsewhere, and write it into the settings. Raises UserError and
    PermanentFailure; the settings are as they were then."""
    source = read_source(words)
    name = _check_name(house, name or source.name, asked=bool(name))
    if kind and kind not in house.kinds:
        raise NotFound(f"There is no agent kind {kind!r}.", remedy=f"Kinds: {', '.join(house.kinds)}.")
    folder = await _fetch(house, source, name) if source.url else _place_folder(house, source.path)
    survey = await house.surveyor.survey(folder, reach=not source.url)
    fields = {"path": survey.folder, "base": survey.base, "kind": kind}

    def write(text: str) -> str:
        _check_free(house, name, survey.folder)
        return _insert(text, name, {key: value for key, value in fields.items() if value})

    swap = await keeper.edit(actor, "project add", name, write)
    return Added(house.projects[name], survey, swap)


def _insert(text: str, name: str, fields: Mapping[str, str]) -> str:
    try:
        return insert_entry(text, SECTION, name, fields)
    except ValueError:
        remedy = "`reload` takes what is in the file; or choose another --name."
        raise Conflict(f"The file has a project {name} already.", remedy=remedy) from None


def _check_name(house: House, name: str, *, asked: bool) -> str:
    if not NAME.fullmatch(name) or name.endswith("-"):
        what = f"{name[:40]!r} does not fit" if asked else "No name can be made of this"
        raise BadInput(f"{what}.", remedy="Give a --name of small letters, digits and dashes, a letter first.")
    if name in house.projects:
        where = house.projects[name].path
        raise Conflict(f"There is a project {name} already, in {where}.", remedy="Choose another with --name.")
    return name


def _check_free(house: House, name: str, folder: str) -> None:
    """At the moment of writing: another call may have been faster."""
    _check_name(house, name, asked=True)
    taken = [item.name for item in house.projects.values() if os.path.realpath(item.path) == folder]
    if taken:
        raise Conflict(f"{folder} is the project {taken[0]} already.", remedy=f"`project show {taken[0]}` shows it.")


async def _fetch(house: House, source: Source, name: str) -> str:
    folder = house.home.absolute() / FOLDER / name
    await house.surveyor.clone(source.url, folder)
    return str(folder)


def _place_folder(house: House, path: str) -> str:
    user = house.settings.environment.get("HOME") or str(Path.home())
    spread = user + path[1:] if path == "~" or path.startswith("~/") else path
    if not Path(spread).is_absolute():
        raise BadInput(
            "A folder is named in full here: the bot does not know which one you are in.", remedy="Write /…."
        )
    return spread


async def remove_project(house: House, keeper: Keeper, actor: Actor, name: str) -> Swap:
    """Take a project out of the settings; its repository stays. Raises Conflict while agents of it are at work."""
    project = house.find_project(name)
    if project.name == SAMPLE:
        raise BadInput("The sample is always there.", remedy="It hurts nobody.")
    if house.settings.default_project == project.name:
        raise Conflict(f"{project.name} is the default_project.", remedy="Change that in the settings first.")
    async with house.database.reading() as tx:
        busy = await list_busy(tx, project.name)
    if busy:
        raise Conflict(
            f"{_say_some(busy)} of {project.name} {'is' if len(busy) == 1 else 'are'} at work.",
            remedy=f"Wait for them, or `stop {busy[0]}`.",
        )
    return await keeper.edit(actor, "project remove", project.name, lambda text: _cut(text, project.name))


def _cut(text: str, name: str) -> str:
    try:
        return remove_entry(text, SECTION, name)
    except KeyError:
        remedy = "Unset the variable that sets it, or `reload` when you took it out of the file."
        raise Conflict(f"The file has no project {name}.", remedy=remedy) from None


async def list_busy(tx: Transaction, project: str) -> list[str]:
    """The agents of a project that do not rest."""
    return [agent.id for agent in await list_agents(tx, project=project, outcome=Outcome.NONE)]


def _say_some(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
