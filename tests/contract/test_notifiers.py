"""The exam of notifiers, on one that is right and on some that are not; and a notifier as a chat."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from core.errors import PermanentFailure
from core.exam import examine_notifier
from core.messages import Card, Place, Reply
from core.notifier import NotifierChat
from core.text import plain


@dataclass
class Box:
    """Notices in memory."""

    notices: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    async def notify(self, address: str, reply: Reply, key: str) -> str:
        if address != "here":
            raise PermanentFailure(f"there is no {address}")
        self.notices.setdefault(key, plain("\n".join([reply.text, *(card.title for card in reply.cards)])))
        return f"r-{key}"

    def read(self) -> str:
        return "\n".join(self.notices.values())

    def close(self) -> None:
        self.closed = True


class Forgetful(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        receipt = await super().notify(address, reply, key)
        self.notices[f"{key}-{len(self.notices)}"] = self.notices.pop(key)
        return receipt


class Raw(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        self.notices[f"raw-{key}"] = reply.text if "owned" in reply.text else ""
        return await super().notify(address, reply, key)


class Careless(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        return await super().notify("here", reply, key)


class Chatty(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        self.notices[f"secret-{key}"] = reply.secret
        return await super().notify(address, reply, key)


class Brief(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        return await super().notify(address, Reply(reply.text), key)


class Broken(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        if address != "here":
            raise KeyError(address)
        return await super().notify(address, reply, key)


class Mute(Box):
    async def notify(self, address: str, reply: Reply, key: str) -> str:
        await super().notify(address, reply, key)
        return ""


async def test_a_notifier_passes() -> None:
    box = Box()
    await examine_notifier(box, box.read, "here", wrong="there")


async def test_one_that_cannot_tell_is_not_asked_to() -> None:
    box = Forgetful()
    await examine_notifier(box, box.read, "here", once=False)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Forgetful, "arrives once"),
        (Raw, "control character"),
        (Careless, "'there' is refused"),
        (Chatty, "for the caller alone"),
        (Brief, "titles of its cards"),
        (Broken, "there"),
        (Mute, "has a receipt"),
    ],
)
async def test_a_notifier_with_a_fault_fails(kind: type[Box], fault: str) -> None:
    box = kind()
    with pytest.raises((AssertionError, KeyError), match=fault):
        await examine_notifier(box, box.read, "here", wrong="there")


async def test_as_a_chat_it_posts_and_draws_nothing() -> None:
    box = Box()
    chat, place = NotifierChat(box), Place("box", "here")
    assert await chat.post(place, Reply("done"), "d-1") == "r-d-1"
    assert box.read() == "done"
    assert await chat.find(place, "d-1") == ""
    with pytest.raises(PermanentFailure, match="cannot show cards"):
        await chat.draw(place, Card("done"), "", "c-1")
    with pytest.raises(PermanentFailure, match="no elsewhere"):
        await chat.post(Place("box", "elsewhere"), Reply("done"), "d-2")
    chat.close()
    assert box.closed


def test_what_has_nothing_to_close_is_let_go() -> None:
    NotifierChat(asyncio).close()  # type: ignore[arg-type]
