"""What `callboard up` says when it is ready. Pure text."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from bot.admission import list_chats
from bot.commands.line import SLASH
from bot.house import House
from core.cards import say_seconds
from core.claims import VERB
from core.codes import LASTS
from core.fleet import Comeback
from core.version import VERSION
from core.visits import Purpose

TRY = ('spawn sample "Write a CONTRIBUTING guide" --wait', "list", "doctor")


def write_banner(house: House, url: str, program: str, login: str, claim: str = "") -> str:
    """Address, the link that signs in, the code that makes the first admin in a chat, agent kinds and three commands
    to try."""
    kinds = [f"  {name:<10} {_say_kind(house, name)}" for name in house.kinds]
    commands = [f"  {program} {words}" for words in TRY]
    return "\n".join(
        [
            f"Callboard {VERSION} is up: {url}",
            f"Open it in a browser: {login}",
            f"  The link works once, until it is {house.settings.http.link_minutes:g} minutes old; "
            f"after that: {program} open",
            *(_say_claim(house, claim) if claim else ()),
            f"Data: {house.home}",
            "Agent kinds:",
            *kinds,
            "Try, in another terminal:",
            *commands,
        ]
    )


def _say_claim(house: House, code: str) -> list[str]:
    chats = list_chats(house.settings)
    slash = next((getattr(house.settings.integrations[chat], "command", "") for chat in chats), "") or SLASH
    minutes = round(LASTS[Purpose.CLAIM].total_seconds() / 60)
    return [
        f"Nobody is known in {' or '.join(chats)} yet. Whoever says this there is the admin: {slash} {VERB} {code}",
        f"  The code works once, until it is {minutes} minutes old; each start makes a new one.",
    ]


def _say_kind(house: House, name: str) -> str:
    ready = house.check_kind(name)
    scripted = " (scripted, no model; for the sample)" if house.kinds[name].scripted else ""
    return f"{ready.state}{scripted}" + (f": {ready.remedy}" if ready.remedy else "")


def write_comeback(comeback: Comeback) -> str:
    """What became of agents that were at work when the bot went down; "" when there was none and no earlier run."""
    if comeback.away_seconds is None:
        return ""
    parts = _list_parts(comeback.resumed, comeback.failed)
    return f"Back after {say_seconds(comeback.away_seconds)}: {', '.join(parts) or 'nothing was at work'}."


def _list_parts(resumed: Sequence[str], failed: Sequence[tuple[str, str]]) -> list[str]:
    parts = [f"{len(resumed)} resumed"] if resumed else []
    return parts + [f"{agent} {_say_end(why)}" for agent, why in failed]


def _say_end(why: str) -> str:
    return why if why in ("stopped", "done") else f"failed: {why}"


def say(text: str) -> None:
    """Tell whoever started the bot. It goes on when nobody reads any more (`| head`)."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be tried again at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def name_program(environ: Mapping[str, str]) -> str:
    """How the person called us."""
    return environ.get("CALLBOARD_PROG") or os.environ.get("CALLBOARD_PROG") or "./callboard"
