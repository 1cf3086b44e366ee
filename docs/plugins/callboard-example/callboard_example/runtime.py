"""Speaks with the agent in lines of JSON, each a word and a text. We say hello, task, yes, no and stop; the agent says
hello, say, ask and end."""

from __future__ import annotations

import asyncio
import json
import uuid
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence

from core.errors import PermanentFailure
from core.interfaces import Ask, GivenFile, Handshake, Listener, Opening, TurnEnd
from core.model import RequestKind, Verdict

LIMIT = 10.0


class Wire:
    """Both directions. The streams are their owner's to close."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def tell(self, word: str, text: str = "") -> None:
        """Send a line. Raises PermanentFailure."""
        try:
            self._writer.write(json.dumps([word, text]).encode() + b"\n")
            async with asyncio.timeout(LIMIT):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise PermanentFailure("The agent does not listen any more.") from error

    async def hear(self) -> tuple[str, str]:
        """Wait for a line. Raises PermanentFailure."""
        try:
            line = await self._reader.readline()
            if not line:
                raise PermanentFailure("The agent went away.")
            word, text = json.loads(line)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise PermanentFailure("The agent said something that is no line of ours.") from error
        # No database takes NUL or half a surrogate pair.
        return str(word), str(text).encode("utf-8", "replace").decode().replace("\0", "")

    async def greet(self) -> Handshake:
        """The handshake. Raises PermanentFailure."""
        await self.tell("hello")
        try:
            async with asyncio.timeout(LIMIT):
                word, text = await self.hear()
        except TimeoutError as error:
            raise PermanentFailure(f"The agent did not say hello within {LIMIT:.0f} s.") from error
        name, _, version = text.partition(" ")
        if word != "hello" or not name:
            raise PermanentFailure(f"The agent said {word!r} and not hello.")
        return Handshake(name, version, can=())


class LineSession:
    """A Session of core/interfaces. The agent remembers nothing: a session that is to be loaded is rebuilt."""

    def __init__(self, wire: Wire, listener: Listener, opening: Opening) -> None:
        self.id = opening.session or uuid.uuid4().hex
        self.how = "rebuilt" if opening.session else "new"
        self._wire = wire
        self._listener = listener

    async def prompt(self, text: str, files: Sequence[GivenFile] = ()) -> TurnEnd:
        """One turn; the agent is told where files are. Raises PermanentFailure."""
        await self._wire.tell("task", " ".join([text, *(file.path for file in files)]))
        word, text = await self._wire.hear()
        while word != "end":
            if word == "say":
                self._listener.hear("message", {"text": text})
                word, text = await self._wire.hear()
            elif word == "ask":
                word, text = await self._ask(text)
            else:
                raise PermanentFailure(f"The agent said {word!r}, which means nothing.")
        return TurnEnd(text)

    async def cancel(self) -> None:
        """Raises PermanentFailure."""
        await self._wire.tell("stop")

    async def _ask(self, text: str) -> tuple[str, str]:
        """What the agent says next, once it was answered or did not wait for it."""
        ask = Ask(RequestKind.PERMISSION, text, tool="note", detail={"command": text})
        asking = asyncio.create_task(self._listener.ask(ask))
        hearing = asyncio.create_task(self._wire.hear())
        try:
            await asyncio.wait((asking, hearing), return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                granted = asking.result().verdict in (Verdict.ONCE, Verdict.AGENT)
                await self._wire.tell("yes" if granted else "no")
            return await hearing
        finally:
            asking.cancel()
            hearing.cancel()
            await asyncio.wait((asking, hearing))


class LineRuntime:
    """An AgentRuntime of core/interfaces."""

    async def open(
        self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener
    ) -> LineSession:
        """Raises PermanentFailure."""
        wire = Wire(reader, writer)
        await wire.greet()
        return LineSession(wire, listener, opening)

    async def greet(self, reader: StreamReader, writer: StreamWriter, folder: str = "") -> Handshake:
        """Raises PermanentFailure."""
        return await Wire(reader, writer).greet()
