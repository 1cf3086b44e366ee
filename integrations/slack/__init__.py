"""Slack: slash commands, threads, buttons. Translates, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.interfaces import Errand, Flag, Integration, LocalVerb, Pace, Setup, Watch

if TYPE_CHECKING:
    from core.interfaces import Chat, Check, Door


def _make_chat(setup: Setup) -> Chat:
    from integrations.slack.chat import SlackChat
    from integrations.slack.line import open_line
    from integrations.slack.webhook import HookedChat, Webhook

    settings = setup.settings
    chat = None if settings.is_send_only else SlackChat(settings, setup.anchors, open_line(setup))
    url = settings.webhook_url.get_secret_value()
    return chat if chat and not url else HookedChat(Webhook(url), chat)


def _list_watches(settings: Any) -> Sequence[Watch]:
    return [Watch("webhook", settings.notify)] if settings.webhook_url.get_secret_value() else []


def _read_settings() -> type[Any]:
    from integrations.slack.settings import SlackSettings

    return SlackSettings


def _make_doors(setup: Setup) -> Sequence[Door]:
    from integrations.slack.door import make_doors

    return make_doors(setup)


async def _listen(setup: Setup) -> None:
    if setup.settings.is_send_only:
        return
    from integrations.slack.listen import listen

    await listen(setup)


async def _run_checks(setup: Setup) -> Sequence[Check]:
    from integrations.slack.checks import run_checks

    return await run_checks(setup)


def _print_manifest(errand: Errand) -> int:
    from integrations.slack.verbs import print_manifest

    return print_manifest(errand)


def _run_setup(errand: Errand) -> int:
    from integrations.slack.setup import run_setup

    return run_setup(errand)


_HTTP = Flag("http", "Slack calls http.public_url, in the place of Socket Mode.")
_MANIFEST = LocalVerb(
    "manifest",
    "Print the app's manifest for this installation",
    _print_manifest,
    (
        Flag("command", "The slash command; without it that of integrations.slack.command.", "/NAME"),
        _HTTP,
        Flag("json", "Print it as JSON."),
    ),
)
_SETUP = LocalVerb(
    "setup",
    "Connect Slack: the app, its tokens, you, and a first message",
    _run_setup,
    (
        _HTTP,
        Flag("token-file", "Where the tokens are, NAME=value in each line, instead of asking.", "FILE"),
        Flag("person", "Your e-mail address or member ID in Slack, to be the admin.", "WHO"),
        Flag("channel", "The channel for a first message.", "#NAME"),
    ),
)

integration = Integration(
    name="slack",
    about="Slack: slash commands, threads and buttons in a workspace.",
    settings=_read_settings,
    chat=_make_chat,
    doors=_make_doors,
    checks=_run_checks,
    listen=_listen,
    verbs=(_MANIFEST, _SETUP),
    watches=_list_watches,
    pace=Pace(edit_gap=3.0, posts_per_second=1.0),
    sealed=True,
    threads=True,
)

# For whoever examines the record: nothing answers there.
EXAMPLE = {"bot_token": "xoxb-example", "app_token": "xapp-example", "api_url": "http://127.0.0.1:9/api/"}
