"""Stopping many agents: shown first, and then exactly what was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from bot.web.pages.act import Field, run_line
from bot.web.pages.roster import Roster, Row
from bot.web.pages.template import show_page
from bot.web.pages.visitor import Guest, Visitor
from core.lifecycle import is_resting
from core.model import Wanted
from core.permissions import RULES, allow

router = APIRouter(include_in_schema=False)
MOST = 1_000
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
    plan = [(row.sight, _find_hindrance(visitor, row)) for row in rows]
    return show_page("bulk.html", visitor, plan=plan, unknown=len(names) - len(rows))


def _find_hindrance(visitor: Visitor, row: Row) -> str:
    """Why an agent cannot be stopped by this person; "" when it can."""
    if is_resting(row.sight.agent):
        return f"It is {row.sight.status.value} already."
    if row.sight.agent.wanted is Wanted.STOP:
        return "It is being stopped."
    decision = allow(visitor.actor, "stop", RULES["stop"], row.sight.agent.owner, project=row.sight.agent.project)
    return "" if decision.allowed else decision.reason


async def _stop_agent(request: Request, visitor: Visitor, name: str, key: str) -> str:
    answer: Mapping[str, Any] = await run_line(request, visitor, f"stop {name}", f"{key}-{name}")
    error = answer.get("error")
    return f"not stopped: {error['message']}" if error else str(answer.get("text") or "stopped")
