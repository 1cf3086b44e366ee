"""An incoming webhook: notices to one channel, without an app that hears anything.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

from dataclasses import replace

import aiohttp

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Chat
from core.messages import Card, Place, Reply
from integrations.slack.blocks import draw_reply
from integrations.slack.web import SECONDS

ADDRESS = "webhook"
PROGRAM = "callboard"
_REMEMBERED = 2_000
_LONGEST = 60
_MAKE = "Make a new incoming webhook in the app's settings, and set SLACK_WEBHOOK_URL."
_REMEDIES = {
    "no_service": _MAKE,
    "no_service_id": _MAKE,
    "no_active_hooks": _MAKE,
    "invalid_token": _MAKE,
    "no_team": _MAKE,
    "team_disabled": _MAKE,
    "user_not_found": _MAKE,
    "channel_not_found": _MAKE,
    "channel_is_archived": "Unarchive the channel, or make a webhook for another and set SLACK_WEBHOOK_URL.",
    "action_prohibited": "An admin of the workspace forbids it: ask them, or make a webhook for another channel.",
    "posting_to_general_channel_denied": "Make a webhook for another channel, and set SLACK_WEBHOOK_URL.",
    "invalid_payload": "This is a fault of Callboard: please report it.",
}


class Webhook:
    """A Notifier. The same key is sent once as long as the bot runs; Slack itself cannot tell."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sent: dict[str, None] = {}

    async def notify(self, address: str, reply: Reply, key: str) -> str:
        """Send it; the receipt is the key. Raises TemporaryFailure, and PermanentFailure with what to do."""
        if address != ADDRESS:
            raise PermanentFailure(f"There is no slack:{address[:40]}: only a webhook is set up.", remedy=_MAKE)
        if key not in self._sent:
            drawn = draw_reply(bare(reply), PROGRAM)
            await self._post({"text": drawn.text, "blocks": drawn.blocks, "unfurl_links": False, "unfurl_media": False})
            self._sent[key] = None
            if len(self._sent) > _REMEMBERED:
                del self._sent[next(iter(self._sent))]
        return key

    async def _post(self, content: dict[str, object]) -> None:
        limit = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(self._url, json=content, allow_redirects=False) as response,
            ):
                said = (await response.content.read(1_000)).decode("utf-8", "replace")
                judge_answer(response.status, said, response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryFailure(f"Slack did not answer: {type(error).__name__}.") from error


def judge_answer(status: int, said: str, retry_after: str = "") -> None:
    """Raises TemporaryFailure for what is tried again, and PermanentFailure for what cannot be helped by that."""
    if status == 200:
        return
    if status == 429:
        raise TemporaryFailure("Slack asks to wait.", retry_after=float(retry_after) if retry_after.isdigit() else 30.0)
    if status >= 500:
        raise TemporaryFailure(f"Slack is in trouble: {status}.")
    code = " ".join(said.split())[:_LONGEST] or str(status)
    raise PermanentFailure(f"Slack refused the webhook: {code}.", remedy=_REMEDIES.get(code, _MAKE))


def bare(reply: Reply) -> Reply:
    """What a webhook can show: nothing to press, and no files."""
    cards = tuple(replace(card, buttons=()) for card in reply.cards)
    names = ", ".join(file.name for file in reply.attachments)
    more = f"\n({len(reply.attachments)} file(s) are not sent here: {names})" if names else ""
    return replace(reply, text=f"{reply.text}{more}".strip(), cards=cards, attachments=())


class HookedChat:
    """A Chat with a webhook beside it, or with nothing but that."""

    def __init__(self, webhook: Webhook, chat: Chat | None) -> None:
        self._webhook = webhook
        self._chat = chat

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Say something. Raises as both do."""
        if self._chat and place.address != ADDRESS:
            return await self._chat.post(place, reply, key)
        return await self._webhook.notify(place.address, reply, key)

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Draw a card. Raises PermanentFailure where nothing that was sent can be changed."""
        if self._chat and place.address != ADDRESS:
            return await self._chat.draw(place, card, reference, key)
        raise PermanentFailure("A webhook cannot show cards that change.", remedy="Set up a bot: `slack setup`.")

    async def find(self, place: Place, key: str) -> str:
        """A webhook cannot look up what it sent."""
        return await self._chat.find(place, key) if self._chat and place.address != ADDRESS else ""
