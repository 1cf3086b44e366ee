"""Prints what the bot has to say where it was started."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TextIO

from core.errors import TemporaryFailure
from core.messages import Card, Place, Reply, Tone
from core.text import address_hints, plain

_COLOURS: Mapping[str, str] = {"good": "32", "bad": "31", "asking": "33", "busy": "36"}
_MARKS: Mapping[str, str] = {"good": "+", "bad": "!", "asking": "?", "busy": ">"}


_REMEMBERED = 1_000


class TerminalChat:
    """A Chat that prints lines. Nothing can be edited: a card is a line when its title changes. What was printed is
    remembered while the process lives, so that a retry prints nothing twice."""

    def __init__(self, out: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._out = out or sys.stdout
        told = environ if environ is not None else os.environ
        self._coloured = self._out.isatty() and not told.get("NO_COLOR")
        self._program = told.get("CALLBOARD_PROG") or "./callboard"
        self._shown: dict[str, str] = {}

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Print a reply's text and the titles of its cards. Raises TemporaryFailure."""
        if key in self._shown:
            return key
        tone = str(reply.data.get("tone", ""))
        hint = address_hints(reply.hint, self._program)
        said = " · ".join(part for part in (reply.text, hint) if part)
        lines = [said, *(card.title for card in reply.cards)]
        await asyncio.to_thread(self._print, [line for line in lines if line], tone)
        self._remember(key, reply.text)
        return key

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Print a card's title when it says something new; those that are told in words anyway are left out. Raises
        TemporaryFailure."""
        reference = reference or key
        if self._shown.get(reference) != card.title and card.tone in (Tone.BUSY, Tone.PLAIN):
            await asyncio.to_thread(self._print, [card.title], card.tone.value)
        self._remember(reference, card.title)
        return reference

    async def find(self, place: Place, key: str) -> str:
        """What this process printed."""
        return key if key in self._shown else ""

    def _remember(self, key: str, shown: str) -> None:
        self._shown.pop(key, None)
        self._shown[key] = shown
        if len(self._shown) > _REMEMBERED:
            del self._shown[next(iter(self._shown))]

    def _print(self, lines: list[str], tone: str) -> None:
        mark, colour = _MARKS.get(tone, "·"), _COLOURS.get(tone, "")
        try:
            for line in lines:
                text = f"{datetime.now().astimezone():%H:%M:%S} {mark} {' '.join(plain(line).split())}"
                self._out.write(f"\x1b[{colour}m{text}\x1b[0m\n" if self._coloured and colour else f"{text}\n")
            self._out.flush()
        except BrokenPipeError:
            # Whoever read is gone for good (`| head`): there is nobody to tell, now or later.
            return
        except OSError as error:
            raise TemporaryFailure(f"the terminal cannot be written to: {error}") from error
