"""The web console's pages: views of the store, drawn by templates, live by fragments of the same templates."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from bot.web.door import make_login_way
from bot.web.pages import act, agent, assets, bulk, chat, fleet, live, login, say, settings, speak, work
from bot.web.pages.dossier import Shelf
from bot.web.pages.live import Live
from bot.web.pages.roster import Roster
from bot.web.pages.template import show_page
from bot.web.pages.visitor import NoRoleError, StrangerError
from bot.web.problems import Problem, make_problem


def install_pages(app: FastAPI) -> None:
    """Add the pages, their files and their live streams."""
    app.state.roster = Roster(app.state.house)
    app.state.live = Live(app.state.house)
    app.state.live.add("fleet", fleet.make_source(app.state.roster))
    app.state.shelf = Shelf(app.state.house, app.state.registry)
    app.state.live.add("agents", agent.make_source(app.state.shelf))
    app.state.live.add("logs", work.make_source(app.state.house))
    easel = app.state.easel = chat.Easel()
    app.state.live.add("chat", lambda _: chat.make_source(app.state.house, easel))
    app.state.show_problem = _show_problem
    for part in (login, assets, live, chat, say, fleet, bulk, settings, act, agent, work, speak):
        app.include_router(part.router)
    _meet_strangers(app)


def _meet_strangers(app: FastAPI) -> None:
    """Pages lead who is not signed in to where one does; programs and streams are told."""

    @app.exception_handler(StrangerError)
    async def _stranger(request: Request, _: StrangerError) -> Response:
        if "text/html" in request.headers.get("accept", "*/*").replace("*/*", "text/html"):
            return RedirectResponse(make_login_way(request), 303)
        return make_problem("unauthorized", "You are not signed in.", "Open the console anew.")

    @app.exception_handler(NoRoleError)
    async def _no_role(request: Request, error: NoRoleError) -> Response:
        return await login.show_no_role(request, error.visit)


def _show_problem(problem: Problem) -> Response:
    title = problem.title[:1].upper() + problem.title[1:]
    return show_page("problem.html", status=problem.status, title=title, message=problem.detail, remedy=problem.remedy)
