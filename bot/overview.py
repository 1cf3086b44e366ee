"""What a home tab shows, read from the store for the one who looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.admission import lift_actor, read_facts
from bot.bulk import find_hindrance
from bot.house import House
from bot.views import see_agent, see_agents
from core.asks import describe_answer, draw_ask
from core.cards import Sight
from core.columns import COLUMN_OF, COLUMNS
from core.errors import Refused
from core.identities import list_linked
from core.lifecycle import ENDS
from core.messages import Card, Place
from core.model import Actor, Agent, Outcome, RequestKind, Role, Status
from core.overview import MOST_ASKING, MOST_ROWS, Overview, draw_door, draw_overview, find_stops, sort_fleet
from core.people import find_person, load_actor
from core.permissions import RULES, Facts, allow, demand_stranger
from core.requests import list_open
from core.store import Transaction, find, get
from core.store.fleet import count_outcomes, list_agents
from core.store.visits import find_last_ask
from core.tab import Tab
from core.visits import Ask, AskState
from core.wire import decode_reply

_MOST = 1_000
_FEW = 5
# What of somebody's own that rests they are reminded of.
_LEFT = (Outcome.FAILED, Outcome.READY, Outcome.DONE)


async def draw_home(tx: Transaction, house: House, place: str) -> Card | None:
    """The tab at a place, for whoever opened it as they are now; None when it is forgotten."""
    tab = await get(tx, Tab, place=place)
    if tab is None:
        return None
    actor, facts = await _find_viewer(tx, house, tab)
    decision = allow(actor, "list", RULES["list"], None, facts)
    if decision.allowed:
        return draw_overview(await _look(tx, house, tab, actor), house.now())
    return draw_door(actor.name, decision, await _say_asked(tx, actor), can_ask=not _is_stranger(facts))


async def _find_viewer(tx: Transaction, house: House, tab: Tab) -> tuple[Actor, Facts]:
    chat = Place.parse(tab.place).chat
    person = await find_person(tx, tab.identity)
    actor = await load_actor(tx, person.id, chat) if person else Actor("", tab.name, Role.NOBODY, chat)
    return lift_actor(house.settings, actor, tab.facts), read_facts(house.settings, chat, tab.facts)


def _is_stranger(facts: Facts) -> bool:
    try:
        demand_stranger(facts)
    except Refused:
        return True
    return False


async def _say_asked(tx: Transaction, actor: Actor) -> list[str]:
    last = await find_last_ask(tx, actor.person) if actor.person else None
    if last is None:
        return []
    word = f" Your code word is “{last.word}”." if last.state is AskState.OPEN else ""
    return [f"You asked for access: {await describe_answer(tx, last)}.{word}"]


async def _look(tx: Transaction, house: House, tab: Tab, actor: Actor) -> Overview:
    busy = await see_agents(tx, house, await list_agents(tx, outcome=Outcome.NONE, limit=_MOST))
    owner = actor.person if tab.mine else ""
    fleet = [sight for sight in busy if owner in ("", sight.agent.owner)]
    counts = await _count_columns(tx, fleet, owner)
    asking, answerable = await _find_asking(tx, house, busy, actor)
    chosen = find_stops(tab.column, fleet)
    return Overview(
        name=actor.name,
        role=actor.role,
        links=[item.key for item in await list_linked(tx, actor.person)],
        projects=actor.projects,
        asks=await _list_asks(tx, house, actor),
        asking=asking,
        answerable=answerable,
        mine=await _find_mine(tx, house, busy, actor, {sight.agent.id for sight in asking}),
        rows=await _find_rows(tx, house, fleet, tab.column, owner),
        total=counts.get(tab.column, 0) if tab.column else sum(counts.values()),
        counts=counts,
        column=tab.column,
        only_mine=tab.mine,
        stoppable=sum(not find_hindrance(actor, sight) for sight in chosen),
        answer=decode_reply(tab.answer) if tab.answer else None,
    )


async def _count_columns(tx: Transaction, busy: Sequence[Sight], owner: str) -> Mapping[str, int]:
    counts = Counter(COLUMN_OF[sight.status] for sight in busy)
    for outcome, number in (await count_outcomes(tx, owner)).items():
        if outcome is not Outcome.NONE:
            counts[COLUMN_OF[ENDS[outcome]]] += number
    return counts


async def _find_asking(
    tx: Transaction, house: House, busy: Sequence[Sight], actor: Actor
) -> tuple[list[Sight], frozenset[str]]:
    """Agents that wait for this person, the longest first: theirs, and those that they may answer; and the ids of the
    latter. The first are seen whole."""
    kinds = {request.agent: request.kind for request in await list_open(tx)}
    answerable = frozenset(
        sight.agent.id
        for sight in busy
        if sight.agent.id in kinds and _may_answer(actor, kinds[sight.agent.id], sight.agent)
    )
    waiting = [sight for sight in sort_fleet(busy, "needs-you") if sight.status is Status.NEEDS_YOU]
    asking = [sight for sight in waiting if sight.agent.id in answerable or sight.agent.owner == actor.person]
    whole = [await see_agent(tx, house, sight.agent) for sight in asking[:MOST_ASKING]]
    return [*whole, *asking[MOST_ASKING:]], answerable


def _may_answer(actor: Actor, kind: RequestKind, agent: Agent) -> bool:
    verb = "answer" if kind is RequestKind.QUESTION else "approve"
    return allow(actor, verb, RULES[verb], agent.owner, project=agent.project).allowed


async def _find_mine(
    tx: Transaction, house: House, busy: Sequence[Sight], actor: Actor, shown: set[str]
) -> list[Sight]:
    """Their other agents: at work, and of those that rest the newest whose work nobody took."""
    left = [
        agent
        for outcome in _LEFT
        for agent in await list_agents(tx, owner=actor.person, outcome=outcome, limit=_FEW)
        if not agent.accepted and (agent.commits or outcome is not Outcome.DONE)
    ]
    working = [sight for sight in busy if sight.agent.owner == actor.person and sight.agent.id not in shown]
    return sort_fleet([*working, *await see_agents(tx, house, left)], "")


async def _find_rows(tx: Transaction, house: House, busy: Sequence[Sight], column: str, owner: str) -> list[Sight]:
    """The first rows, in order: those at work, and of what rests no more than fits."""
    outcomes = [outcome for item in COLUMNS if column in ("", item.name) for outcome in item.outcomes]
    resting = [
        agent
        for outcome in outcomes
        for agent in await list_agents(tx, owner=owner, outcome=outcome, limit=MOST_ROWS if column else _FEW)
    ]
    return sort_fleet([*busy, *await see_agents(tx, house, resting)], column)[:MOST_ROWS]


async def _list_asks(tx: Transaction, house: House, actor: Actor) -> list[Card]:
    """Who waits to be let in by this person."""
    if not allow(actor, "grant", RULES["grant"]).allowed:
        return []
    asks = sorted(await find(tx, Ask, state=AskState.OPEN), key=lambda ask: ask.created_at)
    cards = [await draw_ask(tx, ask.id, house.projects) for ask in asks]
    return [replace(card, footer="") for card in cards if card]
