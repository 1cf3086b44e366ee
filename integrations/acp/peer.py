"""The agent at the other end of the line: requests with a limit, and failures in the house's words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from acp import RequestError
from acp.connection import Connection

from core.errors import PermanentFailure
from integrations.acp.client import AcpClient
from integrations.acp.excerpt import cut_text, dump_json
from integrations.acp.lines import Lines

AUTH_REQUIRED = -32000


class Silent(PermanentFailure):
    """The agent did not answer in time."""


class Peer:
    """One connection. Raises PermanentFailure when the agent is gone, RequestError when it says no."""

    def __init__(self, lines: Lines, client: AcpClient) -> None:
        self._lines = lines
        self._client = client
        self._connection = Connection(client.handle, lines)

    async def call(self, method: str, params: Mapping[str, Any], limit: float | None) -> dict[str, Any]:
        """The result, {} for none. `limit` is in seconds, None for no limit; Silent when it is over."""
        try:
            async with asyncio.timeout(limit):
                result = await self._connection.send_request(method, params)
        except TimeoutError:
            raise Silent(f"The agent did not answer {method} within {limit:g} s.") from None
        except OSError:
            raise self.mourn() from None
        return result if isinstance(result, dict) else {}

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell the agent something. Telling one that is gone is no failure: its open requests say so."""
        try:
            await self._connection.send_notification(method, params)
        except OSError:
            return

    async def close(self) -> None:
        """Stop listening; the streams stay their owner's. No task is left."""
        await self._client.withdraw_asks()
        await self._connection.close()

    def mourn(self) -> PermanentFailure:
        """The failure for an agent that went away, with what it said last."""
        said = f"Its last words: {self._lines.words}" if self._lines.words else ""
        return PermanentFailure(" ".join(filter(None, ("The agent went away.", self._lines.trouble, said))))


def needs_sign_in(error: RequestError) -> bool:
    told = f"{error} {error.data}".lower()
    return "authentication required" in told or "auth_required" in told or error.code == AUTH_REQUIRED


def explain_error(error: RequestError, methods: Sequence[Mapping[str, Any]]) -> PermanentFailure:
    """The failure for an agent that says no, with its own words and, where that is it, how to sign in."""
    message = f"The agent says: {describe_error(error)}"
    if not needs_sign_in(error):
        return PermanentFailure(message)
    names = [name for method in methods if isinstance(name := method.get("name") or method.get("id"), str)]
    return PermanentFailure(message, remedy=f"sign in: {', '.join(names) or 'see the documentation of this agent'}.")


def describe_error(error: RequestError) -> str:
    """One line: the message, and the details where they say more."""
    details = error.data.get("details") or error.data.get("message") if isinstance(error.data, dict) else error.data
    more = details if isinstance(details, str) or details is None else dump_json(details)
    text = f"{error} ({more})" if more and more not in str(error) else str(error)
    return cut_text(" ".join(text.split()), 1_000)
