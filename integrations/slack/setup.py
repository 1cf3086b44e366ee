"""`callboard slack setup`: from nothing to a bot that may speak in a channel, one proven step after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr

from core.errors import BadInput, Conflict, PermanentFailure, TemporaryFailure
from core.interfaces import Errand
from core.messages import Tone
from integrations.slack.draft import APP, BOT, SIGNING, check_shape, find_url, read_draft, read_tokens
from integrations.slack.manifest import build_manifest, make_link
from integrations.slack.probe import Bot, Seen, find_person, meet_app, meet_bot
from integrations.slack.web import call, make_client

TRIES = 5
T = TypeVar("T")
_REACH = "See whether this machine reaches Slack, and begin again: what was proven is kept."


def run_setup(errand: Errand) -> int:
    """Walk a person through. Raises BadInput where something is missing and nobody can be asked."""
    walk = Walk(errand)
    try:
        walk.go()
    except KeyboardInterrupt:
        errand.terminal.say("\nEnded. What was not proven was not written; `slack setup` goes on from there.")
        raise
    except TemporaryFailure as failure:
        raise TemporaryFailure(failure.message, remedy=failure.remedy or _REACH) from failure
    return 0


class Walk:
    """One run. Nothing is written before both tokens were proven, and then at once."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._say, self._office = errand.terminal.say, errand.office
        self._settings = read_draft(errand)
        self._url = find_url(errand)
        self._known = read_tokens(errand)

    def go(self) -> None:
        """All steps."""
        self._check_alone()
        if not self._known[BOT]:
            self._offer_app()
        token, bot = self._prove(BOT, "Bot User OAuth Token (xoxb-…, it is not shown)", self._meet_bot)
        self._say(f"This is {bot}.", Tone.GOOD)
        if bot.missing:
            self._say(
                f"The app lacks {', '.join(bot.missing)}: bring it up to `slack manifest`, and install it again.",
                Tone.ASKING,
            )
        values = {BOT: token, **self._take_second(bot)}
        self._keep(values)
        self._settings = self._settings.model_copy(update={"bot_token": SecretStr(token)})
        self._name_person(bot)
        channel = self._greet_channel(bot)
        self._say_next(channel)

    def _check_alone(self) -> None:
        """Raises BadInput before anything is done when somebody must be asked and nobody is there."""
        needed = [BOT, SIGNING if self._url else APP]
        missing = [name for name in needed if not self._known[name]]
        if missing and not self._errand.terminal.is_live:
            remedy = (
                "Run it at a terminal; or put them into the environment, .env or a --token-file, and name yourself "
                "with --person and a channel with --channel. `slack manifest` prints the app's manifest."
            )
            raise BadInput(f"There is no terminal to ask at for {' and '.join(missing)}.", remedy=remedy)

    def _offer_app(self) -> None:
        link = make_link(build_manifest(self._settings.command, self._url))
        self._say("1. Open this link, choose your workspace, and press Create:\n", Tone.BUSY)
        self._say(f"{link}\n")
        self._say("2. Press Install to Workspace. Under OAuth & Permissions you find the token.", Tone.BUSY)

    def _take_second(self, bot: Bot) -> dict[str, str]:
        """The app-level token, or for signed HTTP the signing secret, which only a request proves."""
        if self._url:
            if not self._known[SIGNING]:
                self._say("3. Under Basic Information, App Credentials, is the signing secret.", Tone.BUSY)
            secret, _ = self._prove(SIGNING, "Signing Secret (it is not shown)", _take)
            return {SIGNING: secret}
        if not self._known[APP]:
            self._say(
                "3. Under Basic Information, App-Level Tokens, generate one with the scope connections:write.",
                Tone.BUSY,
            )
        token, _ = self._prove(
            APP, "App-level token (xapp-…, it is not shown)", lambda token: self._meet_app(token, bot)
        )
        self._say("Slack gives connections for it: no public address is needed.", Tone.GOOD)
        return {APP: token}

    async def _meet_bot(self, token: str) -> Bot:
        return await meet_bot(self._settings, token)

    async def _meet_app(self, token: str, bot: Bot) -> str:
        app = await meet_app(self._settings, token)
        if bot.app and app and bot.app != app:
            raise BadInput(f"The bot token is of the app {bot.app}, this one of {app}.", remedy="Take both of one app.")
        return app

    def _prove(self, name: str, question: str, prove: Callable[[str], Awaitable[T]]) -> tuple[str, T]:
        """A token that Slack takes, and what it says of it: the one that is known, else what is typed."""
        token = self._known[name]
        for _ in range(TRIES):
            token = token or self._errand.terminal.ask(question, hidden=True)
            try:
                check_shape(name, token)
                return token, _run(prove(token))
            except (BadInput, PermanentFailure) as failure:
                if not self._errand.terminal.is_live:
                    raise type(failure)(f"{name}: {failure.message}", remedy=failure.remedy) from failure
                self._say(f"{name}: {failure}", Tone.BAD)
            token = ""
        raise PermanentFailure(f"{name} was refused {TRIES} times.", remedy="Nothing was written.")

    def _keep(self, values: dict[str, str]) -> None:
        fresh = {name: value for name, value in values.items() if value != self._office.read_secret(name)}
        if fresh:
            self._say(f"{' and '.join(fresh)}: written to {self._office.keep_secrets(fresh)}.", Tone.GOOD)
        else:
            self._say("The bot has these already: nothing was written.", Tone.GOOD)

    # --------------------------------------------------------------------------------------------------------- people

    def _name_person(self, bot: Bot) -> None:
        home = f"slack:{bot.team}/"
        known = [name for name, ids in self._errand.people.items() if any(one.strip().startswith(home) for one in ids)]
        if known:
            self._say(f"{', '.join(known)}: named in the settings already.", Tone.GOOD)
            return
        question = "4. Your e-mail address or member ID in Slack, to be the admin (Enter: later)"
        found = self._try_all(str(self._errand.options.get("person") or ""), question, self._find_person)
        if found is None:
            self._say(
                f"Nobody is named yet: `up` prints a code, and whoever says {self._settings.command} me claim CODE in "
                "Slack is the admin.",
                Tone.ASKING,
            )
            return
        self._write_person(found, home)

    def _find_person(self, words: str) -> Seen:
        return _run(find_person(self._settings, words))

    def _write_person(self, found: Seen, home: str) -> None:
        try:
            file = self._office.add_person(found.name, "admin", f"{home}{found.id}")
        except Conflict as conflict:
            self._say(str(conflict), Tone.ASKING)
            return
        self._say(f"{found.name} ({found.id}) is the admin: written to {file}.", Tone.GOOD)

    # -------------------------------------------------------------------------------------------------------- channel

    def _greet_channel(self, bot: Bot) -> str:
        question = "5. A channel for a first message, like #agents (Enter: none)"
        named = str(self._errand.options.get("channel") or "")
        return self._try_all(named, question, lambda name: self._post(name, bot)) or ""

    def _post(self, name: str, bot: Bot) -> str:
        """Post to it; its name. Raises PermanentFailure with what to do."""
        text = (
            f"Callboard may speak here. Once it runs, start an agent with `{self._settings.command} spawn sample -- "
            "Write a CONTRIBUTING guide`"
        )
        try:
            _run(call(make_client(self._settings).chat_postMessage(channel=name, text=text, unfurl_links=False)))
        except PermanentFailure as failure:
            remedy = failure.remedy.replace("@callboard", f"@{bot.name}")
            raise PermanentFailure(failure.message, remedy=remedy or "Name another channel.") from failure
        self._say(f"There is a message in {name}.", Tone.GOOD)
        return name

    def _try_all(self, given: str, question: str, take: Callable[[str], T]) -> T | None:
        """What `take` makes of the words that were given, else of those that are typed; None for no words."""
        live = self._errand.terminal.is_live
        last = ""
        for _ in range(TRIES):
            typed = given or (self._errand.terminal.ask(question) if live else "") or last
            if typed in ("", "-"):
                return None
            try:
                return take(typed)
            except (BadInput, PermanentFailure) as failure:
                if not live:
                    raise
                self._say(str(failure), Tone.BAD)
            last, given = typed, ""
            question = f"Enter tries {last} again, - leaves it out, or another"
        return None

    def _say_next(self, channel: str) -> None:
        where = f"in {channel}" if channel else "in a channel, after /invite"
        start = f"{self._settings.command} spawn sample -- Write a CONTRIBUTING guide"
        self._say(f"\nNow start the bot with `up` (or, where it runs already, `reload`), and {where} type:")
        self._say(f"  {start}")
        self._say("`doctor` says what is wrong when something is.")


async def _take(token: str) -> str:
    return token


def _run(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())
