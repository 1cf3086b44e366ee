"""The chat: what was said and is shown in the channel of the console, the newest in view, and live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from bot.house import House
from bot.web.pages.live import Change, Patch
from bot.web.pages.template import name_agent, show_page, show_part
from bot.web.pages.visitor import DOOR, Guest, Visitor, find_house
from core.board import BELL, last_version, list_changes, list_entries
from core.messages import Entry, EntryKind, Tone
from core.store import Database
from core.wire import decode_card, decode_reply

router = APIRouter(include_in_schema=False)
MAIN = f"{DOOR}:main"
SHOWN = 50
_MOST_CHANGES = 500
_MOST_DRAWN = 2_000
LAST = 2**31 - 1
Number = Annotated[int, Query(ge=0, le=LAST)]


def name_own(person: str) -> str:
    """Where a person alone is told things."""
    return f"{DOOR}:@{person}"


@router.get("/")
async def show_chat(request: Request, visitor: Guest, before: Number = 0) -> HTMLResponse:
    """The channel."""
    return await show_channel(request, visitor, before)


@router.get("/thread/{agent}")
async def lead_on(_: Guest, agent: str) -> RedirectResponse:
    """An agent's thread is its page; this is where it once was."""
    return RedirectResponse(f"/agents/{quote(agent, safe='')}", 308)


async def show_channel(
    request: Request, visitor: Visitor, before: int = 0, *, status: int = 200, **told: Any
) -> HTMLResponse:
    """The page. `told` are what its reader alone is told: `error`, or `reply`; and `line`, what they typed."""
    places = [MAIN, name_own(visitor.actor.person)]
    async with find_house(request).database.reading() as tx:
        version = await last_version(tx)
        entries = await list_entries(tx, places, before=before, limit=SHOWN + 1)
    shown = entries[-SHOWN:]
    values = {"error": None, "reply": None, "line": "", "said": False, **told}
    live = {} if before else {"live": f"chat?after={version}"}
    return show_page(
        "chat.html",
        visitor,
        status=status,
        entries=[Markup(request.app.state.easel.draw(entry)) for entry in shown],  # noqa: S704 - our own template's output
        older=shown[0].number if len(entries) > SHOWN else 0,
        is_past=bool(before),
        **values,
        **live,
    )


@dataclass(frozen=True, slots=True)
class Easel:
    """Entries as HTML, each version drawn once."""

    drawn: dict[tuple[str, int], str] = field(default_factory=dict)

    def draw(self, entry: Entry) -> str:
        """An entry's element."""
        known = (entry.id, entry.version)
        if known not in self.drawn:
            if len(self.drawn) >= _MOST_DRAWN:
                del self.drawn[next(iter(self.drawn))]
            self.drawn[known] = show_part("_shown.html", entry=entry, **_read_body(entry))
        return self.drawn[known]


def _read_body(entry: Entry) -> Mapping[str, Any]:
    values: dict[str, Any] = {"text": "", "reply": None, "card": None, "agent": "", "tone": "plain"}
    values["is_own"] = entry.place.startswith(f"{DOOR}:@")
    if entry.kind is EntryKind.SAID:
        return {**values, "text": str(entry.body.get("text", ""))}
    if entry.kind is EntryKind.REPLY:
        reply = decode_reply(entry.body)
        return {**values, "reply": reply, "tone": _read_tone(reply.data.get("tone"))}
    card = decode_card(entry.body)
    return {**values, "card": card, "agent": name_agent(card.title)}


def _read_tone(word: object) -> str:
    return str(word) if word in list(Tone) else Tone.PLAIN.value


@dataclass(frozen=True, slots=True)
class ChatSource:
    """Entries of the channel that are new or changed, and those that one person alone is told."""

    database: Database
    easel: Easel
    topics: Sequence[str] = (BELL,)

    async def read(self, cursor: str) -> Change:
        """A cursor is a version. Who is far behind is told to load the page again."""
        async with self.database.reading() as tx:
            if not cursor:
                return Change(str(await last_version(tx)))
            after = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 10 else 0
            found = await list_changes(tx, MAIN, after, limit=_MOST_CHANGES + 1)
            found += await list_changes(tx, name_own(""), after, limit=_MOST_CHANGES + 1, below=True)
        last = str(max([after, *(entry.version for entry in found)]))
        if len(found) > _MOST_CHANGES:
            return Change(last, (), {"reload": True})
        found.sort(key=lambda entry: entry.number)
        return Change(last, [self._patch(entry, after) for entry in found])

    def _patch(self, entry: Entry, after: int) -> Patch:
        # An older one is drawn where it is shown, and nowhere else.
        into = "entries" if entry.number > after else ""
        own = entry.place.removeprefix(name_own("")) if entry.place.startswith(name_own("")) else ""
        return Patch(f"entry-{entry.id}", self.easel.draw(entry), into, person=own)


def make_source(house: House, easel: Easel) -> ChatSource:
    """The source of `chat`."""
    return ChatSource(house.database, easel)
