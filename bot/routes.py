"""What the settings say of who hears of all agents."""

from __future__ import annotations

from bot.parts import list_enabled
from core.routing import Routes
from core.settings import Settings
from core.settings.http import is_loopback, split_url


def build_routes(settings: Settings) -> Routes:
    """The places that enabled integrations name. A link that only this machine could open is none."""
    places = [
        (f"{item.name}:{watch.address}", frozenset(watch.concerns))
        for item in list_enabled(settings)
        if item.watches
        for watch in item.watches(settings.integrations.get(item.name))
    ]
    return Routes(places, find_console(settings))


def find_console(settings: Settings) -> str:
    """Where others reach the console, "" when they do not."""
    parts = split_url(settings.http.public_url)
    return settings.http.public_url if parts and parts.hostname and not is_loopback(parts.hostname) else ""
