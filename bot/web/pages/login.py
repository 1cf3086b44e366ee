"""Coming in: links that work once, asking for access, signing out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.web.door import (
    Throttle,
    Visit,
    check_form,
    check_host,
    check_origin,
    find_address,
    find_visit,
    find_way,
    set_cookie,
)
from bot.web.pages.template import show_page
from bot.web.pages.visitor import DOOR, Visitor, find_house
from core.asks import ask_access, ask_again, describe_answer, may_ask_again, name_admins, topic_of
from core.messages import Place
from core.model import Person, Role
from core.sessions import close_session, find_link, open_session, refuse_link, use_link
from core.store import get
from core.store.visits import find_last_ask
from core.visits import AskState, derive_form_token

router = APIRouter(include_in_schema=False)
_PLACES = (Place(DOOR, "main"),)
_NO_REFERRER = {"Referrer-Policy": "no-referrer"}
_logins = Throttle(60, 60)
_asks = Throttle(5, 3600)
Code = Annotated[str, Path(max_length=200)]
Field = Annotated[str, Form(max_length=1_000)]
Next = Annotated[str, Query(alias="next", max_length=2_000)]


@router.get("/login")
async def show_login(request: Request, way: Next = "/") -> Response:
    """How to get a link, and for who has none a way to ask."""
    check_host(request)
    return show_page("login.html", link=None, person=None, code="", refusal=None, next=find_way(way))


@router.get("/login/{code}")
async def show_link(request: Request, code: Code, way: Next = "/") -> Response:
    """Whom a link signs in, and a form that does. It changes nothing: mail scanners follow links."""
    check_host(request)
    house = find_house(request)
    async with house.database.reading() as tx:
        link = await find_link(tx, code)
        person = await get(tx, Person, id=link.person) if link else None
    refusal = refuse_link(link, house.now())
    status = 410 if refusal else 200
    page = show_page(
        "login.html", link=link, person=person, code=code, refusal=refusal, next=find_way(way), status=status
    )
    page.headers.update(_NO_REFERRER)
    return page


@router.post("/login")
async def login(
    request: Request, code: Field, way: Annotated[str, Form(alias="next", max_length=2_000)] = "/"
) -> Response:
    """Sign in: always a new session, whatever cookie there was."""
    check_host(request)
    check_origin(request, lenient=True)
    house, address = find_house(request), find_address(request)
    _logins.count(address)
    old = await find_visit(request)
    async with house.database.transaction() as tx:
        arrival = await use_link(tx, code, house.now(), house.session_lasts, address)
        if old and arrival.secret:
            await close_session(tx, old.secret)
            tx.ring(topic_of(old.actor.person))
    if arrival.refusal:
        page = show_page(
            "login.html", link=None, person=None, code="", refusal=arrival.refusal, next=find_way(way), status=410
        )
        page.headers.update(_NO_REFERRER)
        return page
    response = RedirectResponse(find_way(way), 303)
    set_cookie(request, response, arrival.secret)
    return response


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Sign out, here."""
    check_host(request)
    response = RedirectResponse("/login", 303)
    if visit := await find_visit(request):
        await check_form(request, visit.secret)
        async with find_house(request).database.transaction() as tx:
            await close_session(tx, visit.secret)
            tx.ring(topic_of(visit.actor.person))
        set_cookie(request, response, "")
    return response


@router.get("/access")
async def show_access(request: Request) -> Response:
    """What became of an ask."""
    check_host(request)
    visit = await find_visit(request)
    if visit is None:
        return RedirectResponse("/login", 303)
    return RedirectResponse("/", 303) if visit.actor.role else await show_no_role(request, visit)


@router.post("/access")
async def ask(request: Request, name: Field = "") -> Response:
    """Ask for access: a stranger by a name, who is known without one."""
    check_host(request)
    house, address, visit = find_house(request), find_address(request), await find_visit(request)
    await check_form(request, visit.secret) if visit else check_origin(request)
    _asks.count(address)
    response, now = RedirectResponse("/access", 303), house.now()
    async with house.database.transaction() as tx:
        known = await get(tx, Person, id=visit.actor.person) if visit else None
        if known:
            await ask_again(tx, known, _PLACES, address, now)
            return response
        made = await ask_access(tx, name, _PLACES, address, now)
        secret = await open_session(tx, made.person, Role.ADMIN, now, house.session_lasts)
    set_cookie(request, response, secret)
    return response


async def show_no_role(request: Request, visit: Visit) -> Response:
    """Who is known and may do nothing sees why, and what became of their ask."""
    house = find_house(request)
    async with house.database.reading() as tx:
        last = await find_last_ask(tx, visit.actor.person)
        answer = await describe_answer(tx, last) if last else ""
        admins = await name_admins(tx, visit.actor.person)
    waits = last is not None and last.state is AskState.OPEN
    may_ask = last is None or may_ask_again(last, house.now())
    visitor = Visitor(visit.actor, derive_form_token(visit.secret))
    told = {"last": last, "answer": answer, "waits": waits, "may_ask": may_ask, "admins": admins}
    return show_page("access.html", visitor, status=403, **told)
