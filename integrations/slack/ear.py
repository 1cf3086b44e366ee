"""What people do in Slack, as the bot understands it: translated, handed in, and only then acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from core.errors import CallboardError, PermanentFailure, TemporaryFailure
from core.files import LARGEST_FILE, MOST_FILES, clean_name
from core.forms import fill_fields
from core.interfaces import Setup
from core.messages import Given, How, Message, Place
from integrations.slack import forms
from integrations.slack.line import open_line
from integrations.slack.people import People
from integrations.slack.places import Spot
from integrations.slack.room import Room
from integrations.slack.settings import SlackSettings
from integrations.slack.text import read_sent
from integrations.slack.web import REMEDIES, SECONDS, answer_act, call, make_client

log = structlog.get_logger()
Json = Mapping[str, Any]
MOORED_IN = 2.0
_TALK = ("", "file_share", "thread_broadcast", "me_message")
_NOT_NOW = "Callboard cannot take this right now: nothing was done. Try again in a moment."
_LATER = "Callboard cannot take this right now. It is tried again by itself within minutes."
_REMEMBERED = 5_000


class Ear:
    """Hands in what people do. `bot` and `team` are who the bot is, once `meet` has asked."""

    def __init__(self, setup: Setup) -> None:
        self.settings: SlackSettings = setup.settings
        self.line = open_line(setup)
        self.room = Room()
        self.client: AsyncWebClient = make_client(self.settings, self.line)
        self.bot = self.team = ""
        self._street = setup.street
        self._anchors = setup.anchors
        self._people = People(self.client, list(self.settings.groups))
        self._told: dict[str, bool] = {}
        # Keys of what was handed in lately, so that it is not looked up in the store again.
        self.heard: dict[str, bool] = {}

    async def meet(self) -> None:
        """Ask Slack who the bot is. Raises PermanentFailure for a bad token, TemporaryFailure."""
        said = await call(self.client.auth_test())
        self.bot, self.team = str(said.get("user_id", "")), str(said.get("team_id", ""))

    # ------------------------------------------------------------------------------------------------ what is said

    async def hear_mention(self, event: Json, at: datetime | None = None) -> None:
        """Words for the bot, in a channel or a thread; `at` is when they were said, where they were only found."""
        if self._is_own(event):
            return
        spot = await self._find_spot(str(event["channel"]), str(event.get("thread_ts") or ""))
        text = read_sent(str(event.get("text", "")), self.bot)
        await self._hand_in(name_words(event), spot, event, text, How.MENTION, at=at)

    async def hear_message(self, event: Json, at: datetime | None = None) -> None:
        """Words in an agent's thread, or to the bot directly; anything else is none of its business."""
        if self._is_own(event) or str(event.get("subtype") or "") not in _TALK:
            return
        raw = str(event.get("text", ""))
        text = read_sent(raw, self.bot)
        is_direct = event.get("channel_type") == "im"
        is_below_ours = event.get("parent_user_id") == self.bot
        if f"<@{self.bot}>" in raw and not is_direct:
            return
        thread = str(event.get("thread_ts") or "")
        spot = await self._find_spot(str(event["channel"]), thread, MOORED_IN if is_below_ours else 0.0)
        if spot.agent or is_direct:
            await self._hand_in(name_words(event), spot, event, text, How.LINE if spot.agent else How.MENTION, at=at)

    async def hear_command(self, body: Json) -> None:
        """A slash command, which Slack offers outside of threads alone."""
        spot = Spot(str(body["channel_id"]))
        text = str(body.get("text") or "")
        key = f"command:{body['trigger_id']}"
        await self._hand_in(key, spot, {"user": body["user_id"], "team": body.get("team_id")}, text, How.COMMAND)

    async def hear_button(self, body: Json, action: Json, words: str = "") -> None:
        """A click; what its button says is an id."""
        spot = await self._find_clicked(body)
        value = str((action.get("selected_option") or {}).get("value") or action.get("value") or "")
        message = str((body.get("container") or {}).get("message_ts", ""))
        key = f"click:{message}:{action.get('action_ts', '')}:{body['user']['id']}"
        await self._hand_in(key, spot, _read_actor(body), value, How.BUTTON, words)

    async def hear_home(self, event: Json) -> None:
        """Somebody opened the home tab."""
        user = str(event["user"])
        if event.get("tab") == "home":
            key = f"home:{user}:{event.get('event_ts', '')}"
            await self._hand_in(key, Spot("", "", user, home=True), {"user": user}, "", How.OPENED)

    async def hear_form(self, body: Json) -> None:
        """What somebody filled in."""
        view = body["view"]
        note, values = forms.read_note(view), forms.read_values(view)
        spot = _find_form_spot(note.get("place", ""), body)
        key = f"form:{view['id']}:{view.get('hash', '')}"
        kind = view.get("callback_id")
        if kind == forms.WORDS:
            action = note.get("action", "")
            words = values.get(forms.TEXT, "")
            if forms.TEXT not in values:
                fields = (await self._street.find_button(action)).fields
                words = fill_fields(fields, forms.read_given(view, fields))
            await self._hand_in(key, spot, _read_actor(body), action, How.BUTTON, words)
        else:
            line = _write_spawn(values) if kind == forms.SPAWN else _write_send(values)
            await self._hand_in(key, spot, _read_actor(body), line, How.COMMAND)

    def hear_revocation(self, event: Json) -> None:
        """Slack says that the app was removed, or its token revoked."""
        tokens = event.get("tokens") or {}
        if event.get("type") == "app_uninstalled" or self.bot in (tokens.get("bot") or ()):
            self.line.cut("Slack says: the app was removed or its token revoked.", REMEDIES["token_revoked"])

    # ----------------------------------------------------------------------------------------------- what is shown

    async def open_spawn(self, body: Json, channel: str, task: str = "") -> None:
        """Show the form for a new agent."""
        view = forms.draw_spawn(str(Spot(channel)), task)
        await call(self.client.views_open(trigger_id=body["trigger_id"], view=view))

    async def offer_spawn(self, body: Json) -> None:
        """The same from a message: it and its thread are the task."""
        await self.open_spawn(body, str(body["channel"]["id"]), await self.read_thread(body))

    async def offer_send(self, body: Json) -> None:
        """The form that gives a message to an agent."""
        await self.open_send(body, str(body["channel"]["id"]), await self.read_thread(body))

    async def open_send(self, body: Json, channel: str, text: str) -> None:
        """Show the form that gives words to an agent."""
        await call(
            self.client.views_open(trigger_id=body["trigger_id"], view=forms.draw_send(str(Spot(channel)), text))
        )

    async def open_words(self, body: Json, action: Json) -> None:
        """Show the form that a button asks for. Raises Conflict when the button is of no use any more."""
        spot, id = await self._find_clicked(body), str(action.get("value") or "")
        view = forms.draw_button(str(spot), id, await self._street.find_button(id))
        await call(self.client.views_open(trigger_id=body["trigger_id"], view=view))

    async def read_thread(self, body: Json) -> str:
        """A message, and those below it, as words for an agent."""
        message, channel = body["message"], body["channel"]["id"]
        texts = [str(message.get("text", ""))]
        if ts := message.get("thread_ts"):
            said = await call(self.client.conversations_replies(channel=channel, ts=ts, limit=50))
            texts = [str(item.get("text", "")) for item in said.get("messages", ())] or texts
        return "\n\n".join(read_sent(text, self.bot) for text in texts if text.strip())

    async def list_options(self, body: Json) -> list[Json]:
        """What can be picked: projects, kinds, agents, by what is typed."""
        source = f"{str(body.get('action_id', '')).removeprefix('pick:')}s"
        found = await self._street.suggest(Place("slack", ""), source, str(body.get("value") or ""))
        return [{"text": {"type": "plain_text", "text": value[:75]}, "value": value[:75]} for value, _ in found[:100]]

    # ---------------------------------------------------------------------------------------------------- in detail

    def _is_own(self, event: Json) -> bool:
        """What the bot said itself, or another bot where none are let in: answering those would never end."""
        is_bot = bool(event.get("bot_id")) or event.get("user") in (None, "", self.bot)
        return event.get("user") in (None, "", self.bot) or (is_bot and "bot" not in self.settings.admit)

    async def _find_spot(self, channel: str, thread: str, patience: float = 0.0) -> Spot:
        """The channel, or the thread of the agent below whose card it is. A card is written down after it was drawn:
        who answers it at once is waited for, so many seconds at most."""
        if not thread:
            return Spot(channel)
        end = time.monotonic() + patience
        while not (subject := await self._anchors.find_subject(Place("slack", channel), f"{channel}/{thread}")):
            if time.monotonic() >= end:
                break
            await asyncio.sleep(0.1)
        kind, _, agent = subject.partition(":")
        return Spot(channel, agent) if kind == "agent" else Spot(channel)

    async def _find_clicked(self, body: Json) -> Spot:
        if (body.get("view") or {}).get("type") == "home":
            return Spot("", "", str(body["user"]["id"]), home=True)
        channel = str((body.get("channel") or {}).get("id") or "")
        container = body.get("container") or {}
        thread = str(container.get("thread_ts") or (body.get("message") or {}).get("thread_ts") or "")
        return await self._find_spot(channel, thread)

    async def _hand_in(
        self, key: str, spot: Spot, actor: Json, text: str, how: How, words: str = "", at: datetime | None = None
    ) -> None:
        """Returns when it is stored. Raises TemporaryFailure when it cannot be: nothing is acknowledged then."""
        user, team = str(actor["user"]), str(actor.get("team") or actor.get("user_team") or self.team)
        known = await self._people.find(user, self.team)
        facts = {*known.facts, *(["foreign"] if team != self.team else [])}
        await self._street.hear(
            Message(
                key=key,
                place=Place("slack", str(spot)),
                private=Place("slack", str(replace(spot, user=user)) if spot.channel else f"@{user}"),
                identity=f"slack:{team}/{user}",
                name=known.name,
                text=text,
                how=how,
                words=words,
                facts=sorted(facts),
                files=await self._fetch_files(actor.get("files") or ()),
                at=at,
            )
        )
        _remember(self.heard, key)

    async def _fetch_files(self, files: Any) -> list[Given]:
        """Files that came along. Raises TemporaryFailure when Slack does not hand one over."""
        wanted = [file for file in list(files)[: MOST_FILES + 1] if _is_taken(file)]
        if not wanted:
            return []
        token = self.settings.bot_token.get_secret_value()
        limit, headers = aiohttp.ClientTimeout(total=SECONDS), {"Authorization": f"Bearer {token}"}
        try:
            async with aiohttp.ClientSession(timeout=limit, headers=headers) as session:
                return [await _fetch_file(session, file) for file in wanted]
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryFailure("Slack does not hand over a file.") from error

    # ------------------------------------------------------------------------------------------ what is not taken

    def explain(self, body: Json, failure: CallboardError) -> str:
        """What somebody is told when what they did could not be stored or shown."""
        kind = str(body.get("command") or (body.get("event") or body).get("type"))
        log.error("not taken from Slack", kind=kind, reason=str(failure))
        if isinstance(failure, TemporaryFailure):
            return _LATER if "event" in body else _NOT_NOW
        return str(failure)

    async def tell(self, body: Json, said: str) -> None:
        """Tell whoever did it, and nobody else; of words that Slack sends again, once."""
        event = body.get("event") or {}
        channel = str(event.get("channel") or body.get("channel_id") or (body.get("channel") or {}).get("id") or "")
        user = str(event.get("user") or body.get("user_id") or (body.get("user") or {}).get("id") or "")
        key = name_words(event) if "ts" in event else ""
        if not user or (key and key in self._told):
            return
        _remember(self._told, key)
        # The log has it already, and there is no other way to tell.
        with contextlib.suppress(TemporaryFailure, PermanentFailure):
            if url := str(body.get("response_url") or ""):
                await answer_act(self.settings, url, said)
            elif channel:
                await call(self.client.chat_postEphemeral(channel=channel, user=user, text=said))
            else:
                # A home tab is in no channel.
                await call(self.client.chat_postMessage(channel=user, text=said))


