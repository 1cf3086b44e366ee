"""An open conversation with an agent."""

from __future__ import annotations

from collections.abc import Sequence

from acp import RequestError

from core.interfaces import GivenFile, TurnEnd
from integrations.acp.client import AcpClient
from integrations.acp.content import write_blocks
from integrations.acp.handshake import Entry, Hello
from integrations.acp.peer import Peer, explain_error
from integrations.acp.translate import read_end


class AcpSession:
    """Session over ACP. It is over when the agent goes away; `close` is for whoever leaves first."""

    def __init__(self, peer: Peer, client: AcpClient, hello: Hello, entry: Entry) -> None:
        self._peer = peer
        self._client = client
        self._hello = hello
        self._entry = entry
        self._cancelled = False

    @property
    def id(self) -> str:
        return self._entry.id

    @property
    def how(self) -> str:
        return self._entry.how

    async def prompt(self, text: str, files: Sequence[GivenFile] = ()) -> TurnEnd:
        """One turn. Everything that the agent sent before its end was heard when this returns or raises. Raises
        PermanentFailure when the agent goes away, says no, or breaks the protocol."""
        self._cancelled = False
        params = {"sessionId": self.id, "prompt": write_blocks(text, files, self._hello.can)}
        with self._client.turn():
            try:
                result = await self._peer.call("session/prompt", params, None)
            except RequestError as error:
                if self._cancelled:
                    return TurnEnd("cancelled", cost=self._client.cost)
                raise explain_error(error, self._hello.sign_in) from error
            end = read_end(result, self._client.cost)
            if end.tokens is not None:
                self._client.hear("usage", {"tokens": end.tokens})
            return end

    async def cancel(self) -> None:
        """Ask the agent to end its turn; whoever is asked need not answer any more."""
        self._cancelled = True
        try:
            await self._peer.notify("session/cancel", {"sessionId": self.id})
        finally:
            self._client.end_asks(for_turn=True)

    async def close(self) -> None:
        """Stop listening. A turn that runs ends with PermanentFailure."""
        await self._peer.close()
