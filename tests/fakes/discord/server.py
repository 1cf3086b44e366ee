"""A Discord of our own for tests: it takes what Discord takes and refuses what Discord refuses.

    async with FakeDiscord() as discord:
        ann = discord.user("ann")
        ops = discord.channel("ops", ann)                    # of the guild "home"
        ...                                                  # an app with discord.token, discord.api_url, .gateway_url
        await discord.wait(lambda: discord.gateway.ready)    # it is signed in
        act = await ann.command("agent spawn", "ops", task="fix the login")
        card = await discord.wait(lambda: discord.messages(ops)[0:1])
        await ann.click(card[0], "Stop")
        assert discord.pings == discord.unexpected == discord.failures == []

What people do (User in tests/fakes/discord/hands.py): say, mention, dm, command, complete, use_menu, click, press,
choose, submit. Each returns when the app has answered, or has not within `answer_seconds` (Discord's 3 s; give a flow
that is not about it more): then it is in `failures`.

What tests read: messages, threads, whispers, interactions (with the seconds each took), commands, calls, pings,
unexpected (what was refused as invalid), identifies. What tests order: `trouble("502_after", "POST", "/messages")`,
`revoke()`, `intents`, a channel's `denied` and `archived`, `gateway.drop()`, `.ask_reconnect()`, `.invalidate()`,
`.acks`, `.refuses`, `advance(seconds)`.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.hands import User
from tests.fakes.discord.rest import add_routes
from tests.fakes.discord.world import World


class FakeDiscord(World):
    """The world with its doors, on a free port of 127.0.0.1 while the context lasts."""

    def __init__(self, *, answer_seconds: float = 3.0) -> None:
        super().__init__()
        self.answer_seconds = answer_seconds
        self.expected_codes: set[int] = set()
        self.url = ""
        self.gateway = Gateway(self)
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """In the place of https://discord.com/api/v10."""
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        """In the place of wss://gateway.discord.gg/."""
        return f"{self.url.replace('http', 'ws', 1)}/gateway/"

    async def __aenter__(self) -> FakeDiscord:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        add_routes(self, app.router)
        app.router.add_get("/gateway/", self.gateway.receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for trouble in self.troubles:
            trouble.released.set()
        await self.gateway.close()
        assert self._runner is not None
        await self._runner.cleanup()

    def user(self, name: str, **more: Any) -> User:
        """A person; the same name, the same person."""
        for person in self.people.values():
            if person.name == name:
                return person
        made = User(discord=self, id=self.next_id(), name=name, **more)
        self.people[made.id] = made
        return made

    def advance(self, seconds: float) -> None:
        """Move Discord's clock."""
        self.offset += seconds
