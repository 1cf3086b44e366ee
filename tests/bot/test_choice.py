"""Which place has which default, and where the command line says a folder is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.choice import list_around, read_custom, write_custom
from bot.cli.run import place_source
from bot.house import House, Project
from core.errors import BadInput, NotFound
from core.store import Database


@pytest.mark.parametrize(
    ("place", "around"),
    [
        ("slack:C1/17.2", ["slack:C1/17.2", "slack:C1"]),
        ("terminal:up", ["terminal:up"]),
        ("x:a/b/c", ["x:a/b/c", "x:a/b", "x:a"]),
        ("odd", ["odd"]),
    ],
)
def test_what_is_around_a_place(place: str, around: list[str]) -> None:
    assert list(list_around(place)) == around


class StubHouse:
    """Two projects and a kind."""

    default_project = "web"

    def __init__(self) -> None:
        self.kinds = {"demo": SimpleNamespace(name="demo")}
        self.projects = {name: Project(name, Path("/srv") / name) for name in ("web", "api")}

    def find_project(self, name: str) -> Project:
        return House.find_project(cast("House", self), name)


async def test_a_thread_has_the_default_of_its_channel_until_it_has_its_own(database: Database) -> None:
    house: Any = StubHouse()
    async with database.transaction() as tx:
        assert await read_custom(tx, "slack:C1/17.2") is None
        await write_custom(tx, house, "slack:C1", "web", "demo")
        inherited = await read_custom(tx, "slack:C1/17.2")
        assert inherited
        assert (inherited.place, inherited.project, inherited.kind) == ("slack:C1", "web", "demo")
        await write_custom(tx, house, "slack:C1/17.2", "api", "")
        own = await read_custom(tx, "slack:C1/17.2")
        assert own
        assert (own.project, own.kind) == ("api", "")
        assert await read_custom(tx, "slack:C2") is None
        with pytest.raises(NotFound):
            await write_custom(tx, house, "slack:C1", "nowhere", "")
        with pytest.raises(BadInput):
            await write_custom(tx, house, "slack:C1", "web", "nobody")


def test_a_folder_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert place_source("web") == str(tmp_path / "web")
    assert place_source(".") == str(tmp_path)
    assert place_source("~/web") == "/home/ann/web"
    assert place_source("git@example.com:web.git") == "git@example.com:web.git"
    with pytest.raises(BadInput):
        place_source("ext::x")
