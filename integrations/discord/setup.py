"""`callboard discord setup`: from nothing to a bot that may speak in a channel, one proven step after another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr

from core.errors import PermanentFailure
from core.interfaces import Errand
from core.messages import Tone
from core.walk import Walk, run, run_walk
from integrations.discord.draft import VARIABLE, check_shape, read_draft, read_token
from integrations.discord.permissions import write_invite
from integrations.discord.probe import (
    Bot,
    Seen,
    find_channel,
    find_person,
    greet_channel,
    list_guilds,
    meet_bot,
    open_calls,
)
from integrations.discord.web import Web

PAGE = "https://discord.com/developers/applications"
T = TypeVar("T")
_REACH = "See whether this machine reaches Discord, and begin again: what was proven is kept."
_ALONE = (
    "Run it at a terminal; or put it into the environment, .env or a --token-file, and name yourself with --person and "
    "a channel with --channel. `discord invite` prints the link that invites the bot."
)
_HOME = "discord:"


def run_setup(errand: Errand) -> int:
    """Walk a person through. Raises BadInput where something is missing and nobody can be asked."""
    return run_walk(errand, DiscordWalk(errand).go, "discord setup", _REACH)


class DiscordWalk(Walk):
    """One run. Nothing is written before the token was proven, and then at once."""

    def __init__(self, errand: Errand) -> None:
        self._settings = read_draft(errand)
        super().__init__(errand, read_token(errand))

    def go(self) -> None:
        """All steps."""
        self.demand_secrets([VARIABLE], _ALONE)
        if not self.known[VARIABLE]:
            self._offer_app()
        token, bot = self.prove(VARIABLE, "The bot's token (it is not shown)", self._meet)
        self.say(f"This is {bot}, the bot of the application {bot.app_name}.", Tone.GOOD)
        self.keep({VARIABLE: token})
        self._check_intent(bot)
        guilds = self._enter_guilds(bot)
        self._name_person(guilds)
        channel = self._greet(bot) if guilds else ""
        self._say_next(channel)

    def _offer_app(self) -> None:
        self.say(f"1. Open this page and choose New Application:\n\n{PAGE}\n", Tone.BUSY)
        self.say("2. On its page Bot turn on Message Content Intent and save; Reset Token gives the token.", Tone.BUSY)

    def _meet(self, token: str) -> Bot:
        check_shape(token)
        self._settings = self._settings.model_copy(update={"token": SecretStr(token)})
        return self._ask(meet_bot)

    def _ask(self, work: Callable[[Web], Awaitable[T]]) -> T:
        """What Discord says, by connections of this question's own."""

        async def go() -> T:
            async with open_calls(self._settings) as web:
                return await work(web)

        return run(go())

    # ----------------------------------------------------------------------------------------------- intent, servers

    def _check_intent(self, bot: Bot) -> None:
        words = (
            f"Message Content Intent is off: plain replies in threads are not heard, mentions are. Turn it on at "
            f"{PAGE}/{bot.app}/bot and save."
        )

        def look() -> bool:
            return bot.may_read or self._ask(meet_bot).may_read

        if self.look_again(words, look, "Enter looks again, - leaves it off"):
            self.say("It may read what people say in threads.", Tone.GOOD)

    def _enter_guilds(self, bot: Bot) -> list[tuple[str, str]]:
        link = write_invite(bot.app)
        words = f"3. The bot is in no server. Open this link, choose yours, and press Authorize:\n\n{link}\n"
        found = self.look_again(words, lambda: self._ask(list_guilds), "Enter looks again, - goes on without") or []
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            self.say(f"It is in {', '.join(name for _, name in found[:5])}{more}.", Tone.GOOD)
        return found

    # --------------------------------------------------------------------------------------------------------- people

    def _name_person(self, guilds: list[tuple[str, str]]) -> None:
        if known := self.list_named(_HOME):
            self.say(f"{', '.join(known)}: named in the settings already.", Tone.GOOD)
            return
        given = str(self.errand.options.get("person") or "")
        question = "4. Your name or user ID in Discord, to be the admin (Enter: later)"
        found = self.try_all(given, question, self._find_person) if guilds else None
        if found is None:
            self.say(
                f"Nobody is named yet: `up` prints a code, and whoever says /{self._settings.command} me claim CODE in "
                "Discord is the admin.",
                Tone.ASKING,
            )
            return
        self.write_admin(found.name, f"{_HOME}{found.id}")

    def _find_person(self, words: str) -> Seen:
        return self._ask(lambda web: find_person(web, words))

    # -------------------------------------------------------------------------------------------------------- channel

    def _greet(self, bot: Bot) -> str:
        question = "5. A channel for a first message, like #agents (Enter: none)"
        named = str(self.errand.options.get("channel") or "")
        return self.try_all(named, question, lambda name: self._post(name, bot)) or ""

    def _post(self, words: str, bot: Bot) -> str:
        """Post to it; its name. Raises BadInput, and PermanentFailure with what is missing there."""
        text = f"Callboard may speak here. Once it runs, start an agent with `/{self._settings.command} spawn`."

        async def post(web: Web) -> str:
            found = await find_channel(web, words, bot.user)
            if found.missing:
                remedy = f"In the channel's settings, Permissions, give it to {bot.name}."
                raise PermanentFailure(f"The bot lacks {', '.join(found.missing)} in #{found.name}.", remedy=remedy)
            await greet_channel(web, found.id, text)
            return f"#{found.name}"

        name = self._ask(post)
        self.say(f"There is a message in {name}.", Tone.GOOD)
        return name

    def _say_next(self, channel: str) -> None:
        where = f"in {channel}" if channel else "in a channel"
        self.say(f"\nNow start the bot with `up` (or, where it runs already, `reload`), and {where} type:")
        self.say(f"  /{self._settings.command} spawn text: Write a CONTRIBUTING guide project: sample")
        self.say("`doctor` says what is wrong when something is.")
