"""One agent's totals, from what its sessions say: a session tells its cost so far, and each turn its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.model import Agent

_DOLLARS = (None, "", "USD")


@dataclass(slots=True)
class Meter:
    """`cost` (US dollars) and `tokens` are the agent's, over all its sessions; `told` is what `session` said last of
    its cost. `held`: usage that was heard before it is known which session speaks, None once that is known."""

    cost: float | None = None
    tokens: int | None = None
    session: str = ""
    told: float | None = None
    held: list[Mapping[str, Any]] | None = None

    def open(self, session: str) -> None:
        """This session speaks from now on. One that is spoken to again goes on counting from where it was."""
        if session != self.session:
            self.session, self.told = session, None
        held, self.held = self.held or [], None
        for data in held:
            self.hear(data)

    def hear(self, data: Mapping[str, Any]) -> None:
        """Take what a session says. An amount below the last one is of a program that began to count anew; another
        currency is unknown."""
        if self.held is not None:
            self.held.append(data)
            return
        cost, tokens = data.get("cost"), data.get("tokens")
        if cost is not None and cost >= 0 and data.get("currency") in _DOLLARS:
            more = cost - self.told if self.told is not None and cost >= self.told else cost
            self.cost, self.told = (self.cost or 0.0) + more, cost
        if tokens is not None:
            self.tokens = (self.tokens or 0) + tokens

    def write(self) -> dict[str, Any]:
        """What is stored of it beside the totals."""
        return {"session": self.session, "told": self.told}


def read_meter(agent: Agent) -> Meter:
    """An agent's totals so far; which session speaks next is not known yet."""
    stored = agent.meter
    return Meter(agent.cost, agent.tokens, stored.get("session", ""), stored.get("told"), held=[])
