"""Stopping many agents: shown first, and then exactly what was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from bot.bulk import MOST, find_hindrance
from bot.web.pages.act import Field, run_line
from bot.web.pages.roster import Roster
from bot.web.pages.template import show_page
from bot.web.pages.visitor import Guest, Visitor

router = APIRouter(include_in_schema=False)
Names = Annotated[list[str], Form(max_length=MOST)]


@router.post("/fleet/stop")
async def stop_agents(
    request: Request, visitor: Guest, agent: Names | None = None, key: Field = "", confirmed: Field = ""
) -> HTMLResponse:
    """What would be stopped and what would not, and why; once confirmed, what became of each."""
    roster: Roster = request.app.state.roster
    await roster.refresh()
    names = list(dict.fromkeys(agent or ()))
    if confirmed:
        outcomes = [(name, await _stop_agent(request, visitor, name, key)) for name in names]
        return show_page("stopped.html", visitor, outcomes=outcomes)
    rows = [roster.rows[name] for name in names if name in roster.rows]
    plan = [(row.sight, find_hindrance(visitor.actor, row.sight)) for row in rows]
    return show_page("bulk.html", visitor, plan=plan, unknown=len(names) - len(rows))


async def _stop_agent(request: Request, visitor: Visitor, name: str, key: str) -> str:
    answer: Mapping[str, Any] = await run_line(request, visitor, f"stop {name}", f"{key}-{name}")
    error = answer.get("error")
    return f"not stopped: {error['message']}" if error else str(answer.get("text") or "stopped")
