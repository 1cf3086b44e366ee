"""How places in Slack are written.

`C01` a channel, `C01/web-12` the thread below an agent's card there, `C01!U02` and `C01/web-12!U02` the same seen by
one person alone, `@U02` a direct message, `~U02` somebody's home tab. A message's reference is
`C01/1700000000.000100`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """A place taken apart. `agent` is that of a thread, `user` the one who alone sees it; `home`: it is their tab."""

    channel: str
    agent: str = ""
    user: str = ""
    home: bool = False

    @classmethod
    def read(cls, address: str) -> Spot:
        if address.startswith(("@", "~")):
            return cls("", "", address[1:], address.startswith("~"))
        where, _, user = address.partition("!")
        channel, _, agent = where.partition("/")
        return cls(channel, agent, user)

    def __str__(self) -> str:
        thread = f"/{self.agent}" if self.agent else ""
        user = f"!{self.user}" if self.user else ""
        if not self.channel:
            return f"{'~' if self.home else '@'}{self.user}"
        return f"{self.channel}{thread}{user}"


def split_reference(reference: str) -> tuple[str, str]:
    """Channel and time stamp."""
    channel, _, ts = reference.partition("/")
    return channel, ts
