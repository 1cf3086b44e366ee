"""Messages that grow: chat.startStream, appendStream and stopStream, in bounds, with the edit as the other way.

https://docs.slack.dev/reference/methods/chat.startStream
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from core.errors import PermanentFailure, TemporaryFailure
from integrations.slack.budget import Budget
from integrations.slack.places import split_reference
from integrations.slack.web import call, read_code

log = structlog.get_logger()
# Said of the place or the token, and not of streams.
_ELSEWHERE = ("channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "token_revoked", "account_inactive")
_STARTS, _APPENDS = 18, 90


class Streams:
    """The streams that this process began: what was said in each. One of an earlier process is ended, then edited."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._said: dict[str, str] = {}
        self._ended: set[str] = set()
        self._starts, self._appends = Budget(_STARTS, 0), Budget(_APPENDS, 0)
        self._can = True

    async def start(self, channel: str, thread: str, readers: Sequence[str], text: str) -> str:
        """The reference of a new stream; "" where there can be none. Raises TemporaryFailure and PermanentFailure."""
        reader = next((one for one in readers if one.startswith("slack:")), "")
        if not self._can or not reader or self._starts.take(time.monotonic(), urgent=False):
            return ""
        team, _, user = reader.removeprefix("slack:").partition("/")
        begun = self._client.chat_startStream(
            channel=channel, thread_ts=thread, markdown_text=text, recipient_team_id=team, recipient_user_id=user
        )
        try:
            said = await call(begun)
        except PermanentFailure as failure:
            if _read(failure) in _ELSEWHERE:
                raise
            # A workspace that takes no streams takes edits.
            log.info("Slack takes no streams here", reason=str(failure))
            self._can = False
            return ""
        reference = f"{channel}/{said['ts']}"
        self._said[reference] = text
        return reference

    def pass_over(self, reference: str) -> None:
        """This message is none of them."""
        self._ended.add(reference)

    async def go_on(self, reference: str, text: str, marker: Mapping[str, Any], *, is_over: bool) -> bool:
        """Say what came after; False where the message is to be edited. Raises TemporaryFailure."""
        said = self._said.get(reference)
        grows = said is not None and text.startswith(said)
        more = text[len(said or "") :] if grows else ""
        if reference in self._ended:
            is_said = False
        elif grows and not is_over:
            is_said = not more or await self._append(reference, text, more, marker)
        else:
            is_said = await self._stop(reference, more, marker) and grows
        if is_over:
            self._ended.discard(reference)
        return is_said

    async def _append(self, reference: str, text: str, more: str, marker: Mapping[str, Any]) -> bool:
        if wait := self._appends.take(time.monotonic(), urgent=False):
            raise TemporaryFailure("Slack takes no more of streams this minute.", retry_after=wait)
        channel, ts = split_reference(reference)
        try:
            await self._call(reference, self._client.chat_appendStream(channel=channel, ts=ts, markdown_text=more))
        except PermanentFailure:
            await self._stop(reference, "", marker)
            return False
        self._said[reference] = text
        return True

    async def _stop(self, reference: str, more: str, marker: Mapping[str, Any]) -> bool:
        """Whether it was a stream until now."""
        channel, ts = split_reference(reference)
        stop = self._client.chat_stopStream(channel=channel, ts=ts, metadata=dict(marker), markdown_text=more or None)
        is_stopped = True
        try:
            await self._call(reference, stop)
        except PermanentFailure as failure:
            log.debug("no stream any more", reference=reference, reason=str(failure))
            is_stopped = False
        self._ended.add(reference)
        self._said.pop(reference, None)
        return is_stopped

    async def _call(self, reference: str, request: Awaitable[Any]) -> None:
        """When Slack does not answer, nobody knows what it has: the stream is ended next, and edited."""
        try:
            await call(request)
        except TemporaryFailure as failure:
            if failure.retry_after is None:
                self._said.pop(reference, None)
            raise


def _read(failure: PermanentFailure) -> str:
    cause = failure.__cause__
    return read_code(cause) if isinstance(cause, SlackApiError) else ""
