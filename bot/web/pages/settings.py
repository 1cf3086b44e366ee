"""How the bot is set, to be looked at; it is changed in its file and by commands."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from bot.doctor import examine_house
from bot.house import House, Project
from bot.parts import find_integrations
from bot.web.pages.template import show_page
from bot.web.pages.visitor import Guest, find_house

router = APIRouter(include_in_schema=False)


@router.get("/settings")
async def show_settings(
    request: Request, visitor: Guest, full: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """Health first; with `full` every kind of agent is started to its handshake, which takes a while."""
    house = find_house(request)
    checks = await examine_house(house, quick=not full)
    return show_page(
        "settings.html",
        visitor,
        checks=checks,
        full=bool(full),
        file=str(house.settings.file or "none"),
        home=str(house.home),
        projects=[_describe_project(house, project) for project in house.projects.values()],
        kinds=[(kind, house.check_kind(name)) for name, kind in house.kinds.items()],
        integrations=_list_integrations(house),
    )


def _describe_project(house: House, project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "default": project.name == house.default_project,
        "path": str(project.path),
        "base": project.base or "the branch checked out",
        "kind": project.kind or "the first that is ready",
        "accept": project.accept,
        "host": project.host,
    }


def _list_integrations(house: House) -> list[tuple[str, str, str]]:
    on = {item.name for item in house.integrations}
    return [(item.name, item.about, "on" if item.name in on else "off") for item in find_integrations()]
