"""Discord: slash commands, threads, buttons. Translates, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.interfaces import Errand, Flag, Integration, LocalVerb, Pace, Setup

if TYPE_CHECKING:
    from core.interfaces import Chat, Check


def _make_chat(setup: Setup) -> Chat:
    from integrations.discord.chat import DiscordChat

    return DiscordChat(setup)


def _read_settings() -> type[Any]:
    from integrations.discord.settings import DiscordSettings

    return DiscordSettings


async def _listen(setup: Setup) -> None:
    from integrations.discord.gateway import hold_gateway

    await hold_gateway(setup)


async def _run_checks(setup: Setup) -> Sequence[Check]:
    from integrations.discord.checks import run_checks

    return await run_checks(setup)


def _print_invite(errand: Errand) -> int:
    from integrations.discord.verbs import print_invite

    return print_invite(errand)


def _run_setup(errand: Errand) -> int:
    from integrations.discord.setup import run_setup

    return run_setup(errand)


_TOKEN_FILE = Flag("token-file", "Where the token is, DISCORD_BOT_TOKEN=… in a line, instead of asking.", "FILE")
_INVITE = LocalVerb(
    "invite",
    "Print the link that invites the bot, with exactly what it needs",
    _print_invite,
    (Flag("app", "The application's id; without it that of the token.", "ID"), _TOKEN_FILE),
)
_SETUP = LocalVerb(
    "setup",
    "Connect Discord: the application, its token, you, and a first message",
    _run_setup,
    (
        _TOKEN_FILE,
        Flag("person", "Your name or user ID in Discord, to be the admin.", "WHO"),
        Flag("channel", "The channel for a first message, by name or id.", "#NAME"),
    ),
)

integration = Integration(
    name="discord",
    about="Discord: slash commands, threads and buttons in servers.",
    settings=_read_settings,
    chat=_make_chat,
    checks=_run_checks,
    listen=_listen,
    verbs=(_INVITE, _SETUP),
    pace=Pace(edit_gap=3.0, posts_per_second=1.0),
    sealed=True,
    threads=True,
)

# For whoever examines the record: nothing answers there.
EXAMPLE = {
    "token": "MTAwMDAwMDAwMA.example.nothing-answers-to-it",
    "api_url": "http://127.0.0.1:9/api/v10",
    "gateway_url": "ws://127.0.0.1:9/",
}
