"""What is made of the parts that integrations offer: whose runtime a kind needs, and notifiers as places."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.parts import Parts, find_integrations, list_enabled, make_parts
from bot.street import HouseStreet
from core.interfaces import AgentRuntime, Chat, Integration, Kind, Notifier, Setup
from core.messages import Place, Reply
from core.notifier import NotifierChat
from core.settings import Settings, load_settings
from core.store import Database
from tests.fakes.chat import FakeChat, Platform


@dataclass
class Offers:
    """Makes parts, and knows which."""

    made: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def notifier(self, setup: Setup) -> Notifier:
        self.made.append("notifier")
        return Told(self)

    def chat(self, setup: Setup) -> Chat:
        self.made.append("chat")
        return FakeChat(Platform())

    def runtime(self, setup: Setup) -> AgentRuntime:
        raise AssertionError("made when the first agent needs it")


@dataclass
class Told:
    offers: Offers

    async def notify(self, address: str, reply: Reply, key: str) -> str:
        return f"{address} {reply.text} {key}"

    def close(self) -> None:
        self.offers.closed.append("notifier")


@pytest.fixture
def offers() -> Offers:
    return Offers()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(None, {"HOME": str(tmp_path)}, tmp_path)


async def make(item: Integration, settings: Settings, home: Path, *before: Any) -> Parts:
    database = Database(f"sqlite+aiosqlite:///{home / 'callboard.sqlite3'}")
    parts = make_parts([*list_enabled(settings), item], home, settings, database, HouseStreet(), *before)
    await database.close()
    return parts


async def test_kinds_speak_with_the_runtime_of_their_integration(
    offers: Offers, settings: Settings, tmp_path: Path
) -> None:
    kinds = (Kind("one", ("one",), "first"), Kind("two", ("two",), "second"))
    parts = await make(Integration("own", "An integration.", runtime=offers.runtime, kinds=kinds), settings, tmp_path)
    assert parts.runtimes["one"] is parts.runtimes["two"] is parts.made["own", "runtime"]
    assert parts.runtimes["claude"] is parts.runtime is parts.made["acp", "runtime"]
    assert "demo" not in parts.runtimes, "kinds of integrations without a runtime speak ACP"
    assert parts.runtimes["one"] is not parts.runtime


async def test_a_notifier_is_a_place(offers: Offers, settings: Settings, tmp_path: Path) -> None:
    parts = await make(Integration("bell", "An integration.", notifier=offers.notifier), settings, tmp_path)
    assert isinstance(parts.chats["bell"], NotifierChat)
    assert await parts.chats["bell"].post(Place("bell", "door"), Reply("ring"), "d-1") == "door ring d-1"
    await parts.close()
    assert offers.closed == ["notifier"]


async def test_a_chat_that_notifies_too_is_a_chat(offers: Offers, settings: Settings, tmp_path: Path) -> None:
    item = Integration("bell", "An integration.", notifier=offers.notifier, chat=offers.chat)
    parts = await make(item, settings, tmp_path)
    assert isinstance(parts.chats["bell"], FakeChat)
    assert offers.made == ["chat"]


async def test_only_what_changed_is_made_anew(offers: Offers, settings: Settings, tmp_path: Path) -> None:
    item = Integration("bell", "An integration.", notifier=offers.notifier)
    parts = await make(item, settings, tmp_path)
    first = parts.chats["bell"]
    parts.adopt(await make(item, settings, tmp_path, parts, frozenset()))
    assert parts.chats["bell"] is first
    assert offers.closed == []
    parts.adopt(await make(item, settings, tmp_path, parts, frozenset({"bell"})))
    assert parts.chats["bell"] is not first
    assert offers.closed == ["notifier"]


async def test_what_is_turned_off_is_no_place_any_more(offers: Offers, settings: Settings, tmp_path: Path) -> None:
    item = Integration(
        "bell", "An integration.", notifier=offers.notifier, runtime=offers.runtime, kinds=(Kind("x", ("x",), "x"),)
    )
    parts = await make(item, settings, tmp_path)
    chats, runtimes = parts.chats, parts.runtimes
    parts.adopt(await make(Integration("other", "Another one."), settings, tmp_path, parts, frozenset({"bell"})))
    assert "bell" not in chats
    assert "x" not in runtimes
    assert offers.closed == ["notifier"]


def test_the_house_has_one_integration_a_folder() -> None:
    names = [item.name for item in find_integrations()]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
