"""Whether Slack takes the bot's token. Once it has refused it nothing is asked any more, until there is a new one."""

from __future__ import annotations

import asyncio

from core.errors import Held
from core.interfaces import Setup

# The page of the notebook that says which workspace the bot is at home in.
TEAM = "team"
REVOKED = ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive")


class Line:
    """What all parts made of one setup share."""

    def __init__(self) -> None:
        self._cut = asyncio.Event()
        self._why = ""
        self._remedy = ""
        # Number of a connection that is there -> since when, in seconds since 1970.
        self.connected: dict[int, float] = {}

    def cut(self, message: str, remedy: str) -> None:
        """Slack refused the token. The first reason stays."""
        if not self._cut.is_set():
            self._why, self._remedy = message, remedy
            self._cut.set()

    def check(self) -> None:
        """Raises Held once it is cut."""
        if self._cut.is_set():
            raise Held(self._why, remedy=self._remedy)

    async def watch(self) -> None:
        """Wait until it is cut; raises Held then."""
        await self._cut.wait()
        self.check()


def open_line(setup: Setup) -> Line:
    """The line of a setup."""
    line = setup.shared.setdefault("line", Line())
    assert isinstance(line, Line)
    return line
