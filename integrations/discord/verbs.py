"""`callboard discord invite`."""

from __future__ import annotations

from core.errors import BadInput
from core.interfaces import Errand
from integrations.discord.draft import VARIABLE, read_token
from integrations.discord.permissions import read_app, write_invite

_WHERE = "It is on the page General Information of the application, 17 to 20 digits."


def print_invite(errand: Errand) -> int:
    """The link that invites the bot. Nothing is asked of Discord. Raises BadInput."""
    app = str(errand.options.get("app") or "") or read_app(read_token(errand)[VARIABLE])
    if not app and errand.terminal.is_live:
        app = errand.terminal.ask("Application ID")
    if not app:
        raise BadInput("No token says which application it is.", remedy=f"Name it with --app ID. {_WHERE}")
    if not (app.isascii() and app.isdigit() and 15 <= len(app) <= 22):
        raise BadInput(f"{app[:40]!r} is no application's id.", remedy=_WHERE)
    errand.terminal.say(write_invite(app))
    return 0
