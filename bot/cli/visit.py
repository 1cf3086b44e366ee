"""`callboard open`: the web console in a browser, signed in by a new link."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Mapping

from bot.cli.client import Client
from bot.cli.program import ExitCode, Problem, print_json, write_line
from bot.cli.run import run_guarded

Open = Callable[[str], bool]


def run_open(*, print_only: bool, as_json: bool) -> ExitCode:
    """Make a link and open it; where nothing opens it, print it and say so."""
    return run_guarded(lambda: open_link(Client(), print_only, as_json), as_json)


def open_link(client: Client, print_only: bool, as_json: bool, start: Open | None = None) -> ExitCode:
    """`start` opens an address; it says whether it did. Raises Problem."""
    reply = client.run_command("login", {})
    link = str(reply.get("secret") or "")
    if not link:
        raise Problem("The bot made no link.", remedy="Try again.", code="no_link")
    opened = not (print_only or as_json) and (start or find_browser(os.environ))(link)
    if as_json:
        print_json({**(reply.get("data") or {}), "secret": link})
    elif opened:
        write_line(f"Opened in your browser: {link.partition('/login/')[0]}/")
    else:
        write_line(str(reply.get("text", "")) if print_only else "There is no browser here. Open this link in one:")
        write_line(link)
    return ExitCode.DONE


def find_browser(environ: Mapping[str, str], platform: str = sys.platform) -> Open:
    """What opens an address. One that would take over the terminal is none."""
    has_screen = platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
    )
    return _start_browser if has_screen else _find_none


def _start_browser(link: str) -> bool:
    try:
        return webbrowser.open(link)
    except (webbrowser.Error, OSError):
        return False


def _find_none(_link: str) -> bool:
    return False
