"""The card of whatever a posting shows."""

from __future__ import annotations

from bot.house import House
from bot.overview import draw_home
from bot.views import see_agent
from core import tab
from core.asks import draw_ask
from core.cards import draw_agent
from core.messages import Card
from core.model import Agent
from core.prose import TURN, draw_turn
from core.store import Transaction, get


async def draw_subject(tx: Transaction, house: House, subject: str) -> Card | None:
    """The card of a posting's subject (`agent:ID`, `access:ID`, `home:PLACE`, `turn:…`); None when there is no such
    thing any more."""
    kind, _, name = subject.partition(":")
    if kind == "access":
        return await draw_ask(tx, name, house.projects)
    if kind == TURN:
        return await draw_turn(tx, subject)
    if kind == tab.KIND:
        return await draw_home(tx, house, name)
    agent = await get(tx, Agent, id=name) if kind == "agent" else None
    return draw_agent(await see_agent(tx, house, agent), house.now()) if agent else None
