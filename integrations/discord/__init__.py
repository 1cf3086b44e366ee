"""Discord: slash commands, threads, buttons. Translates, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.interfaces import Integration, Pace, Setup

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


integration = Integration(
    name="discord",
    about="Discord: slash commands, threads and buttons in servers.",
    settings=_read_settings,
    chat=_make_chat,
    checks=_run_checks,
    listen=_listen,
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
