"""A Slack of our own for tests: it takes what Slack takes and refuses what Slack refuses.

    async with FakeSlack() as slack:
        ann = slack.user("ann")
        ops = slack.channel("ops", ann)                # the bot is in it too
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
        app = AsyncApp(client=client)                  # Socket Mode: slack.app_token, the same base_url
        ...
        await slack.wait(lambda: slack.sockets.open)   # the app's connection has had its hello
        await ann.mention(ops, "spawn fix the login")
        [_, card] = await slack.wait(lambda: slack.messages("ops")[1:] and slack.messages("ops"))
        await ann.click(card, "Stop")                  # as ann sees it now; fails when there is no such button
        assert "stopped" in slack.text_of(card)
        assert slack.pings == slack.unexpected == slack.failures == []

What people do (User in tests/fakes/slack/hands.py): say, mention, dm, edit, delete, invite_bot, command, click, choose,
list_options, submit, close, shortcut, open_home. Each returns when the app has answered or has failed to; acts that
the app did not answer within `ack_seconds` are in `slack.failures`. Slack's limit is 3 s, and so is the default: give
a flow that is not about it more, `FakeSlack(ack_seconds=30)`.

What tests read: messages, ephemerals, home, modals, text_of, calls, files, sent (with the seconds each took), pings,
links (those that show other words), failures, unexpected (what Slack refused as invalid), lost (what never arrived).

What tests order: `trouble("429", "chat.update", times=3)`, `trouble("close_after", channel="ops")`, `revoke()`,
`rotate()`, `uninstall()`, `scopes`, `pace.limits`, `pace.posts`, `losing_events`, `redeliver(sent)`,
`advance(seconds)`, and all that Sockets has. `install(manifest)` grants what an app manifest asks for, nothing else.

Over HTTP instead of Socket Mode: set `slack.request_url`; `slack.door.trick(sent, "forged")` sends what must be
refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from tests.fakes.slack import delivery
from tests.fakes.slack.door import Door
from tests.fakes.slack.events import emit
from tests.fakes.slack.hands import User
from tests.fakes.slack.records import Call, Json, Sent
from tests.fakes.slack.replies import receive_reply, receive_webhook
from tests.fakes.slack.sockets import Sockets
from tests.fakes.slack.uploads import receive_upload, send_file
from tests.fakes.slack.web import answer, receive_call
from tests.fakes.slack.workspace import Workspace

_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("*", "/api/{method}", receive_call),
    ("POST", "/response/{id}", receive_reply),
    ("POST", "/services/{path:.*}", receive_webhook),
    ("POST", "/upload/v1/{id}", receive_upload),
    ("GET", "/files-pri/{id}/download/{name}", send_file),
]
_LARGEST = 64 * 1024 * 1024


class FakeSlack(Workspace):
    """The workspace with its doors, on a free port of 127.0.0.1 while the context lasts."""

    def __init__(self, *, now: Callable[[], datetime] | None = None, ack_seconds: float = 3.0) -> None:
        super().__init__(now)
        self.ack_seconds = self.trigger_seconds = ack_seconds
        self.url = self.request_url = ""
        self.echoes = True
        self.losing_events = False
        self.lost: list[Sent] = []
        self.due: list[tuple[float, Sent, str]] = []
        self.commands: set[str] | None = None
        self.shortcuts: set[str] | None = None
        self.sockets, self.door = Sockets(self), Door(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """For `AsyncWebClient(base_url=…)`."""
        return f"{self.url}/api/"

    async def __aenter__(self) -> FakeSlack:
        app = web.Application(client_max_size=_LARGEST)
        for verb, path, handle in _ROUTES:
            app.router.add_route(verb, path, partial(handle, self))
        app.router.add_get("/link/", self.sockets.receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.trouble_book.release()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sockets.close()
        await self.door.close()
        assert self._runner is not None
        await self._runner.cleanup()

    def user(self, name: str, **more: Any) -> User:
        """A person of the workspace; the same name, the same person. See User for what may be said of somebody."""
        for person in self.people.values():
            if person.name == name:
                return person
        team = more.pop("team", self.team)
        email = more.pop("email", f"{name}@example.com")
        made = User(slack=self, id=self.next_id("U"), name=name, team=team, email=email, **more)
        self.people[made.id] = made
        return made

    def install(self, manifest: Mapping[str, Any]) -> None:
        """Grant what an app manifest asks for and nothing else: scopes, events, commands, shortcuts, the home tab."""
        features = manifest.get("features", {})
        self.scopes = frozenset(manifest["oauth_config"]["scopes"]["bot"])
        self.subscribed = set(manifest["settings"]["event_subscriptions"]["bot_events"])
        self.has_home = bool(features.get("app_home", {}).get("home_tab_enabled"))
        self.commands = {command["command"] for command in features.get("slash_commands", ())}
        self.shortcuts = {shortcut["callback_id"] for shortcut in features.get("shortcuts", ())}

    async def uninstall(self) -> None:
        """Somebody removes the app from the workspace: it is told, and its token is good for nothing."""
        told = [
            emit(self, "tokens_revoked", {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.bot]}}),
            emit(self, "app_uninstalled", {"type": "app_uninstalled"}),
        ]
        self.revoke(error="account_inactive")
        await asyncio.gather(*(task for task in told if task is not None))

    def spawn(self, work: Coroutine[Any, Any, Sent]) -> asyncio.Task[Sent]:
        """Do it in the background, until the end at most."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Return when all that was sent is answered or given up for now."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def send(self, sent: Sent) -> Sent:
        return await delivery.send(self, sent)

    async def redeliver(self, sent: Sent) -> str:
        """Send the same again, the same `event_id` in it. Returns why it failed, "" when it was answered."""
        sent.acked = asyncio.Event()
        return await delivery.attempt(self, sent, "timeout")

    async def advance(self, seconds: float) -> None:
        """Move Slack's clock, and send what is due again by then."""
        self._offset += seconds
        await delivery.send_due(self)

    async def answer(
        self, request: web.Request, call: Call, act: Callable[[], Json], plain: bool = False
    ) -> web.StreamResponse:
        return await answer(self, request, call, act, plain)
