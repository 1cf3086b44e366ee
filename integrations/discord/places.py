"""How places in Discord are written.

`C1` a channel, `C1/web-12` the thread below an agent's card there, `C1!U2` and `C1/web-12!U2` the same seen by one
person alone, `C1!U2~I3` the same as the answer to what they did (an interaction), `@U2` a direct message. A message's
reference is `C1/M1`; the thread begun from it has its id.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """A place taken apart. `agent` is that of a thread, `user` the one who alone sees it, `act` what they did."""

    channel: str
    agent: str = ""
    user: str = ""
    act: str = ""

    @classmethod
    def read(cls, address: str) -> Spot:
        if address.startswith("@"):
            return cls("", "", address[1:])
        where, _, whose = address.partition("!")
        user, _, act = whose.partition("~")
        channel, _, agent = where.partition("/")
        return cls(channel, agent, user, act)

    def __str__(self) -> str:
        thread = f"/{self.agent}" if self.agent else ""
        act = f"~{self.act}" if self.act else ""
        user = f"!{self.user}{act}" if self.user else ""
        return f"{self.channel}{thread}{user}" if self.channel else f"@{self.user}"


def split_reference(reference: str) -> tuple[str, str]:
    """Channel and message."""
    channel, _, message = reference.partition("/")
    return channel, message