def _remember(keys: dict[str, bool], key: str) -> None:
    keys[key] = True
    if len(keys) > _REMEMBERED:
        del keys[next(iter(keys))]


def name_words(event: Json) -> str:
    """The key of what somebody said: the same for each event that tells of it, and for what is found afterwards."""
    return f"words:{event['channel']}:{event['ts']}"


def _is_taken(file: Json) -> bool:
    """Whether it can be given to an agent; the log says which was not."""
    has_place = bool(file.get("url_private_download") or file.get("url_private"))
    if not has_place or int(file.get("size") or 0) > LARGEST_FILE:
        log.warning("a file was not taken", name=str(file.get("name"))[:80], size=file.get("size"))
        return False
    return True


async def _fetch_file(session: aiohttp.ClientSession, file: Json) -> Given:
    url = str(file.get("url_private_download") or file.get("url_private"))
    async with session.get(url) as answer:
        answer.raise_for_status()
        return Given(clean_name(str(file.get("name") or "file")), await answer.read())


def _read_actor(body: Json) -> dict[str, Any]:
    user = body["user"]
    return {"user": user["id"], "team": user.get("team_id") or (body.get("team") or {}).get("id")}


def _find_form_spot(place: str, body: Json) -> Spot:
    """Where a form was opened; whose place it is, Slack says."""
    spot = Spot.read(place)
    return replace(spot, user=str(body["user"]["id"]) if spot.home else "")


def _write_spawn(values: Mapping[str, str]) -> str:
    options = [f"--{name} {values[name]}" for name in (forms.PROJECT, forms.KIND) if values.get(name)]
    return " ".join(["spawn", *options, "--", values.get(forms.TEXT, "")])


def _write_send(values: Mapping[str, str]) -> str:
    return f"send {values.get(forms.AGENT, '')} -- {values.get(forms.TEXT, '')}"
