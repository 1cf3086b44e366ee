"""The stand-in for Discord, before the real discord.py: what it takes, refuses and tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import discord
import pytest
import yarl
from discord import app_commands, ui
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord.records import MESSAGE_CONTENT, QUIET
from tests.fakes.discord.rules import judge_commands, judge_message
from tests.fakes.discord.server import FakeDiscord


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(answer_seconds=20) as made:
        monkeypatch.setattr(Route, "BASE", made.api_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(made.gateway_url))
        yield made


class Bare(discord.Client):
    """A small app: one group of commands with completion, a button, a form, and it says what it hears."""

    def __init__(self, world: FakeDiscord) -> None:
        self.world = world
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=True)
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none(), guild_ready_timeout=0.1)
        self.heard: list[str] = []
        self.filled: list[str] = []
        self.tree = app_commands.CommandTree(self)
        group = app_commands.Group(name="agent", description="Agents")

        @group.command(name="spawn", description="Start one")
        async def spawn(act: discord.Interaction, task: str, project: str = "") -> None:
            await act.response.send_message(f"{task} in {project}", view=self.draw_buttons(), ephemeral=True)

        @spawn.autocomplete("project")
        async def projects(act: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=f"{typed}-web", value="web")]

        @group.command(name="slow", description="Later")
        async def slow(act: discord.Interaction) -> None:
            await act.response.defer(ephemeral=True, thinking=True)
            await act.followup.send("done")

        @self.tree.context_menu(name="Start an agent on this")
        async def start(act: discord.Interaction, message: discord.Message) -> None:
            await act.response.send_message(message.content, ephemeral=True)

        self.tree.add_command(group)

    def draw_buttons(self) -> ui.View:
        view = ui.View(timeout=None)
        button: ui.Button[ui.View] = ui.Button(label="Why", custom_id="why")

        async def ask(act: discord.Interaction) -> None:
            await act.response.send_modal(self.draw_form())

        button.callback = ask  # type: ignore[method-assign]
        view.add_item(button)
        return view

    def draw_form(self) -> ui.Modal:
        form = ui.Modal(title="In your words", custom_id="form")
        words: ui.TextInput[ui.Modal] = ui.TextInput(custom_id="words")
        form.add_item(ui.Label(text="Words", component=words))

        async def take(act: discord.Interaction) -> None:
            self.filled.append(words.value)
            await act.response.send_message("thanks", ephemeral=True)

        form.on_submit = take  # type: ignore[method-assign]
        return form

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message.content)
        await self.world.note()


@contextlib.asynccontextmanager
async def run(world: FakeDiscord) -> AsyncIterator[Bare]:
    client = Bare(world)
    task = asyncio.create_task(client.start(world.token))
    try:
        await world.wait(lambda: world.gateway.ready)
        await asyncio.wait_for(client.wait_until_ready(), 20)
        yield client
    finally:
        await client.close()
        await asyncio.gather(task, return_exceptions=True)


async def test_people_use_an_app(world: FakeDiscord) -> None:
    ann = world.user("ann")
    ops = world.channel("ops", ann)
    async with run(world) as client:
        await client.tree.sync()
        offered = await ann.complete("agent spawn", ops, "project", "we")
        assert [(choice["name"], choice["value"]) for choice in offered] == [("we-web", "web")]
        act = await ann.command("agent spawn", ops, task="fix it", project="web")
        assert act.text == "fix it in web"
        shown = world.whispers(ann)[0]
        form = await ann.click(shown, "Why")
        await ann.submit(form, {"Words": "because"})
        assert client.filled == ["because"]
        slow = await ann.command("agent slow", ops)
        await world.wait(lambda: slow.text == "done")
        said = await ann.say(ops, "hello")
        assert (await ann.use_menu("Start an agent on this", said)).text == "hello"
        await world.wait(lambda: client.heard == ["hello"] or None)
    assert world.pings == world.unexpected == world.failures == []


async def test_posts_threads_and_nonces(world: FakeDiscord) -> None:
    ann = world.user("ann")
    ops = world.channel("ops", ann)
    async with run(world) as client:
        there = client.get_partial_messageable(int(ops.id), guild_id=int(ops.guild))
        first = await there.send("@everyone hi", nonce="k1", silent=True)
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=int(ops.id))
        again = await client.http.request(route, json={"content": "@everyone hi", "nonce": "k1"})
        assert again["id"] != str(first.id), "without enforce_nonce it is another one"
        thread = await first.create_thread(name="web-1")
        await thread.send("below")
        found = world.channels[str(thread.id)]
        found.archived = True
        with pytest.raises(discord.HTTPException, match="archived"):
            await thread.send("too late")
        await thread.edit(archived=False)
        await thread.send("again")
        assert [message.text for message in world.messages(found)] == ["below", "again"]
    assert world.messages(ops)[0].flags & QUIET
    assert [ping.target for ping in world.pings] == ["@everyone"], "the raw call allowed mentions"
    assert [call.code for call in world.unexpected] == [50083]


async def test_a_nonce_that_is_enforced_is_one_message(world: FakeDiscord) -> None:
    ops = world.channel("ops")
    async with run(world) as client:
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=int(ops.id))
        sent = {"content": "once", "nonce": "n1", "enforce_nonce": True}
        first = await client.http.request(route, json=sent)
        world.trouble("502_after", "POST", "/messages")
        assert (await client.http.request(route, json=sent))["id"] == first["id"]
        world.advance(600)
        assert (await client.http.request(route, json=sent))["id"] != first["id"]
    assert len(world.messages(ops)) == 2


async def test_a_connection_is_resumed_or_made_anew(world: FakeDiscord) -> None:
    ann = world.user("ann")
    ops = world.channel("ops", ann)
    async with run(world) as client:
        await world.gateway.drop()
        await ann.say(ops, "while it was away")
        await world.wait(lambda: world.gateway.resumes == 1 or None)
        await world.wait(lambda: client.heard or None)
        await world.gateway.ask_reconnect()
        await world.wait(lambda: world.gateway.resumes == 2 or None)
        await world.gateway.invalidate()
        await world.wait(lambda: len(world.identifies) == 2 or None)
    assert client.heard == ["while it was away"]


async def test_what_the_app_may_not_read_is_empty(world: FakeDiscord) -> None:
    world.intents &= ~MESSAGE_CONTENT
    client = Bare(world)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await client.start(world.token)
    await client.close()


async def test_a_revoked_token_is_refused(world: FakeDiscord) -> None:
    world.revoke()
    client = Bare(world)
    with pytest.raises(discord.LoginFailure):
        await client.login(world.token)
    await client.close()


async def test_permissions_are_asked_for(world: FakeDiscord) -> None:
    quiet = world.channel("quiet", denied={"SEND_MESSAGES"})
    hidden = world.channel("hidden", denied={"VIEW_CHANNEL"})
    async with run(world) as client:
        for channel in (quiet, hidden):
            with pytest.raises(discord.Forbidden):
                await client.get_partial_messageable(int(channel.id)).send("hi")
    assert [call.code for call in world.unexpected] == [50013, 50001]


BUTTON = {"type": 2, "style": 1, "label": "x", "custom_id": "a"}


def _refused() -> Iterator[tuple[str, dict[str, object]]]:
    text = {"type": 10, "content": "x"}
    yield "long content", {"content": "x" * 2001}
    yield "nothing", {}
    yield "content beside v2", {"content": "x", "flags": 1 << 15, "components": [text]}
    yield "41 components", {"flags": 1 << 15, "components": [text] * 41}
    yield (
        "4001 characters",
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 2001}, text | {"content": "x" * 2000}]},
    )
    yield "an empty text", {"flags": 1 << 15, "components": [{"type": 10, "content": " "}]}
    yield (
        "six buttons",
        {"content": "x", "components": [{"type": 1, "components": [BUTTON | {"custom_id": str(n)} for n in range(6)]}]},
    )
    yield "a long label", {"content": "x", "components": [{"type": 1, "components": [BUTTON | {"label": "x" * 81}]}]}
    yield "a long id", {"content": "x", "components": [{"type": 1, "components": [BUTTON | {"custom_id": "x" * 101}]}]}
    yield "an id twice", {"content": "x", "components": [{"type": 1, "components": [BUTTON, BUTTON]}]}
    yield (
        "no options",
        {"content": "x", "components": [{"type": 1, "components": [{"type": 3, "custom_id": "s", "options": []}]}]},
    )


@pytest.mark.parametrize(("name", "content"), [*_refused()], ids=lambda value: value if isinstance(value, str) else "")
def test_limits_are_kept(name: str, content: dict[str, object]) -> None:
    assert judge_message(content)


def test_commands_have_limits() -> None:
    fine = {"name": "agent", "description": "x", "options": [{"type": 1, "name": "a", "description": "x"}]}
    assert judge_commands([fine]) == []
    assert judge_commands([fine | {"options": fine["options"] * 26}])  # type: ignore[operator]
    assert judge_commands([{"name": "Agent", "description": "x"}])
    assert judge_commands([{"name": "agent", "description": "x" * 101}])
