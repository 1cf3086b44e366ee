"""The webhook as a notifier, before the stand-in: the exam, and what each answer of Slack means."""

from __future__ import annotations

import pytest

from core.errors import PermanentFailure, TemporaryFailure
from core.exam import examine_notifier
from core.messages import Attachment, Button, Card, Place, Reply
from integrations.slack.webhook import HookedChat, Webhook, judge_answer
from tests.fakes.slack.server import FakeSlack


async def test_it_passes_the_exam() -> None:
    async with FakeSlack() as slack:
        slack.channel("ops")
        webhook = Webhook(f"{slack.url}{slack.webhook('ops')}")

        def read() -> str:
            return "\n".join(slack.text_of(message) for message in slack.messages("ops"))

        await examine_notifier(webhook, read, "webhook", wrong="C01")
        assert slack.pings == slack.unexpected == []


async def test_what_cannot_be_pressed_or_sent_is_not_there_and_that_is_told() -> None:
    async with FakeSlack() as slack:
        slack.channel("ops")
        chat = HookedChat(Webhook(f"{slack.url}{slack.webhook('ops')}"), None)
        card = Card("web-1 · working", buttons=(Button("Stop", "stop web-1"),))
        reply = Reply("look", cards=(card,), attachments=(Attachment("a.diff", "+1"),), hint="`approve web-1`")
        await chat.post(Place("slack", "webhook"), reply, "d-1")
        (message,) = slack.messages("ops")
        said = slack.text_of(message)
        assert "Stop" not in said
        assert "1 file(s) are not sent here: a.diff" in said
        assert "callboard approve web-1" in said
        with pytest.raises(PermanentFailure, match="cards that change"):
            await chat.draw(Place("slack", "webhook"), card, "", "c-1")
        assert await chat.find(Place("slack", "webhook"), "d-1") == ""


@pytest.mark.parametrize("fault", ["429", "503", "close", "500"])
async def test_what_passes_is_tried_again(fault: str) -> None:
    async with FakeSlack() as slack:
        slack.channel("ops")
        webhook = Webhook(f"{slack.url}{slack.webhook('ops')}")
        slack.trouble(fault, "webhook", retry_after=7)
        with pytest.raises(TemporaryFailure) as caught:
            await webhook.notify("webhook", Reply("hello"), "d-1")
        assert caught.value.retry_after == (7 if fault == "429" else None)
        await webhook.notify("webhook", Reply("hello"), "d-1")
        assert len(slack.messages("ops")) == 1


async def test_what_cannot_be_helped_says_what_to_do() -> None:
    async with FakeSlack() as slack:
        ops = slack.channel("ops")
        webhook = Webhook(f"{slack.url}{slack.webhook('ops')}")
        ops.archived = True
        with pytest.raises(PermanentFailure, match=r"channel_is_archived\. Unarchive"):
            await webhook.notify("webhook", Reply("hello"), "d-1")
        with pytest.raises(PermanentFailure, match=r"no_service\. Make a new"):
            await Webhook(f"{slack.url}/services/T0/B0/gone").notify("webhook", Reply("hello"), "d-2")


@pytest.mark.parametrize("code", ["no_active_hooks", "invalid_payload", "action_prohibited", "something new"])
def test_every_refusal_has_a_remedy(code: str) -> None:
    with pytest.raises(PermanentFailure, match=code) as caught:
        judge_answer(403, code)
    assert caught.value.remedy


def test_an_address_that_moved_is_not_followed() -> None:
    with pytest.raises(PermanentFailure, match="302"):
        judge_answer(302, "")
