"""Templates to HTML. Everything that is printed is text: escaped, and with nothing invisible in it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.commands.line import SLASH
from bot.commands.parameters import AGENT_NAME
from bot.web.pages.patches import read_edits
from bot.web.pages.visitor import Visitor
from core.cards import say_cost, say_seconds
from core.prompts import title_task
from core.text import address_hints, plain, reveal
from core.version import VERSION

_SUBJECT = re.compile(rf"({AGENT_NAME}) · ")
STATIC = Path(__file__).parent.parent / "static"
# What is different in every answer is filled in last, so that a fragment is rendered once for all who see it.
CSRF, KEY = (f"{name}-{secrets.token_hex(12)}" for name in ("csrf", "key"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def show_page(name: str, visitor: Visitor | None = None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page for one person."""
    html = _find_environment().get_template(name).render(visitor=visitor, **values)
    return HTMLResponse(fill_in(html, visitor), status, HEADERS)


def show_part(name: str, **values: Any) -> str:
    """A fragment, the same for everybody; `fill_in` makes it one person's."""
    return _find_environment().get_template(name).render(**values)


def show_macro(name: str, macro: str, **values: Any) -> str:
    """A macro of a template, for what is drawn by the hundred: it costs half of a template of its own."""
    return str(getattr(_find_environment().get_template(name).module, macro)(**values))


def fill_in(html: str, visitor: Visitor | None) -> str:
    """Give the forms of a page or fragment this person's token, and a key that is the same however often they are
    sent."""
    return html.replace(CSRF, visitor.csrf if visitor else "").replace(KEY, secrets.token_urlsafe(12))


@cache
def _find_environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_show_text,
    )
    made.filters |= {
        "when": show_time,
        "reveal": reveal,
        "cost": say_cost,
        "span": say_seconds,
        "headline": title_task,
        "edits": read_edits,
    }
    made.filters["typed"] = _address_commands
    made.filters["agent"] = name_agent
    made.globals |= {"asset": name_asset, "csrf": CSRF, "key": KEY, "version": VERSION}
    return made


def _address_commands(text: str) -> str:
    """Commands as they are typed in the chat."""
    return address_hints(text, SLASH)


def name_agent(title: str) -> str:
    """Whose card has this title, "" for nobody's."""
    match = _SUBJECT.match(title)
    return match[1] if match else ""


def _show_text(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def show_time(at: datetime | None, how: str = "time") -> Markup:
    """A moment. The script shows it in the reader's zone: `time`, or how long `ago` it was."""
    if at is None:
        return Markup("–")
    iso, shown = at.isoformat(timespec="seconds"), at.isoformat(" ", "minutes")[:16]
    return Markup(f'<time datetime="{iso}" data-show="{escape(how)}">{shown} UTC</time>')  # noqa: S704 - a moment


@cache
def name_asset(name: str) -> str:
    """The address of a file that may be kept for ever: its content is in it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"
