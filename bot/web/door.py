"""The door of the console: whose browser it is, whether a form is ours, and by which name the bot is called."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from fastapi import Request
from starlette.responses import Response

from bot.house import House
from core.errors import Refused, TemporaryFailure, UserError
from core.model import Actor
from core.people import load_actor
from core.sessions import LONGEST, VIA, find_session, is_due, slide_session
from core.settings.http import is_loopback
from core.visits import check_form_token

NAME = "callboard"
_SAFE = ("GET", "HEAD")
_RELOAD = "Load the page again and repeat it there."


class TooManyError(UserError):
    """Somebody asks too often."""

    code = "too_many"


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser with a session: its secret, and who it is now."""

    secret: str
    actor: Actor


def is_secure(house: House) -> bool:
    """Whether browsers reach the bot by https."""
    return house.settings.http.public_url.startswith("https://")


def name_cookie(request: Request) -> str:
    """Browsers keep cookies by host alone: two bots on one host have two names."""
    if is_secure(request.app.state.house):
        return f"__Host-{NAME}"
    return f"{NAME}-{(request.scope.get('server') or ('', 0))[1]}"


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Sign the browser in, or out by an empty secret."""
    response.set_cookie(
        name_cookie(request),
        secret,
        max_age=int(LONGEST.total_seconds()) if secret else 0,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request.app.state.house),
    )


async def find_visit(request: Request) -> Visit | None:
    """Who comes with the request's cookie; None for a stranger. Raises TemporaryFailure."""
    house: House = request.app.state.house
    secret, now = request.cookies.get(name_cookie(request), ""), house.now()
    async with house.database.reading() as tx:
        session = await find_session(tx, secret, now)
        actor = await load_actor(tx, session.person, VIA, session.cap) if session else None
    if session is None or actor is None:
        return None
    if is_due(session, now):
        async with house.database.transaction() as tx:
            await slide_session(tx, session, now, house.session_lasts)
    return Visit(secret, actor)


def check_host(request: Request) -> None:
    """Raises Refused when the bot is called by a name that is not its own: another site's, that leads here."""
    host = _split(f"//{request.headers.get('host', '')}").hostname or ""
    settings = request.app.state.house.settings.http
    own = {settings.host, _split(settings.public_url).hostname}
    if is_loopback(host) or host in own or (_is_any(settings.host) and _is_address(host)):
        return
    raise Refused(
        f"This Callboard is not called {host[:100]!r}.", remedy="Set http.public_url to the address that people use."
    )


def check_origin(request: Request, *, lenient: bool = False) -> None:
    """Raises Refused for a form of another site. `lenient`: of a page that hides where it is, by our own wish."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused("This form came from another site.", remedy=_RELOAD)
    origin = request.headers.get("origin", "")
    if not origin or (origin == "null" and lenient):
        return
    public = _split(request.app.state.house.settings.http.public_url)
    if _split(origin).netloc not in {request.headers.get("host"), public.netloc or None}:
        raise Refused("This form came from another site.", remedy=_RELOAD)


async def check_form(request: Request, secret: str) -> None:
    """Raises Refused for a form that was not made for this session."""
    if request.method in _SAFE:
        return
    check_origin(request)
    given: Any = (await request.form()).get("csrf") or request.headers.get("x-callboard-form", "")
    if not isinstance(given, str) or not check_form_token(secret, given):
        raise Refused("This form is not of your session.", remedy=_RELOAD)


def find_way(text: str, other: str = "/") -> str:
    """A path of this site, else the other one: never an address of another site."""
    parts = _split(text)
    is_path = text.startswith("/") and not text.startswith("//") and not parts.netloc and not parts.scheme
    return text if is_path and text.isprintable() and "\\" not in text and len(text) <= 500 else other


def make_login_way(request: Request) -> str:
    """Where strangers are sent, and how they come back to what they wanted."""
    query = f"?{request.url.query}" if request.url.query else ""
    way = request.url.path + query if request.method in _SAFE else ""
    return f"/login?next={quote(find_way(way), safe='')}"


def find_address(request: Request) -> str:
    """Where the browser is; a proxy's word is taken from those that the settings trust."""
    peer = request.client.host if request.client else ""
    trusted = [ip_network(item) for item in request.app.state.house.settings.http.trusted_proxies]
    named = [word.strip() for word in request.headers.get("x-forwarded-for", "").split(",")]
    for address in [peer, *reversed(named)]:
        if not _is_address(address):
            return peer
        if not any(ip_address(address) in network for network in trusted):
            return address
        peer = address
    return peer


class Throttle:
    """So many tries of an address in so many seconds; in this process."""

    _MOST = 10_000

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str) -> None:
        """One more. Raises TooManyError."""
        now = time.monotonic()
        tries = self._tries.setdefault(_group(address), deque())
        self._tries.move_to_end(_group(address))
        while tries and tries[0] <= now - self._seconds:
            tries.popleft()
        if len(tries) >= self._limit:
            raise TooManyError("There were too many tries from where you are.", remedy="Wait, then try again.")
        tries.append(now)
        while len(self._tries) > self._MOST:
            self._tries.popitem(last=False)


def _group(address: str) -> str:
    """Who has one IPv6 address has 2^64 of them."""
    return ":".join(ip_address(address).exploded.split(":")[:4]) if ":" in address and _is_address(address) else address


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port, parts.hostname
    except ValueError:
        return SplitResult("broken", "", "", "", "")
    return parts


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified


async def is_admitted(request: Request) -> bool:
    """Whether somebody who looks at a live page may look still."""
    try:
        visit = await find_visit(request)
    except TemporaryFailure:
        return True
    return visit is not None and bool(visit.actor.role)
