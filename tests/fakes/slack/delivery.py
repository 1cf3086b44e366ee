"""How what happens reaches the app: events are tried again, acts of people are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.records import Failure, Sent

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

# After each failed delivery of an event: at once, after a minute, after five. Then Slack gives up.
RETRIES = (0.0, 60.0, 300.0)


async def send(slack: FakeSlack, sent: Sent) -> Sent:
    """Send one thing and return when it was answered or has failed for now."""
    slack.sent.append(sent)
    await _try(slack, sent)
    return sent


async def _try(slack: FakeSlack, sent: Sent, reason: str = "") -> None:
    reason = await attempt(slack, sent, reason)
    if not reason:
        return
    if sent.kind != "events_api":
        slack.failures.append(Failure(kind=sent.kind, user=sent.user, reason=reason, payload=sent.payload))
        await slack.tell()
        return
    await _retry(slack, sent, reason)


async def _retry(slack: FakeSlack, sent: Sent, reason: str) -> None:
    if sent.attempts > len(RETRIES) or sent.final:
        slack.lost.append(sent)
        return
    wait = RETRIES[sent.attempts - 1]
    if wait:
        slack.due.append((slack.now() + wait, sent, reason))
    else:
        await _try(slack, sent, reason)


async def attempt(slack: FakeSlack, sent: Sent, reason: str = "") -> str:
    """One delivery, whose `reason` is why the one before failed. Returns why it failed, "" when it was answered."""
    sent.attempts += 1
    carrier = slack.door if slack.request_url else slack.sockets
    failed = await carrier.carry(sent, reason)
    await slack.tell()
    return failed


async def send_due(slack: FakeSlack) -> None:
    """Try again what is due by now."""
    now = slack.now()
    ready = [item for item in slack.due if item[0] <= now]
    slack.due = [item for item in slack.due if item[0] > now]
    for _, sent, reason in ready:
        await _try(slack, sent, reason)
