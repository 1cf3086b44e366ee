"""`callboard backup` on a running bot, and a bot that goes on from it."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

from conftest import Opener
from house import LiveHouse


def unpack(file: Path, folder: Path) -> list[str]:
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
        return archive.getnames()


async def test_a_backup_holds_all_but_secrets(house: LiveHouse, open_house: Opener, tmp_path: Path) -> None:
    (house.home / ".env").write_text("SLACK_BOT_TOKEN=xoxb-secret\n")
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    data = (await house.run("backup"))["data"]
    file = Path(data["file"])
    assert file.parent == house.home / "backups"
    assert data["bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    other = tmp_path / "other"
    assert sorted(unpack(file, other)) == ["callboard.sqlite3", "callboard.yaml"]
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")
    await house.stop()
    restored = await open_house("other")
    await restored.wait_for(agent, "needs you", "failed")
    assert [event["kind"] for event in await restored.events("request.opened")] == ["request.opened"]


async def test_a_backup_overwrites_nothing_and_goes_nowhere_strange(house: LiveHouse, tmp_path: Path) -> None:
    wanted = tmp_path / "mine.tar.gz"
    assert (await house.run("backup", file=str(wanted)))["data"]["file"] == str(wanted)
    for name, words in (
        (str(wanted), "there already"),
        ("a/b", "whole path"),
        ("..", "no name"),
        ("a" * 300, "no name"),
        ("/no/such/folder/b", "no folder"),
    ):
        response = await house.post("backup", file=name)
        assert response.status_code == 400
        assert words in response.text


async def test_postgresql_is_told_its_own_way(open_house: Opener, postgres_url: str) -> None:
    house = await open_house(database=postgres_url.replace("postgresql+psycopg", "postgresql"))
    response = await house.post("backup")
    assert response.status_code == 400
    assert "pg_dump --format=custom --file=callboard.dump" in response.text
