"""Signed HTTP: what Slack sends to /hooks/slack/events, proved before anything of it is read.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

from core.errors import BadInput, Refused, TemporaryFailure
from core.interfaces import Door, Plain, Setup
from integrations.slack.settings import SlackSettings

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

PATH = "/events"
WINDOW = 300
_STAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


def make_doors(setup: Setup) -> list[Door]:
    """The one door, where a signing secret is set."""
    settings: SlackSettings = setup.settings
    secret = settings.signing_secret.get_secret_value()
    if not secret:
        return []
    visit = Visit(setup)
    return [Door(PATH, lambda plain: check_signature(plain, secret, time.time()), visit.handle)]


def check_signature(plain: Plain, secret: str, now: float) -> None:
    """Raises Refused for what Slack did not sign, or signed more than five minutes ago."""
    stamp, given = (plain.headers.get(f"x-slack-{name}", "") for name in ("request-timestamp", "signature"))
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(given):
        raise Refused("This is not signed.")
    if abs(now - int(stamp)) > WINDOW:
        raise Refused("This is too old, or of the future.")
    signed = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + plain.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"v0={signed}", given):
        raise Refused("This is not signed by Slack.")


class Visit:
    """What comes through the door goes to a bolt app, made when the first does."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._app: AsyncApp | None = None

    async def handle(self, plain: Plain) -> Plain:
        """Slack's answer. Raises TemporaryFailure when nothing was acknowledged: Slack comes again, and
        BadInput for what is none of its requests."""
        from slack_bolt.request.async_request import AsyncBoltRequest

        app = await self._open()
        try:
            request = AsyncBoltRequest(body=plain.body.decode(), headers=dict(plain.headers))
        except ValueError as error:
            raise BadInput("This is nothing that Slack sends.") from error
        answer = await app.async_dispatch(request)
        if answer.status in (404, 500, 503):
            raise TemporaryFailure("Not acknowledged.")
        headers = {name: values[0] for name, values in answer.headers.items() if values}
        return Plain(headers, (answer.body or "").encode(), answer.status)

    async def _open(self) -> AsyncApp:
        from integrations.slack.app import make_app
        from integrations.slack.ear import Ear

        if self._app is None:
            ear = Ear(self._setup)
            await ear.meet()
            self._app = make_app(ear)
        return self._app
