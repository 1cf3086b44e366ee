"""Projects: the repositories in which agents work."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

from bot.commands.later import import_later
from bot.commands.parameters import KindName, ProjectName, Shown, SourceName, Word
from bot.commands.registry import command
from core.messages import Card, Reply, Table

if TYPE_CHECKING:
    from bot import choice, pools
    from bot import projects as acts
    from bot.commands.context import Context
    from bot.house import Project
    from core import permissions
    from core.work import Survey
else:
    choice = import_later("bot.choice")
    pools = import_later("bot.pools")
    acts = import_later("bot.projects")
    permissions = import_later("core.permissions")

_LONGEST = 200  # characters of a field


@command("project list", "Show the projects", examples=("project list",))
async def list_projects(ctx: Context) -> Reply:
    house = ctx.house
    rows = []
    data = []
    async with ctx.read() as tx:
        custom = await choice.read_custom(tx, ctx.place)
        here = await choice.say_custom(tx, house, ctx.place)
    wanted = custom.project if custom and custom.project in house.projects else house.default_project
    for project in sorted(house.projects.values(), key=lambda item: item.name):
        default = project.name == wanted
        base, kind = project.base or "as checked out", project.kind or "first ready"
        rows.append((project.name + (" (default)" if default else ""), str(project.path), base, kind, project.accept))
        data.append({**_write_project(project), "default": default})
    text = f"Here, {here} is meant when nothing is named." if here else ""
    table = Table(("project", "repository", "base", "kind", "accept"), rows)
    return Reply(text=text, table=table, data={"projects": data, "here": here})


def _write_project(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "path": str(project.path),
        "base": project.base,
        "kind": project.kind,
        "accept": project.accept,
        "copy": list(project.begin.copy),
        "setup": [list(command) for command in project.begin.setup],
        "instructions": project.begin.instructions,
        "warm": project.begin.warm,
    }


@command(
    "project add",
    "Make a repository a project, in use at once: a folder, or an address to fetch it from",
    role="admin",
    acts=True,
    examples=("project add ~/src/web", "project add git@example.com:team/web.git --name web --kind claude"),
)
async def add_project(
    ctx: Context,
    source: Annotated[SourceName, "Folder of a git repository, or its address (https, ssh, git@, file)."],
    *,
    name: Annotated[Word, Shown("NAME"), "What to call it; else as the folder is called."] = "",
    kind: Annotated[KindName, "Agent kind when none is asked for; else the first that is ready."] = "",
) -> Reply:
    permissions.demand(ctx.actor, "project add")
    keeper = ctx.house.require_keeper()
    added = await acts.add_project(ctx.house, keeper, ctx.actor, source, name, kind)
    project, survey = added.project, added.survey
    lines = [f"Reach: its remote does not answer now: {survey.trouble}"] if survey.trouble else []
    lines += [*survey.notes, f"Written into {added.swap.file}."]
    card = Card(f"{project.name} is a project now.", lines=lines, fields=_list_fields(project, survey))
    data = {"project": {**_write_project(project), **_write_survey(survey)}, "file": str(added.swap.file)}
    return Reply(cards=(card,), data=data, hint=f'Try: `spawn {project.name} "…"`')


def _list_fields(project: Project, survey: Survey) -> list[tuple[str, str]]:
    shown = {
        "repository": str(project.path),
        "base": project.base or "as checked out",
        "kind": project.kind or "first ready",
        "accept": project.accept,
        "remote": survey.remote,
        "tests, as it looks": survey.test,
        "copied": ", ".join(project.begin.copy),
        "set-up": "; ".join(shlex.join(command) for command in project.begin.setup),
        "instructions": project.begin.instructions.strip(),
    }
    return [(label, _cut(value)) for label, value in shown.items() if value]


def _cut(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _write_survey(survey: Survey) -> dict[str, Any]:
    return {"remote": survey.remote, "trouble": survey.trouble, "test": survey.test, "notes": list(survey.notes)}


@command("project show", "Show a project, and how its repository is", examples=("project show sample",))
async def show_project(ctx: Context, project: ProjectName) -> Reply:
    house = ctx.house
    found = house.find_project(project)
    survey = await house.surveyor.survey(str(found.path), reach=True)
    async with ctx.read() as tx:
        busy = await acts.list_busy(tx, found.name)
        pool = await pools.say_pool(tx, house, found)
    lines = [f"Reach: its remote does not answer now: {survey.trouble}"] if survey.trouble else []
    warm = [("warm pool", pool)] if pool else []
    fields = [*_list_fields(found, survey), *warm, ("agents at work", ", ".join(busy) or "none")]
    card = Card(found.name, lines=[*lines, *survey.notes], fields=fields)
    data = {"project": {**_write_project(found), **_write_survey(survey), "agents": busy}}
    return Reply(cards=(card,), data=data)


@command(
    "project remove",
    "Take a project out of the settings; its repository stays",
    role="admin",
    acts=True,
    examples=("project remove sample",),
)
async def remove_project(ctx: Context, project: ProjectName) -> Reply:
    permissions.demand(ctx.actor, "project remove")
    house = ctx.house
    path = house.find_project(project).path
    swap = await acts.remove_project(house, house.require_keeper(), ctx.actor, project)
    text = f"{project} is no project any more. Its repository stays: {path}."
    return Reply(text=text, data={"project": project, "path": str(path), "file": str(swap.file)})


@command(
    "project use",
    "Make a project, and a kind if you like, the default of this place",
    role="operator",
    acts=True,
    examples=("project use sample --kind demo",),
)
async def use_project(
    ctx: Context,
    project: ProjectName,
    *,
    kind: Annotated[KindName, "Agent kind when none is asked for; else as the project says."] = "",
) -> Reply:
    permissions.demand(ctx.actor, "project use", project=ctx.house.find_project(project).name)
    async with ctx.change() as change:
        custom = await choice.write_custom(change.tx, ctx.house, ctx.place, project, kind)
        also = f" with {custom.kind}" if custom.kind else ""
        words = f"Here, {custom.project}{also} is meant when nothing is named."
        data = {"place": custom.place, "project": custom.project, "kind": custom.kind}
        change.reply = Reply(text=words, data=data)
    return change.reply
