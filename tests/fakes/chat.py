"""A chat platform in memory: one key is one message, whoever sends it how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from core.messages import Card, Place, Reply
from core.text import address_hints


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class Platform:
    """What the platform keeps: messages in the order of their arrival, and every call."""

    messages: dict[str, tuple[Place, Reply | Card]] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    refuses_twice: bool = True

    def texts(self, address: str = "") -> list[str]:
        """The words of the messages in one place, or in all, with what they hint at."""
        shown = [item for place, item in self.messages.values() if address in ("", place.address)]
        return [_say(item) if isinstance(item, Reply) else item.title for item in shown]


Step = Callable[[str, Place, str], Awaitable[None]]


async def _do_nothing(step: str, place: Place, key: str) -> None:
    return None


def _say(reply: Reply) -> str:
    return " ".join(part for part in (reply.text, address_hints(reply.hint, "/fake")) if part)


class FakeChat:
    """One process's connection. `before` and `after` are awaited around each post and drawing, and may raise."""

    def __init__(self, platform: Platform, before: Step = _do_nothing, after: Step = _do_nothing) -> None:
        self.platform = platform
        self.before = before
        self.after = after

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        return await self._keep("post", place, reply, "", key)

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        return await self._keep("draw", place, card, reference, key)

    async def find(self, place: Place, key: str) -> str:
        self.platform.calls.append(("find", str(place), key))
        return self.platform.keys.get((str(place), key), "")

    async def _keep(self, step: str, place: Place, shown: Reply | Card, reference: str, key: str) -> str:
        await self.before(step, place, key)
        platform = self.platform
        platform.calls.append((step, str(place), key))
        known = platform.keys.get((str(place), key), "") if platform.refuses_twice else ""
        reference = reference or known or f"m{len(platform.messages) + 1}"
        if not known or step == "draw":
            platform.messages[reference] = (place, shown)
        platform.keys[str(place), key] = reference
        await self.after(step, place, key)
        return reference
