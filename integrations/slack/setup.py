"""`callboard slack setup`: from nothing to a bot that may speak in a channel, one proven step after another."""

from __future__ import annotations

from pydantic import SecretStr

from core.errors import BadInput, PermanentFailure
from core.interfaces import Errand
from core.messages import Tone
from core.walk import Walk, run, run_walk
from integrations.slack.draft import APP, BOT, SIGNING, check_shape, find_url, read_draft, read_tokens
from integrations.slack.manifest import build_manifest, make_link
from integrations.slack.probe import Bot, Seen, find_person, meet_app, meet_bot
from integrations.slack.web import call, make_client

_REACH = "See whether this machine reaches Slack, and begin again: what was proven is kept."


def run_setup(errand: Errand) -> int:
    """Walk a person through. Raises BadInput where something is missing and nobody can be asked."""
    return run_walk(errand, SlackWalk(errand).go, "slack setup", _REACH)


class SlackWalk(Walk):
    """One run. Nothing is written before both tokens were proven, and then at once."""

    def __init__(self, errand: Errand) -> None:
        self._settings = read_draft(errand)
        self._url = find_url(errand)
        super().__init__(errand, read_tokens(errand))

    def go(self) -> None:
        """All steps."""
        self._check_alone()
        if not self.known[BOT]:
            self._offer_app()
        token, bot = self.prove(BOT, "Bot User OAuth Token (xoxb-…, it is not shown)", self._meet_bot)
        self.say(f"This is {bot}.", Tone.GOOD)
        if bot.missing:
            self.say(
                f"The app lacks {', '.join(bot.missing)}: bring it up to `slack manifest`, and install it again.",
                Tone.ASKING,
            )
        values = {BOT: token, **self._take_second(bot)}
        self.keep(values)
        self._settings = self._settings.model_copy(update={"bot_token": SecretStr(token)})
        self._name_person(bot)
        channel = self._greet_channel(bot)
        self._say_next(channel)

    def _check_alone(self) -> None:
        remedy = (
            "Run it at a terminal; or put them into the environment, .env or a --token-file, and name yourself with "
            "--person and a channel with --channel. `slack manifest` prints the app's manifest."
        )
        self.demand_secrets([BOT, SIGNING if self._url else APP], remedy)

    def _offer_app(self) -> None:
        link = make_link(build_manifest(self._settings.command, self._url))
        self.say("1. Open this link, choose your workspace, and press Create:\n", Tone.BUSY)
        self.say(f"{link}\n")
        self.say("2. Press Install to Workspace. Under OAuth & Permissions you find the token.", Tone.BUSY)

    def _take_second(self, bot: Bot) -> dict[str, str]:
        """The app-level token, or for signed HTTP the signing secret, which only a request proves."""
        if self._url:
            if not self.known[SIGNING]:
                self.say("3. Under Basic Information, App Credentials, is the signing secret.", Tone.BUSY)
            secret, _ = self.prove(SIGNING, "Signing Secret (it is not shown)", _take)
            return {SIGNING: secret}
        if not self.known[APP]:
            self.say(
                "3. Under Basic Information, App-Level Tokens, generate one with the scope connections:write.",
                Tone.BUSY,
            )
        token, _ = self.prove(
            APP, "App-level token (xapp-…, it is not shown)", lambda token: self._meet_app(token, bot)
        )
        self.say("Slack gives connections for it: no public address is needed.", Tone.GOOD)
        return {APP: token}

    def _meet_bot(self, token: str) -> Bot:
        check_shape(BOT, token)
        return run(meet_bot(self._settings, token))

    def _meet_app(self, token: str, bot: Bot) -> str:
        check_shape(APP, token)
        app = run(meet_app(self._settings, token))
        if bot.app and app and bot.app != app:
            raise BadInput(f"The bot token is of the app {bot.app}, this one of {app}.", remedy="Take both of one app.")
        return app

    # --------------------------------------------------------------------------------------------------------- people

    def _name_person(self, bot: Bot) -> None:
        home = f"slack:{bot.team}/"
        if known := self.list_named(home):
            self.say(f"{', '.join(known)}: named in the settings already.", Tone.GOOD)
            return
        question = "4. Your e-mail address or member ID in Slack, to be the admin (Enter: later)"
        found = self.try_all(str(self.errand.options.get("person") or ""), question, self._find_person)
        if found is None:
            self.say(
                f"Nobody is named yet: `up` prints a code, and whoever says {self._settings.command} me claim CODE in "
                "Slack is the admin.",
                Tone.ASKING,
            )
            return
        self.write_admin(found.name, f"{home}{found.id}")

    def _find_person(self, words: str) -> Seen:
        return run(find_person(self._settings, words))

    # -------------------------------------------------------------------------------------------------------- channel

    def _greet_channel(self, bot: Bot) -> str:
        question = "5. A channel for a first message, like #agents (Enter: none)"
        named = str(self.errand.options.get("channel") or "")
        return self.try_all(named, question, lambda name: self._post(name, bot)) or ""

    def _post(self, name: str, bot: Bot) -> str:
        """Post to it; its name. Raises PermanentFailure with what to do."""
        text = (
            f"Callboard may speak here. Once it runs, start an agent with `{self._settings.command} spawn sample -- "
            "Write a CONTRIBUTING guide`"
        )
        try:
            run(call(make_client(self._settings).chat_postMessage(channel=name, text=text, unfurl_links=False)))
        except PermanentFailure as failure:
            remedy = failure.remedy.replace("@callboard", f"@{bot.name}")
            raise PermanentFailure(failure.message, remedy=remedy or "Name another channel.") from failure
        self.say(f"There is a message in {name}.", Tone.GOOD)
        return name

    def _say_next(self, channel: str) -> None:
        where = f"in {channel}" if channel else "in a channel, after /invite"
        start = f"{self._settings.command} spawn sample -- Write a CONTRIBUTING guide"
        self.say(f"\nNow start the bot with `up` (or, where it runs already, `reload`), and {where} type:")
        self.say(f"  {start}")
        self.say("`doctor` says what is wrong when something is.")


def _take(secret: str) -> str:
    check_shape(SIGNING, secret)
    return secret
