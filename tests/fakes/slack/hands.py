"""What people do in Slack, with what they see before them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.slack import payloads
from tests.fakes.slack.chat import remove_message
from tests.fakes.slack.events import emit, emit_change, emit_message
from tests.fakes.slack.forms import fill_form, take_answer
from tests.fakes.slack.marks import wire_text
from tests.fakes.slack.pointing import Picked, find_element, offer_options, pick_option
from tests.fakes.slack.records import Channel, Denied, Json, Message, Sent, Upload, View
from tests.fakes.slack.replies import answer_act

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

Shown = Message | View


@dataclass(kw_only=True, eq=False)
class User:
    """A person, and their hands. `team` is another's id for somebody of another company (Slack Connect)."""

    slack: FakeSlack = field(repr=False)
    id: str
    name: str
    team: str
    email: str = ""
    real_name: str = ""
    tz: str = "Europe/Amsterdam"
    is_bot: bool = False
    is_admin: bool = False
    is_email_confirmed: bool = True
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False

    # Messages. Each returns when the app has answered what it was told, or has failed to.

    async def say(
        self,
        channel: Channel | str,
        text: str,
        thread_ts: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> Message:
        """Type a text, as a person types it: the app is told it escaped and with links (marks.wire_text)."""
        found = self._enter(channel)
        uploads = [self._upload(name, content) for name, content in (files or {}).items()]
        more: Json = {"bot": f"B{self.id[1:]}"} if self.is_bot else {}
        more |= {"subtype": "file_share"} if uploads else {}
        message = self.slack.keep_message(
            found, self.id, text=wire_text(text), thread_ts=thread_ts, files=uploads, **more
        )
        await self._settle(emit_message(self.slack, message))
        return message

    async def mention(self, channel: Channel | str, text: str, thread_ts: str = "", **more: Any) -> Message:
        """`@bot text`."""
        return await self.say(channel, f"<@{self.slack.bot}> {text}", thread_ts, **more)

    async def dm(self, text: str, **more: Any) -> Message:
        """Say it to the bot alone."""
        return await self.say(self.slack.direct(self.id), text, **more)

    async def edit(self, message: Message, text: str) -> None:
        before = message.to_json()
        message.text = wire_text(text)
        message.edits.append(self.slack.next_ts())
        await self._settle([emit_change(self.slack, message, before)])

    async def delete(self, message: Message) -> None:
        remove_message(self.slack, message)
        await self.slack.settle()

    async def invite_bot(self, channel: Channel | str) -> None:
        """Bring the bot into a channel."""
        found = self._enter(channel)
        found.members.add(self.slack.bot)
        kind = "C" if found.kind == "channel" else "G"
        event = {
            "user": self.slack.bot,
            "channel": found.id,
            "channel_type": kind,
            "team": self.team,
            "inviter": self.id,
        }
        joined: Json = {"type": "member_joined_channel"} | event
        await self._settle([emit(self.slack, "member_joined_channel", joined, self.id)])

    def _enter(self, channel: Channel | str) -> Channel:
        found = channel if isinstance(channel, Channel) else self.slack.need_channel(channel)
        assert self.id in found.members, f"{self.name} is not in #{found.name}"
        assert not found.archived, f"#{found.name} is archived"
        return found

    def _upload(self, name: str, content: bytes) -> Upload:
        id = self.slack.next_id("F")
        base = self.slack.url
        made = Upload(id=id, name=name, size=len(content), base=base, user=self.id, content=content, shared=True)
        self.slack.files[id] = made
        return made

    async def _settle(self, told: Sequence[asyncio.Task[Sent] | None]) -> None:
        await asyncio.gather(*(task for task in told if task is not None))

    # Acts.

    async def command(self, command: str, text: str = "", channel: Channel | str = "") -> Sent:
        """A slash command, in a channel (threads have none) or, with none named, in the bot's direct messages."""
        found = self._enter(channel) if channel else self.slack.direct(self.id)
        known = self.slack.commands
        assert "commands" in self.slack.scopes, "the app has no scope for commands"
        assert known is None or command in known, f"{command} is not a command of the app: {known}"
        reply = self.slack.make_reply_url(self.id, found.id)
        sent = await self._send("slash_commands", payloads.write_command(self, found, command, text, reply))
        if sent.is_acked and sent.answer:
            content = {"text": sent.answer} if isinstance(sent.answer, str) else sent.answer
            self._show_answer(lambda: answer_act(self.slack, reply, content, "command answer"), "command answer")
        return sent

    async def click(self, shown: Shown, button: str, *, confirmed: bool = True) -> Sent | None:
        """A button by its label or action_id, as the message is now. None when its confirmation was not given."""
        picked = find_element(self._look(shown), button, ("button",))
        if picked.element.get("confirm") and not confirmed:
            return None
        return await self._act(shown, picked, payloads.write_button(picked))

    async def choose(self, shown: Shown, menu: str, option: str, query: str | None = None) -> Sent:
        """An option, by its text or value, of a menu, ticks or radio buttons, by placeholder, label or action_id.

        An external menu is first loaded from the app, with the `query` typed into it (the option's words).
        """
        picked = find_element(self._look(shown), menu)
        offered = await self.list_options(shown, menu, option if query is None else query)
        chosen = pick_option(offered, option)
        self._read_state(shown).setdefault(picked.block_id, {})[picked.action_id] = payloads.write_state(picked, chosen)
        return await self._act(shown, picked, payloads.write_choice(picked, chosen))

    async def list_options(self, shown: Shown, menu: str, query: str = "") -> list[Json]:
        """What a menu offers; of an external one, what the app says to what is typed."""
        picked = find_element(self._look(shown), menu)
        if "external" not in picked.element["type"]:
            return offer_options(picked.element)
        sent = await self._send("interactive", payloads.write_suggestion(self, shown, picked, query))
        return offer_options(self._check_offer(sent)) if sent.is_acked else []

    def _check_offer(self, sent: Sent) -> Json:
        answer = sent.answer if isinstance(sent.answer, dict) else {}
        return payloads.check_offered(self.slack, answer)

    async def submit(self, view: View, values: Mapping[str, Any] | None = None) -> Sent:
        """Fill in a modal, by label, action_id or block_id, and send it. What is left out keeps its initial value.

        The app's answer is obeyed: errors (they are in `sent.answer`) leave the modal open, update, push, clear do so.
        """
        self._look(view)
        await fill_form(self, view, values or {})
        sent = await self._send("interactive", payloads.write_submission(self, view))
        if sent.is_acked:
            self._show_answer(lambda: take_answer(self.slack, view, sent.answer), "view answer")
        return sent

    async def close(self, view: View) -> Sent | None:
        """Close a modal unsent; the app is told when it asked to be."""
        self._look(view)
        view.closed = True
        if not view.content.get("notify_on_close"):
            return None
        return await self._send("interactive", payloads.write_closing(self, view))

    async def shortcut(self, message: Message, callback_id: str) -> Sent:
        """A message shortcut."""
        self._look(message)
        known = self.slack.shortcuts
        assert known is None or callback_id in known, f"{callback_id} is not a shortcut of the app: {known}"
        reply = self.slack.make_reply_url(self.id, message.channel)
        return await self._send("interactive", payloads.write_shortcut(self, message, callback_id, reply))

    async def open_home(self, tab: str = "home") -> View | None:
        """Open the app's home tab, or another of its tabs; what is there after the app was told."""
        assert self.slack.has_home or tab != "home", "the app has no home tab"
        home = self.slack.home(self)
        event: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": self.slack.direct(self.id).id,
            "tab": tab,
        }
        if home is not None and tab == "home":
            event["view"] = home.to_json(self.slack.team, self.slack.app)
        await self._settle([emit(self.slack, "app_home_opened", event, self.id)])
        return self.slack.home(self)

    def _read_state(self, shown: Shown) -> Json:
        """What this person has chosen there and the app has not been sent as a form."""
        if isinstance(shown, View):
            return shown.values
        return self.slack.states.setdefault((shown.ts, self.id), {})

    def _look(self, shown: Shown) -> Shown:
        """What this person sees now. Fails when it is not before them."""
        if isinstance(shown, View):
            assert shown.user == self.id, f"{self.name} does not see this view"
            assert not shown.closed, "the view is closed"
            return shown
        if shown.to:
            assert shown.to == self.id, f"{self.name} does not see this message"
            assert shown in self.slack.whispers, "the message is gone"
            return shown
        channel = self._enter(self.slack.channels[shown.channel])
        assert channel.messages.get(shown.ts) is shown, "the message is gone"
        return shown

    async def _act(self, shown: Shown, picked: Picked, action: Json) -> Sent:
        message = shown if isinstance(shown, Message) else None
        reply = self.slack.make_reply_url(self.id, message.channel, message) if message else None
        return await self._send("interactive", payloads.write_action(self, shown, action, reply))

    async def _send(self, kind: str, payload: Json) -> Sent:
        return await self.slack.send(Sent(kind=kind, payload=payload, user=self.id))

    def _show_answer(self, show: Any, what: str) -> None:
        """What the app answered an act with, refused like a call."""
        try:
            show()
        except Denied as denied:
            self.slack.note_refusal(what, denied)
