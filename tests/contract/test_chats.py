"""The exam of every chat that can be had without an account: what the spine relies on.

A folder of integrations/ with a chat names how it is examined in `tests/integrations/NAME/exam.py` (`open_chat`), or
is found here by its factory alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import pytest

from core.exam import examine_chat
from core.exam.chat import CHECKS, HERE, Check, Read, check_hostile
from core.interfaces import Chat
from core.messages import Card, Place, Reply
from integrations.terminal.chat import TerminalChat
from tests.contract.test_integrations import NAMES, load
from tests.fakes.chat import FakeChat, Platform

Exam = tuple[Chat, Read]


def open_terminal() -> Exam:
    out = io.StringIO()
    return TerminalChat(out, {}), out.getvalue


def open_fake() -> Exam:
    platform = Platform()
    return FakeChat(platform), lambda: "\n".join(platform.texts())


def list_exams() -> dict[str, Callable[[], Exam]]:
    exams: dict[str, Callable[[], Exam]] = {"fake": open_fake, "terminal": open_terminal}
    for name in NAMES:
        if name not in exams and load(name).chat and find_spec(f"tests.integrations.{name}.exam"):
            exams[name] = import_module(f"tests.integrations.{name}.exam").open_chat
    return exams


EXAMS = list_exams()


def test_every_chat_is_examined() -> None:
    assert [name for name in NAMES if load(name).chat and name not in EXAMS] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", EXAMS)
async def test_it_passes(name: str, check: Check) -> None:
    if (name, check) == ("fake", check_hostile):
        pytest.skip("the fake shows what it was given")
    await check(*EXAMS[name](), HERE)


async def test_all_of_it_is_one_call() -> None:
    await examine_chat(open_terminal)


class Forgetful(TerminalChat):
    """Prints again what it printed."""

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        self._shown.clear()
        return await super().post(place, reply, key)


class Silent(TerminalChat):
    """Draws nothing."""

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        return reference or key


class Raw(TerminalChat):
    """Prints words as they came."""

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        self._out.write(reply.text if "owned" in reply.text else "")
        return await super().post(place, reply, key)


class Certain(TerminalChat):
    """Finds whatever it is asked for."""

    async def find(self, place: Place, key: str) -> str:
        return "yes"


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Forgetful, "is seen once"),
        (Silent, "a card is seen"),
        (Raw, "is shown as it is"),
        (Certain, "never sent is not found"),
    ],
)
async def test_a_chat_with_a_fault_fails(kind: type[TerminalChat], fault: str) -> None:
    def open_chat() -> Exam:
        out = io.StringIO()
        return kind(out, {}), out.getvalue

    with pytest.raises(AssertionError, match=fault):
        await examine_chat(open_chat)
