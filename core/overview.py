"""A home tab as one card with parts: what needs me, my agents, the fleet, and who I am here. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.cards import Sight, draw_agent
from core.columns import COLUMN_OF, COLUMNS, Column, sort_column
from core.messages import Button, Card, Reply, Tone
from core.model import Role, Status
from core.permissions import Decision
from core.prompts import title_task
from core.tab import TURN

MOST_ASKING, MOST_MINE, MOST_ROWS = 6, 8, 20
_LINES = 2
# States in which something can be stopped, by the column that shows them.
_STOPS = {"needs-you": Status.NEEDS_YOU, "trouble": Status.STUCK, "working": Status.WORKING, "queued": Status.QUEUED}


@dataclass(frozen=True, slots=True)
class Overview:
    """What somebody's tab shows. `asking` are agents that wait for somebody who may be them, `answerable` those whose
    buttons they may press; `mine` are their other agents; `rows` are the first of the fleet as they want to see it, of
    `total`. `counts` are by column, `stoppable` is how many of those wanted they could stop."""

    name: str
    role: Role
    projects: Mapping[str, Role] = field(default_factory=dict)
    links: Sequence[str] = ()
    asks: Sequence[Card] = ()
    asking: Sequence[Sight] = ()
    answerable: frozenset[str] = frozenset()
    mine: Sequence[Sight] = ()
    rows: Sequence[Sight] = ()
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    column: str = ""
    only_mine: bool = False
    stoppable: int = 0
    answer: Reply | None = None


def draw_overview(view: Overview, now: datetime) -> Card:
    """The tab of somebody who has a role."""
    parts = [
        *([_draw_answer(view.answer)] if view.answer and (view.answer.text or view.answer.cards) else []),
        _draw_asking(view, now),
        _draw_mine(view, now),
        _draw_fleet(view),
        _draw_self(view),
    ]
    return Card("Callboard", parts=_keep_primary(parts))


def draw_door(name: str, decision: Decision, lines: Sequence[str], *, can_ask: bool) -> Card:
    """The tab of somebody who may not look: why, and how to get in."""
    buttons = (Button("Ask for access", "access", primary=True),) if can_ask else ()
    shown = (f"{decision.reason} {decision.remedy}".strip(), *lines)
    footer = f"An admin lets you in: `admin grant {name} operator`" if can_ask else ""
    return Card("Callboard", parts=(Card("You have no role here yet", Tone.ASKING, shown, (), "", buttons, footer),))


def _draw_answer(answer: Reply) -> Card:
    dismiss = Button("Dismiss", f"{TURN}dismiss")
    lines = tuple(line for line in (answer.text,) if line.strip())
    return Card("Answer", Tone.PLAIN, lines, parts=tuple(answer.cards), buttons=(dismiss,), footer=answer.hint)


def _draw_asking(view: Overview, now: datetime) -> Card:
    total = len(view.asks) + len(view.asking)
    asks = list(view.asks[:MOST_ASKING])
    agents = [_draw_asker(sight, view, now) for sight in view.asking[: MOST_ASKING - len(asks)]]
    missing = total - len(asks) - len(agents)
    more = f'… {missing} more: `list --status "needs you"`, `admin people`' if missing else ""
    nothing = () if total else ("Nothing needs you.",)
    return Card(f"Needs you ({total})", lines=nothing, parts=(*asks, *agents), footer=more)


def _draw_asker(sight: Sight, view: Overview, now: datetime) -> Card:
    """With its answers for whoever may give them."""
    card = draw_agent(sight, now)
    mine = ("project", "owner", "branch")
    fields = tuple((label, value) for label, value in card.fields if label in mine)
    if sight.agent.id in view.answerable:
        return replace(card, fields=fields)
    buttons = tuple(button for button in card.buttons if button.command.startswith("stop "))
    return replace(card, fields=fields, buttons=buttons, footer="Somebody with the role approver answers this.")


def _draw_mine(view: Overview, now: datetime) -> Card:
    cards = [_draw_small(sight, now) for sight in view.mine[:MOST_MINE]]
    missing = len(view.mine) - len(cards)
    nothing = () if cards else ("None of yours at work, or waiting for you to take its work.",)
    more = f"… {missing} more: `list --mine`" if missing else ""
    return Card(f"Your agents ({len(view.mine)})", lines=nothing, parts=tuple(cards), footer=more)


def _draw_small(sight: Sight, now: datetime) -> Card:
    card = draw_agent(sight, now)
    return replace(card, lines=card.lines[:_LINES], fields=(), code="", footer="")


def _draw_fleet(view: Overview) -> Card:
    shown = view.rows[:MOST_ROWS]
    missing = view.total - len(shown)
    lines = tuple(_say_row(sight) for sight in shown) or ("Nothing here.",)
    more = f"… {missing} more: `list --all`" if missing > 0 else ""
    return Card(f"Fleet ({view.total})", lines=lines, buttons=(*_offer_columns(view), *_offer_stop(view)), footer=more)


def _say_row(sight: Sight) -> str:
    queue = f" · number {sight.queue} in the queue" if sight.queue else ""
    return f"{sight.agent.id} · {sight.status.value} · {title_task(sight.agent.task, 50)} · {sight.owner}{queue}"


def _offer_columns(view: Overview) -> list[Button]:
    """What of the fleet can be shown; what is shown already says so."""
    every = Column("", "All", ())
    buttons = [
        Button(_mark(f"{item.title} ({_count(view, item)})", item.name == view.column), f"{TURN}column {item.name}")
        for item in (every, *COLUMNS)
    ]
    whose = ("Everybody's", f"{TURN}all") if view.only_mine else ("Only mine", f"{TURN}mine")
    return [*buttons, Button(*whose)]


def _count(view: Overview, column: Column) -> int:
    return view.counts.get(column.name, 0) if column.name else sum(view.counts.values())


def _mark(label: str, is_shown: bool) -> str:
    return f"✓ {label}" if is_shown else label


def _offer_stop(view: Overview) -> list[Button]:
    if not view.stoppable:
        return []
    status = f' --status "{_STOPS[view.column].value}"' if view.column else ""
    mine = " --mine" if view.only_mine else ""
    return [Button(f"Stop these ({view.stoppable})…", f"stop all{status}{mine}")]


def find_stops(view_column: str, sights: Sequence[Sight]) -> list[Sight]:
    """Those in a column that run, or will."""
    wanted = _STOPS.get(view_column)
    return [sight for sight in sights if view_column == "" or sight.status is wanted]


def _draw_self(view: Overview) -> Card:
    links = ", ".join(view.links) or "nothing but this place"
    within = "".join(f", {role.name.lower()} in {name}" for name, role in sorted(view.projects.items()))
    lines = (f"{view.name}: {view.role.name.lower()}{within}", f"Known as: {links}")
    return Card("You", lines=lines, footer="`me` says what you may do, `me link` joins what you are elsewhere.")


def _keep_primary(parts: Sequence[Card]) -> tuple[Card, ...]:
    """At most one button of a page is the one to press."""
    is_free = True
    kept = []
    for part in parts:
        cards = []
        for card in (replace(part, parts=()), *part.parts):
            is_first = is_free and any(button.primary for button in card.buttons)
            is_free = is_free and not is_first
            buttons = [button if is_first else replace(button, primary=False) for button in card.buttons]
            cards.append(replace(card, buttons=tuple(buttons)))
        kept.append(replace(cards[0], parts=tuple(cards[1:])))
    return tuple(kept)


def sort_fleet(sights: Sequence[Sight], column: str) -> list[Sight]:
    """As the console has it: by column, in each who waits the longest first, else the newest."""
    wanted = [item.name for item in COLUMNS if column in ("", item.name)]
    by_column = {name: [sight for sight in sights if COLUMN_OF[sight.status] == name] for name in wanted}
    return [sight for name in wanted for sight in sort_column(name, by_column[name], lambda sight: sight.agent)]
