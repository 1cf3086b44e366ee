"""Who looks at a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from bot.house import House
from bot.web.access import admit_caller
from bot.web.door import Visit, check_form, check_host, find_visit
from core.model import Actor, Role
from core.permissions import demand_role
from core.visits import derive_form_token

DOOR = "console"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, with the role of now. `csrf` is what their forms carry."""

    actor: Actor
    csrf: str


class StrangerError(Exception):
    """Nobody is signed in in this browser."""


class NoRoleError(Exception):
    """Somebody is, who may do nothing."""

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit.actor.name)
        self.visit = visit


async def require_visitor(request: Request) -> Visitor:
    """Whoever may look: by a session, whose forms are checked, or a program by its token, which no other site can send.
    Raises Refused, StrangerError, NoRoleError."""
    check_host(request)
    if "authorization" in request.headers:
        actor = await admit_caller(request.app.state.house, request.headers)
        demand_role(actor, "show", Role.VIEWER)
        return Visitor(actor, "")
    visit = await find_visit(request)
    if visit is None:
        raise StrangerError
    await check_form(request, visit.secret)
    if visit.actor.role is Role.NOBODY:
        raise NoRoleError(visit)
    return Visitor(visit.actor, derive_form_token(visit.secret))


Guest = Annotated[Visitor, Depends(require_visitor)]


def find_house(request: Request) -> House:
    """What pages are drawn from."""
    house: House = request.app.state.house
    return house
