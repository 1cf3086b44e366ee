"""People in Discord: what they say, the commands they type, what they press and fill in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.posts import keep_file, keep_message, tell_message
from tests.fakes.discord.records import DM, Channel, Interaction, Json, Message, walk_components
from tests.fakes.discord.shapes import write_channel, write_member, write_message, write_user

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

_TYPES = {"string": 3, "integer": 4, "boolean": 5, "user": 6, "channel": 7, "number": 10, "attachment": 11}


@dataclass(kw_only=True, eq=False)
class User:
    """A person, or another bot."""

    discord: FakeDiscord
    id: str
    name: str
    shown: str = ""
    is_bot: bool = False
    roles: set[str] = field(default_factory=set)
    guilds: set[str] = field(default_factory=set)

    # Words.

    async def say(self, channel: Channel | str, text: str, *, files: dict[str, bytes] | None = None) -> Message:
        """Say it there. Who writes in an archived thread brings it back."""
        found = self._enter(channel)
        found.archived = False
        kept = [keep_file(self.discord, found, name, content) for name, content in (files or {}).items()]
        made = keep_message(self.discord, found, self.id, {"content": text}, kept)
        await tell_message(self.discord, made)
        return made

    async def mention(self, channel: Channel | str, text: str, **more: Any) -> Message:
        return await self.say(channel, f"<@{self.discord.bot}> {text}", **more)

    async def dm(self, text: str) -> Message:
        return await self.say(self.discord.direct(self.id), text)

    def _enter(self, channel: Channel | str) -> Channel:
        found = channel if isinstance(channel, Channel) else self.discord.need_channel(channel)
        parent = self.discord.channels.get(found.parent, found)
        assert self.id in parent.members, f"{self.name} is not in #{parent.name}"
        return found

    # Commands.

    async def command(self, path: str, channel: Channel | str = "", **options: Any) -> Interaction:
        """`/agent spawn project:web task:…` is `command("agent spawn", "ops", project="web", task="…")`. Fails when
        there is no such command, no such option, or a required one is missing."""
        data, guild = self._fill(path, options, channel)
        return await self._act(2, data, channel, guild)

    async def complete(self, path: str, channel: Channel | str, option: str, typed: str, **others: Any) -> list[Json]:
        """What is offered while somebody types an option."""
        data, guild = self._fill(path, others | {option: typed}, channel, focused=option)
        return (await self._act(4, data, channel, guild)).choices

    async def use_menu(self, name: str, message: Message) -> Interaction:
        """A command of a message's context menu."""
        channel = self.discord.channels[message.channel]
        command = self._find_command(name, channel, 3)
        shown = write_message(self.discord, message)
        data = {
            "id": command["id"],
            "name": name,
            "type": 3,
            "target_id": message.id,
            "resolved": {"messages": {message.id: shown}},
        }
        return await self._act(2, data, channel, command.get("guild_id", ""))

    def _find_command(self, name: str, channel: Channel, kind: int = 1) -> Json:
        scopes = [channel.guild, ""] if channel.guild else [""]
        for scope in scopes:
            for command in self.discord.commands.get(scope, ()):
                if (command["name"], int(command.get("type", 1))) == (name, kind):
                    return command
        raise AssertionError(f"there is no command {name!r}")

    def _fill(self, path: str, options: Json, channel: Channel | str, focused: str = "") -> tuple[Json, str]:
        found = self._enter(channel) if channel else self.discord.direct(self.id)
        name, *below = path.split()
        command = self._find_command(name, found)
        data: Json = {"id": command["id"], "name": name, "type": 1, "options": []}
        level, into = command, data
        for step in below:
            level = next((item for item in level.get("options", ()) if item["name"] == step), {})
            assert int(level.get("type", 0)) in (1, 2), f"there is no /{path}"
            into["options"] = [{"name": step, "type": level["type"], "options": []}]
            into = into["options"][0]
        into["options"] = self._fill_options(level, options, focused)
        return data, str(command.get("guild_id", ""))

    def _fill_options(self, level: Json, options: Json, focused: str) -> list[Json]:
        known = {item["name"]: item for item in level.get("options", ())}
        assert set(options) <= set(known), f"options are {sorted(known)}, not {sorted(options)}"
        missing = [name for name, item in known.items() if item.get("required") and name not in options]
        assert focused or not missing, f"required: {missing}"
        made = []
        for name, value in options.items():
            listed = [choice["value"] for choice in known[name].get("choices") or ()]
            assert not listed or value in listed or name == focused, f"{value!r} is none of {listed}"
            assert name != focused or known[name].get("autocomplete"), f"{name} is not completed"
            made.append({"name": name, "type": known[name]["type"], "value": value})
            if name == focused:
                made[-1]["focused"] = True
        return made

    # Components.

    async def click(self, message: Message, label: str) -> Interaction:
        """A button, by its label, as the message is now."""
        item = next((item for item in message.walk() if item["type"] == 2 and item.get("label") == label), None)
        assert item, f"there is no button {label!r} on it: {message.buttons}"
        assert not item.get("disabled"), f"{label!r} is disabled"
        return await self.press(message, str(item["custom_id"]))

    async def press(self, message: Message, custom_id: str) -> Interaction:
        """What a click sends, whatever the message shows: for forged and old buttons."""
        assert message.to in ("", self.id), f"{self.name} does not see this message"
        data = {"custom_id": custom_id, "component_type": 2}
        return await self._act(3, data, self.discord.channels[message.channel], "", message)

    async def choose(self, message: Message, *labels: str) -> Interaction:
        """Options of the first select of a message."""
        item = next(item for item in message.walk() if item["type"] == 3)
        values = [option["value"] for option in item["options"] if option["label"] in labels]
        assert len(values) == len(labels), f"{labels} of {[option['label'] for option in item['options']]}"
        data = {"custom_id": item["custom_id"], "component_type": 3, "values": values}
        return await self._act(3, data, self.discord.channels[message.channel], "", message)

    async def submit(self, act: Interaction, values: dict[str, str]) -> Interaction:
        """Fill in the form that an act opened: by custom_id or label."""
        modal = act.modal
        assert modal, "no form opened"
        filled = [_fill_row(row, values) for row in modal["components"]]
        data = {"custom_id": modal["custom_id"], "components": [row for row in filled if row]}
        message = self.discord.find_message(act.message) if act.message else None
        return await self._act(5, data, self.discord.channels[act.channel], "", message)

    async def _act(
        self, kind: int, data: Json, channel: Channel | str, guild: str, message: Message | None = None
    ) -> Interaction:
        """Send it, and return when the app has answered or the person sees that it did not."""
        discord = self.discord
        found = self._enter(channel) if channel else discord.direct(self.id)
        act = Interaction(
            id=discord.next_id(),
            token=f"act-{discord.next_id()}",
            kind=kind,
            user=self.id,
            guild=found.guild,
            channel=found.id,
            made=discord.now(),
            message=message.id if message else "",
        )
        discord.interactions[act.id] = act
        if guild and data:
            data = data | {"guild_id": guild}
        if not await discord.gateway.tell("INTERACTION_CREATE", self._write_act(act, data, found, message)):
            act.error = "nobody listens"
        await self._wait(act)
        await discord.note()
        return act

    async def _wait(self, act: Interaction) -> None:
        try:
            async with asyncio.timeout(self.discord.answer_seconds + 0.2):
                await act.acked.wait()
        except TimeoutError:
            act.error = act.error or "The application did not respond"
            self.discord.failures.append(f"{self.name} {act.kind}: {act.error}")

    def _write_act(self, act: Interaction, data: Json, channel: Channel, message: Message | None) -> Json:
        discord = self.discord
        made: Json = {
            "id": act.id,
            "application_id": discord.app,
            "type": act.kind,
            "token": act.token,
            "version": 1,
            "channel_id": channel.id,
            "channel": write_channel(discord, channel),
            "data": data,
            "locale": "en-US",
            "app_permissions": discord.write_permissions(channel),
            "entitlements": [],
            "authorizing_integration_owners": {"0": channel.guild or "0"},
            "context": 0 if channel.guild else 1,
            "attachment_size_limit": 10_485_760,
        }
        if channel.kind == DM:
            made["user"] = write_user(discord, self.id)
        else:
            made |= {"guild_id": channel.guild, "member": write_member(discord, self.id, channel.guild)}
            made["guild"] = {"id": channel.guild, "features": [], "locale": "en-US"}
            made["guild_locale"] = "en-US"
        if message is not None:
            shown = write_message(discord, message)
            made["message"] = shown | {"flags": message.flags}
        return made


def _fill_row(row: Json, values: dict[str, str]) -> Json | None:
    """A row or label of a form, filled in; what is left out keeps its value."""
    if row["type"] == 10:
        return {"type": 10, "id": row.get("id", 0)}
    inner = next(item for item in walk_components([row]) if item["type"] in (3, 4))
    names = (inner["custom_id"], inner.get("label"), row.get("label"))
    given = next((values[name] for name in names if name in values), None)
    if inner["type"] == 4:
        value = str(inner.get("value") or "") if given is None else given
        assert value or not inner.get("required", True), f"{names} is required"
        assert len(value) <= int(inner.get("max_length") or 4000), f"{names} is too long"
        filled: Json = {"type": 4, "id": 0, "custom_id": inner["custom_id"], "value": value}
    else:
        picked = [item["value"] for item in inner["options"] if given in (item["label"], item["value"])]
        filled = {"type": 3, "id": 0, "custom_id": inner["custom_id"], "values": picked}
    if row["type"] == 18:
        return {"type": 18, "id": 0, "component": filled}
    return {"type": 1, "id": 0, "components": [filled]}
