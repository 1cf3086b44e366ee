"""Signed HTTP: what Slack posts to the app's request URL, and what a forger would."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.records import Json, Sent

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

Trick = Literal[
    "forged", "stale", "future", "replayed", "oversized", "unsigned", "junk_time", "junk_signature", "changed"
]
STALE = 5 * 60 + 1
OVERSIZED = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A request to the app as it went out."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Taken:
    status: int
    text: str
    headers: dict[str, str]


class Door:
    """Sends to `slack.request_url`, or to the URL in `urls` for a kind (events_api, slash_commands, interactive)."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.urls: dict[str, str] = {}
        self.posted: dict[int, Posted] = {}
        self._session: aiohttp.ClientSession | None = None

    async def carry(self, sent: Sent, reason: str) -> str:
        more = {}
        if sent.attempts > 1:
            more = {"x-slack-retry-num": str(sent.attempts - 1), "x-slack-retry-reason": reason}
        posted = self.write(sent, more)
        self.posted[id(sent)] = posted
        started = asyncio.get_running_loop().time()
        try:
            taken = await self.post(posted, self.slack.ack_seconds)
        except TimeoutError:
            return "http_timeout"
        except aiohttp.ClientError:
            return "connection_failed"
        return self._note(sent, taken, asyncio.get_running_loop().time() - started)

    def _note(self, sent: Sent, taken: Taken, seconds: float) -> str:
        sent.status = taken.status
        if not 200 <= taken.status < 300:
            # The app may ask not to be told again.
            sent.final = taken.headers.get("X-Slack-No-Retry") == "1"
            return "http_error"
        sent.seconds, sent.answer = seconds, _read_answer(taken)
        sent.acked.set()
        return ""

    def write(self, sent: Sent, more: dict[str, str] | None = None) -> Posted:
        """A good request."""
        kind, body = _encode(sent)
        return self.sign(self.urls.get(sent.kind, self.slack.request_url), kind, body, self.slack.now(), more)

    def sign(self, url: str, kind: str, body: bytes, at: float, more: dict[str, str] | None = None) -> Posted:
        stamp = str(int(at))
        headers = {
            "Content-Type": kind,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": make_signature(self.slack.signing_secret, stamp, body),
        }
        return Posted(url=url, body=body, headers=headers | (more or {}))

    async def post(self, posted: Posted, timeout: float = 60.0) -> Taken:
        """Send a request as it is."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        limit = aiohttp.ClientTimeout(total=timeout)
        sending = self._session.post(posted.url, data=io.BytesIO(posted.body), headers=posted.headers, timeout=limit)
        async with sending as answer:
            return Taken(status=answer.status, text=await answer.text(), headers=dict(answer.headers))

    async def trick(self, sent: Sent, trick: Trick) -> Taken:
        """Send something that should be refused (of what was `replayed`, only the effect), and return the answer."""
        return await self.post(self.write_trick(sent, trick))

    def write_trick(self, sent: Sent, trick: Trick) -> Posted:
        good = self.posted.get(id(sent)) or self.write(sent)
        kind, now = good.headers["Content-Type"], self.slack.now()
        if trick == "replayed":
            return good
        if trick in ("stale", "future"):
            return self.sign(good.url, kind, good.body, now - STALE if trick == "stale" else now + STALE)
        if trick == "oversized":
            return self.sign(good.url, kind, good.body + b" " * OVERSIZED, now)
        if trick == "changed":
            return Posted(url=good.url, body=good.body + b"&x=1", headers=good.headers)
        return Posted(url=good.url, body=good.body, headers=_spoil_headers(good.headers, trick))

    async def verify_url(self) -> bool:
        """The challenge Slack sends when a request URL is entered."""
        body = json.dumps({"type": "url_verification", "token": "t", "challenge": "c-42"}).encode()
        url = self.urls.get("events_api", self.slack.request_url)
        taken = await self.post(self.sign(url, "application/json", body, self.slack.now()))
        return taken.status == 200 and "c-42" in taken.text

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def make_signature(secret: str, stamp: str, body: bytes) -> str:
    base = b"v0:" + stamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def _spoil_headers(headers: dict[str, str], trick: str) -> dict[str, str]:
    if trick == "unsigned":
        return {key: value for key, value in headers.items() if not key.startswith("X-Slack-")}
    spoilt = {
        "forged": {"X-Slack-Signature": "v0=" + "0" * 64},
        "junk_time": {"X-Slack-Request-Timestamp": "yesterday"},
        "junk_signature": {"X-Slack-Signature": "v0=é"},
    }
    return headers | spoilt[trick]


def _encode(sent: Sent) -> tuple[str, bytes]:
    if sent.kind == "events_api":
        return "application/json", json.dumps(sent.payload).encode()
    fields = sent.payload if sent.kind == "slash_commands" else {"payload": json.dumps(sent.payload)}
    return "application/x-www-form-urlencoded", urlencode(fields).encode()


def _read_answer(taken: Taken) -> Json | str | None:
    if not taken.text:
        return None
    try:
        read = json.loads(taken.text)
    except ValueError:
        return taken.text
    return read if isinstance(read, dict) else taken.text
