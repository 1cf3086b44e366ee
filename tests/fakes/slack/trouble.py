"""Faults that a test orders: the next calls of a method, or into a channel, go wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.slack.records import Call

Fault = Literal["429", "500", "503", "hang", "close", "close_after", "hang_after", "html"]


@dataclass(kw_only=True, eq=False)
class Trouble:
    """An ordered fault. `fault` may also be an error code: the call is answered `ok: false` with it.

    - "429", "500", "503", "html": answered so, nothing is done
    - "hang", "close": no answer, nothing is done
    - "hang_after", "close_after": it is done and stored, then no answer
    """

    fault: str
    method: str = ""
    channel: str = ""
    times: int | None = 1
    retry_after: int = 30
    hits: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, call: Call) -> bool:
        spent = self.times is not None and self.hits >= self.times
        named = not self.method or self.method == call.method
        return not spent and named and self.channel in ("", call.channel)

    def release(self) -> None:
        """Let what hangs go on, and harm nothing more."""
        self.times = self.hits
        self.released.set()


@dataclass
class Troubles:
    ordered: list[Trouble] = field(default_factory=list)

    def order(self, trouble: Trouble) -> Trouble:
        self.ordered.append(trouble)
        return trouble

    def take(self, call: Call) -> Trouble | None:
        """The fault for this call, counted as used."""
        for trouble in self.ordered:
            if trouble.fits(call):
                trouble.hits += 1
                return trouble
        return None

    def release(self) -> None:
        for trouble in self.ordered:
            trouble.release()
