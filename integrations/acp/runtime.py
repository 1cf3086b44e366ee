"""AgentRuntime over the Agent Client Protocol."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from acp import RequestError

from core.interfaces import Answer, Ask, Handshake, Listener, Opening
from core.model import Verdict
from integrations.acp.client import AcpClient
from integrations.acp.handshake import Hello, Limits, choose_offers, enter_session, greet_agent, try_session
from integrations.acp.lines import Lines
from integrations.acp.peer import Peer, explain_error
from integrations.acp.session import AcpSession


class Deaf:
    """A listener for handshakes: hears nothing and answers nothing."""

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        del kind, data

    async def ask(self, ask: Ask) -> Answer:
        del ask
        return Answer(Verdict.CANCELLED)


class AcpRuntime:
    """Speaks ACP version 1 with an agent over two streams, which stay their owner's."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    async def open(
        self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener
    ) -> AcpSession:
        """Open a session. Raises PermanentFailure when a step takes too long, the agent goes away or says no, or does
        not offer the model or mode."""
        client = AcpClient(listener)
        methods: Sequence[Mapping[str, Any]] = ()
        async with AsyncExitStack() as stack:
            peer = self._connect(reader, writer, client)
            stack.push_async_callback(peer.close)
            try:
                hello = await greet_agent(peer, self._limits)
                methods = hello.sign_in
                session = await self._enter(peer, client, hello, opening)
            except RequestError as error:
                raise explain_error(error, methods) from error
            stack.pop_all()
        return session

    async def greet(self, reader: StreamReader, writer: StreamWriter, folder: str = "") -> Handshake:
        """The handshake. Whether somebody is signed in is told by the attempt to open a session alone."""
        async with AsyncExitStack() as stack:
            client = AcpClient(Deaf())
            peer = self._connect(reader, writer, client)
            stack.push_async_callback(peer.close)
            try:
                hello = await greet_agent(peer, self._limits)
                return await try_session(peer, client, hello, folder, self._limits) if folder else hello.tell()
            except RequestError as error:
                raise explain_error(error, ()) from error

    def _connect(self, reader: StreamReader, writer: StreamWriter, client: AcpClient) -> Peer:
        lines = Lines(reader, writer, client.note, client.end_asks, send_limit=self._limits.send)
        return Peer(lines, client)

    async def _enter(self, peer: Peer, client: AcpClient, hello: Hello, opening: Opening) -> AcpSession:
        entry = await enter_session(peer, client, hello, opening, self._limits)
        await choose_offers(peer, client, entry, opening, self._limits)
        return AcpSession(peer, client, hello, entry)
