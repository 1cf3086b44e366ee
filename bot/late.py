"""A runtime that is made when the first agent needs it: its protocol's library may take as long to import as the rest
of the bot."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

from core.interfaces import AgentRuntime, Handshake, Listener, Opening, Session


class LateRuntime:
    """An AgentRuntime of core/interfaces. The import happens beside the loop, once."""

    def __init__(self, make: Callable[[], AgentRuntime]) -> None:
        self._make = make
        self._made: AgentRuntime | None = None
        self._making = asyncio.Lock()

    async def warm_up(self) -> AgentRuntime:
        """Make it now, so that no agent waits for it."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made

    async def open(self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener) -> Session:
        runtime = self._made or await self.warm_up()
        return await runtime.open(reader, writer, opening, listener)

    async def greet(self, reader: StreamReader, writer: StreamWriter, folder: str = "") -> Handshake:
        runtime = self._made or await self.warm_up()
        return await runtime.greet(reader, writer, folder)
