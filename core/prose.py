"""What an agent says in a turn, as a card of the turn: drawn from its transcript, for places with a thread of its own.

A turn is `turn:AGENT:NUMBER:LINE`: it begins behind that line of the transcript, and ends where the next one begins.
"""

from __future__ import annotations

from core.messages import Card, Tone
from core.model import Agent, Identity
from core.store import Transaction, find, get
from core.store.thread import list_turns, read_words

TURN = "turn"
LONGEST = 500_000


async def name_turn(tx: Transaction, agent: Agent, number: int, line: int) -> str:
    """The subject of a turn; that of the same turn before it was cut short, if it was. "" outside of threads."""
    if not agent.place.endswith(f"/{agent.id}"):
        return ""
    known = [subject for subject in await list_turns(tx, agent.id) if _read(subject)[1] == number]
    return known[0] if known else f"{TURN}:{agent.id}:{number}:{line}"


async def draw_turn(tx: Transaction, subject: str) -> Card | None:
    """None when it is forgotten, or nothing was said in it."""
    name, number, line = _read(subject)
    agent = await get(tx, Agent, id=name)
    later = [_read(other)[1:] for other in await list_turns(tx, name)]
    end = min((begin for turn, begin in later if turn > number), default=None)
    said = await read_words(tx, name, line, end, LONGEST + 1) if agent else ""
    if agent is None or not said.strip():
        return None
    if len(said) > LONGEST:
        said = f"{said[:LONGEST]}\n… (more than {LONGEST:,} characters; the rest is in the transcript: logs {name})"
    identities = await find(tx, Identity, person=agent.owner)
    return Card(
        title=f"{name} · turn {number}",
        tone=Tone.BUSY,
        prose=said.strip("\n"),
        growing=agent.turn_started_at is not None and agent.turns == number,
        readers=tuple(sorted(identity.key for identity in identities)),
    )


def _read(subject: str) -> tuple[str, int, int]:
    _, agent, number, line = subject.split(":")
    return agent, int(number), int(line)
