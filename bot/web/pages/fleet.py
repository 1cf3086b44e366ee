"""The fleet: every agent, in columns by what a person has to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from bot.web.pages.live import Change, Patch, Source
from bot.web.pages.roster import Mark, Roster, Row, Wish
from bot.web.pages.template import show_page
from bot.web.pages.visitor import Guest, find_house
from core.columns import COLUMNS, Column

router = APIRouter(include_in_schema=False)
SHOWN = 50
Words = Annotated[str, Query(max_length=200)]


@router.get("/fleet")
async def show_fleet(
    request: Request,
    visitor: Guest,
    q: Words = "",
    project: Words = "",
    kind: Words = "",
    owner: Words = "",
    all: Words = "",
) -> HTMLResponse:
    """Columns with filters. Of what rests, only the newest are shown until `all` names the column."""
    house, roster = find_house(request), _find_roster(request)
    mark = await roster.refresh()
    wish = Wish(q, project, kind, owner)
    columns = [_show_column(column, roster.select(column, wish), all) for column in COLUMNS]
    return show_page(
        "fleet.html",
        visitor,
        columns=columns,
        wish=wish,
        counts=roster.count(),
        live=f"fleet?after={mark}",
        projects=sorted(house.projects),
        kinds=list(house.kinds),
        owners=sorted({row.sight.owner for row in roster.rows.values()}),
    )


def _show_column(column: Column, rows: Sequence[Row], all: str) -> dict[str, Any]:
    shown = rows if all == column.name else rows[:SHOWN]
    cards = Markup("\n").join(Markup(row.html) for row in shown)  # noqa: S704 - our own template's output
    return {"name": column.name, "title": column.title, "total": len(rows), "shown": len(shown), "cards": cards}


def _find_roster(request: Request) -> Roster:
    roster: Roster = request.app.state.roster
    return roster


@dataclass(frozen=True, slots=True)
class FleetSource:
    """Rows that changed, and how many there are of each."""

    roster: Roster
    topics: Sequence[str] = ("events",)

    async def read(self, cursor: str) -> Change:
        """A cursor is a Mark."""
        now = await self.roster.refresh()
        if not cursor:
            return Change(str(now))
        before = Mark.parse(cursor)
        rows = [(row.mark.tick, name, row) for name, row in self.roster.rows.items() if row.mark.is_beyond(before)]
        patches = [Patch(f"row-{name}", row.html, f"column-{row.column}", top=True) for _, name, row in sorted(rows)]
        patches += [Patch(f"row-{name}", "") for name, mark in self.roster.gone.items() if mark.is_beyond(before)]
        return Change(str(now), patches, {"counts": dict(self.roster.count())} if patches else {})


def make_source(roster: Roster) -> Callable[[str], Source]:
    """The source of `fleet`."""
    source = FleetSource(roster)
    return lambda _: source
