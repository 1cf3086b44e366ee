"""Every written page, by its path in docs/."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.reference.catalogue import write_events, write_metrics
from bot.reference.commands import write_commands
from bot.reference.configuration import list_sections, write_configuration
from bot.reference.http import write_http
from bot.reference.interfaces import write_interfaces

PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": lambda: write_configuration(list_sections()),
    "reference/commands.md": write_commands,
    "reference/events.md": write_events,
    "reference/http.md": write_http,
    "reference/interfaces.md": write_interfaces,
    "reference/metrics.md": write_metrics,
}
