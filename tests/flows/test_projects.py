"""Projects and settings that change while the bot runs."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from house import LiveHouse, commits_of
from pydantic import BaseModel, ConfigDict, SecretStr

from bot import parts
from core.interfaces import Check, Integration, Setup
from core.model import InboxItem
from core.settings import Variable
from core.settings.edit import MARK
from core.store import find
from tests.fakes.chat import FakeChat, Platform

ROOT = Path(__file__).resolve().parents[2]
TEXT = "# ours\nlimits:\n  turns: 7   # few\n\nprojects:  # all of them\n\nlog:\n  level: info\n"
IDENTITY = {f"GIT_{who}_{what}": "tester" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
MakeRepository = Callable[..., Path]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull},
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """Repositories of a person, each with one commit."""

    def make(name: str, **files: str) -> Path:
        folder = tmp_path / "src" / name
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "trunk")
        for file, text in {"README.md": "# It\n", **files}.items():
            (folder / file).write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "Begin")
        return folder

    return make


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    """A bot with a settings file as people write one."""
    house = LiveHouse(tmp_path / "home")
    house.config.write_text(TEXT)
    yield await house.start()
    await house.stop()


def read_projects(house: LiveHouse) -> Mapping[str, Any]:
    return dict(yaml.safe_load(house.config.read_text())["projects"] or {})


async def refuse(house: LiveHouse, status: int, command: str, **arguments: Any) -> str:
    """The whole of a refusal, which changed nothing."""
    before = house.config.read_text()
    response = await house.post(command, **arguments)
    assert response.status_code == status, response.text
    assert house.config.read_text() == before
    return f"{response.json()['detail']} {response.json().get('remedy', '')}"


# -------------------------------------------------------------------------------------------------------- add and use


async def test_a_folder_becomes_a_project_and_works_at_once(house: LiveHouse, make_repository: MakeRepository) -> None:
    folder = make_repository("Web_Shop", Makefile="test:\n\ttrue\n")
    house.config.chmod(0o640)
    added = (await house.run("project add", source=str(folder), kind="demo"))["data"]["project"]
    assert (added["name"], added["base"], added["kind"], added["test"]) == ("web-shop", "trunk", "demo", "make test")
    block = f"  web-shop:\n    path: {folder}\n    base: trunk\n    kind: demo\n"
    assert house.config.read_text() == TEXT.replace("# all of them\n", f"# all of them\n{block}")
    assert house.config.stat().st_mode & 0o777 == 0o640
    agent = (await house.run("spawn", project="web-shop", text="edit notes.txt"))["data"]["id"]
    assert agent == "web-shop-1"
    await house.wait_for(agent, "done")
    await house.run("accept", agent=agent)
    assert "notes.txt" in git(folder, "ls-tree", "--name-only", "trunk")
    shown = await house.run("project show", project="web-shop")
    assert shown["data"]["project"]["agents"] == []
    events = await house.events("settings.reloaded")
    assert [event["data"]["changed"] for event in events] == [["projects.web-shop"]]
    await house.restart()
    assert (await house.run("project show", project="web-shop"))["data"]["project"]["path"] == str(folder)


async def test_an_address_is_fetched(house: LiveHouse, make_repository: MakeRepository) -> None:
    folder = make_repository("api")
    added = (await house.run("project add", source=folder.as_uri()))["data"]["project"]
    mine = house.home / "repositories" / "api"
    assert (added["path"], added["base"], added["remote"]) == (str(mine), "trunk", folder.as_uri())
    agent = (await house.run("spawn", project="api", text="edit notes.txt", kind="demo"))["data"]["id"]
    await house.wait_for(agent, "done")
    await house.run("accept", agent=agent, push=True)
    assert "callboard/api-1" in git(folder, "branch")


async def test_an_address_that_cannot_be_fetched(house: LiveHouse, tmp_path: Path) -> None:
    said = await refuse(house, 502, "project add", source=(tmp_path / "none.git").as_uri())
    assert "cannot be fetched" in said
    assert list((house.home / "repositories").iterdir()) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ext::sh -c touch% canary", "https or ssh"),
        ("http://example.com/web", "Use https"),
        ("https://me:s3cr3t-w0rd@example.com/web", "kept in clear"),
        ("--upload-pack=x", "neither a folder"),
        ("src/web", "in full"),
        ("/nowhere/web", "no folder /nowhere/web"),
    ],
)
async def test_what_is_not_taken(house: LiveHouse, source: str, words: str) -> None:
    response = await house.post("project add", source=source)
    assert response.status_code in (400, 502), response.text
    assert words in response.text
    async with house.bot.database.reading() as tx:
        assert "s3cr3t" not in response.text + str(await find(tx, InboxItem))
    assert house.config.read_text() == TEXT


async def test_names_and_folders_are_taken_once(house: LiveHouse, make_repository: MakeRepository) -> None:
    web, other, home = make_repository("web"), make_repository("x/web"), make_repository("42")
    await house.run("project add", source=str(web))
    assert "is the project web already" in await refuse(house, 409, "project add", source=f"{web}/.", name="again")
    assert "Choose another with --name" in await refuse(house, 409, "project add", source=str(other))
    assert "--name" in await refuse(house, 400, "project add", source=str(home))
    assert "sample already" in await refuse(house, 409, "project add", source=str(other), name="sample")
    assert "no agent kind" in await refuse(house, 404, "project add", source=str(other), name="o", kind="clade")
    worktree = (await house.agent(await house.spawn("edit notes.txt")))["worktree"] or ""
    await house.wait_for("sample-1", "done")
    worktree = worktree or str(house.home / "worktrees" / "sample-1")
    assert "worktree of an agent" in await refuse(house, 409, "project add", source=worktree)


async def test_two_adds_at_once(house: LiveHouse, make_repository: MakeRepository) -> None:
    """Of different ones both are there; of the same one there is one."""
    folders = [make_repository(name) for name in ("a", "b", "c")]
    calls = [house.post("project add", source=str(folder)) for folder in (*folders, folders[0])]
    codes = sorted(response.status_code for response in await asyncio.gather(*calls))
    assert codes == [200, 200, 200, 409]
    assert sorted(read_projects(house)) == ["a", "b", "c"]
    assert {"a", "b", "c"} <= set(house.bot.house.projects)
    same = [house.post("project add", source=folders[1].as_uri(), name=name) for name in ("x", "x", "y")]
    responses = await asyncio.gather(*same)
    assert sorted(response.status_code for response in responses) == [200, 200, 409], [r.text for r in responses]


async def test_a_file_that_is_not_understood_is_left_to_a_person(
    house: LiveHouse, make_repository: MakeRepository
) -> None:
    house.config.write_text("projects: {}\n")
    folder = make_repository("web")
    said = await refuse(house, 409, "project add", source=str(folder))
    assert f"projects:\n  web:\n    path: {folder}\n    base: trunk" in said
    house.config.write_text(f"projects:\n  web:\n    path: {folder}\n")
    assert "`reload` takes" in await refuse(house, 409, "project add", source=str(folder))
    await house.run("reload")
    assert "web" in house.bot.house.projects


async def test_a_file_that_does_not_hold_is_not_written(house: LiveHouse, make_repository: MakeRepository) -> None:
    house.config.write_text(TEXT.replace("turns: 7", "turns: many"))
    said = await refuse(house, 409, "project add", source=str(make_repository("web")))
    assert "callboard.yaml:3" in said
    assert list(house.bot.house.projects) == ["sample"]


async def test_without_a_file_one_is_made(tmp_path: Path, make_repository: MakeRepository) -> None:
    house = LiveHouse(tmp_path / "home")
    house.config.unlink()
    house.config = None  # type: ignore[assignment]
    await house.start()
    try:
        folder = make_repository("web")
        await house.run("project add", source=str(folder))
        made = house.home / "callboard.yaml"
        assert made.read_text() == f"{MARK}\nprojects:\n  web:\n    path: {folder}\n    base: trunk\n"
        assert made.stat().st_mode & 0o777 == 0o600
        await house.run("project remove", project="web")
        assert made.read_text() == ""
    finally:
        await house.stop()


async def test_each_place_has_a_default(house: LiveHouse, make_repository: MakeRepository) -> None:
    for name in ("web", "api"):
        await house.run("project add", source=str(make_repository(name)), kind="demo")
    said = await house.run("spawn", text="say hi")
    assert said["text"] == (
        "sample-1: demo (scripted, no model) starts on sample (project as none is named, kind by the project)."
    )
    await house.run("project use", project="web")
    said = await house.run("spawn", text="say hi")
    assert said["text"].endswith("starts on web (project by the default here, kind by the project).")
    await house.run("project use", project="api", kind="demo")
    said = await house.run("spawn", text="say hi")
    assert said["text"].endswith("starts on api, the defaults of this channel.")
    said = await house.run("spawn", text="say hi", project="web", kind="demo")
    assert said["text"] == "web-2: demo (scripted, no model) starts on web."
    listed = (await house.run("project list"))["data"]["projects"]
    assert [item["name"] for item in listed if item["default"]] == ["api"]
    assert (await house.run("rules list"))["data"]["project"] == "api", "the place's default"
    assert (await house.run("rules list", project="web"))["data"]["project"] == "web"
    assert "no project" in await refuse(house, 404, "rules list", project="nowhere")
    assert "nowhere" in await refuse(house, 404, "project use", project="nowhere")
    for agent in ("sample-1", "web-1", "web-2", "api-1"):
        await house.wait_for(agent, "done")
    await house.run("project remove", project="api")
    said = (await house.run("spawn", text="say hi"))["text"]
    assert said.endswith("starts on web (project as there is no other, kind by the project).")


async def test_remove_waits_for_its_agents_and_keeps_the_repository(
    house: LiveHouse, make_repository: MakeRepository
) -> None:
    folder = make_repository("web")
    await house.run("project add", source=str(folder), kind="demo")
    agent = (await house.run("spawn", project="web", text="run `git status`"))["data"]["id"]
    await house.wait_for(agent, "needs you")
    assert "web-1 of web is at work" in await refuse(house, 409, "project remove", project="web")
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")
    await house.run("project remove", project="web")
    assert house.config.read_text() == TEXT
    assert (folder / "README.md").exists()
    assert "no project" in await refuse(house, 404, "spawn", project="web", text="say hi")
    assert "always there" in await refuse(house, 400, "project remove", project="sample")


async def test_accept_does_as_the_project_says(house: LiveHouse, make_repository: MakeRepository) -> None:
    folder = make_repository("web")
    await house.run("project add", source=str(folder), kind="demo")
    house.config.write_text(house.config.read_text().replace("kind: demo", "kind: demo\n    accept: rebase"))
    assert (await house.run("reload"))["data"]["changed"] == ["projects.web.accept"]
    agent = (await house.run("spawn", project="web", text="edit notes.txt"))["data"]["id"]
    await house.wait_for(agent, "done")
    (folder / "README.md").write_text("# Meanwhile\n")
    git(folder, "commit", "-q", "-am", "Meanwhile")
    reply = await house.run("accept", agent=agent)
    assert reply["data"]["how"] == "rebase"
    assert "which has it now (1 commit)" in reply["text"]
    assert git(folder, "log", "--format=%s").splitlines() == ["edit notes.txt", "Meanwhile", "Begin"]
    diff = (await house.run("diff", agent=agent))["data"]["diff"]
    assert "notes.txt" in diff
    assert "Meanwhile" not in diff, "what others did is not the agent's"
    await house.run("send", agent=agent, text="edit more.txt")
    record = await house.wait_for(agent, "done")
    assert commits_of(record) == ["edit notes.txt", "edit more.txt"]
    (folder / "more.txt").write_text("mine\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Mine")
    refs = git(folder, "for-each-ref")
    said = await refuse(house, 409, "accept", agent=agent)
    assert "both changed more.txt (in “edit more.txt”)" in said
    assert "exclude each other" in await refuse(house, 400, "accept", agent=agent, merge=True, rebase=True)
    assert git(folder, "for-each-ref") == refs
    assert "commit" in await refuse(house, 409, "remove", agent=agent)
    gone = await house.run("remove", agent=agent, force=True)
    assert "Thrown away: commit" in gone["text"]
    assert "edit more.txt" in gone["text"]


async def test_only_admins_change_projects(house: LiveHouse, make_repository: MakeRepository) -> None:
    house.config.write_text(TEXT + "people:\n  olga:\n    role: operator\n")
    await house.run("reload")
    made = await house.http.post(
        "/api/v1/commands/admin.token", json={"arguments": {"person": "olga", "role": "operator"}}
    )
    house.http.headers["Authorization"] = f"Bearer {made.json()['reply']['secret']}"
    folder = str(make_repository("web"))
    for command, arguments in (
        ("project add", {"source": folder}),
        ("project remove", {"project": "sample"}),
        ("reload", {}),
    ):
        assert (await house.post(command, **arguments)).status_code == 403
    await house.run("project use", project="sample")


# ------------------------------------------------------------------------------------------------------------- reload


async def test_a_good_file_is_in_force_at_once(house: LiveHouse) -> None:
    house.config.write_text(
        TEXT.replace("turns: 7", "turns: 9") + "http:\n  port: 1\n  session_days: 3\nkinds:\n  mine:\n    command: x\n"
    )
    reply = await house.run("reload")
    assert reply["data"]["changed"] == ["http.port", "http.session_days", "kinds.mine", "limits.turns"]
    assert reply["data"]["restart"] == ["http.port"]
    assert "mine" in house.bot.house.kinds
    assert house.bot.house.settings.limits.turns == 9
    assert house.bot.house.session_lasts.days == 3
    (event,) = await house.events("settings.reloaded")
    assert event["data"]["changed"] == ["http.port", "http.session_days", "kinds.mine", "limits.turns"]
    assert (await house.run("reload"))["text"] == "Nothing has changed."


async def test_a_bad_file_changes_nothing_and_all_is_told(house: LiveHouse) -> None:
    house.config.write_text("limits:\n  turns: many\n  max_agents: 0\nprojcts: {}\n")
    said = await refuse(house, 409, "reload")
    assert "3 problems" in said
    for line in ("callboard.yaml:2: limits.turns", "callboard.yaml:3: limits.max_agents", "callboard.yaml:4: projcts"):
        assert line in said
    assert house.bot.house.settings.limits.turns == 7
    assert await house.events("settings.reloaded") == []
    house.config.unlink()
    assert "no such file" in (await house.post("reload")).text


async def test_agents_that_run_are_not_disturbed(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    house.config.write_text(TEXT.replace("turns: 7", "turns: 1\n  max_agents: 1"))
    await house.run("reload")
    second = await house.spawn("say hi")
    assert (await house.agent(second))["status"] == "queued"
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")
    await house.wait_for(second, "done")


async def test_new_secrets_are_kept_out_and_old_ones_still(house: LiveHouse) -> None:
    for secret in ("f1rst-s3cr3t-value", "s3c0nd-s3cr3t-value"):
        (house.home / ".env").write_text(f"MY_TOKEN={secret}\n")
        reply = await house.run("reload")
        assert reply["data"]["changed"] == ["secrets"]
        assert secret not in str(await house.events("settings.reloaded"))
    redact = house.bot.house.redactor.redact
    assert "s3cr3t" not in redact("f1rst-s3cr3t-value s3c0nd-s3cr3t-value")


async def test_people_come_and_go(house: LiveHouse) -> None:
    house.config.write_text(TEXT + "people:\n  olga:\n    role: approver\n")
    await house.run("reload")
    people = (await house.run("admin people"))["data"]["people"]
    assert [item["role"] for item in people if item["name"] == "olga"] == ["approver"]
    house.config.write_text(TEXT)
    await house.run("reload")
    people = (await house.run("admin people"))["data"]["people"]
    assert [item["role"] for item in people if item["name"] == "olga"] == ["nobody"]


async def test_the_one_at_the_machine_keeps_a_way_in(house: LiveHouse) -> None:
    house.config.write_text(TEXT + f"people:\n  me:\n    role: admin\n    identities: [local:{getpass.getuser()}]\n")
    await house.run("reload")
    house.config.write_text(TEXT)
    await house.run("reload")
    assert (await house.post("me")).status_code == 403
    token = json.loads((house.home / "run.json").read_text())["token"]
    house.http.headers["Authorization"] = f"Bearer {token}"
    assert (await house.run("me"))["data"]["role"] == "admin"


# ------------------------------------------------------------------------------------------------------- integrations


class PostSettings(BaseModel):
    """What a fake chat is set to."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    room: str = ""
    token: Annotated[SecretStr, Variable("POST_TOKEN", enables=False)] = SecretStr("")


class PostChat(FakeChat):
    """A chat that counts its lives."""

    opened: Sequence[str] = ()
    closed: Sequence[str] = ()

    def __init__(self, setup: Setup) -> None:
        super().__init__(Platform())
        self.room = setup.settings.room
        PostChat.opened = [*PostChat.opened, self.room]

    def close(self) -> None:
        PostChat.closed = [*PostChat.closed, self.room]


async def check_post(setup: Setup) -> Sequence[Check]:
    ok = setup.settings.room != "bad"
    return [Check("room", ok, f"there is no room {setup.settings.room}", "Name another room.")]


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveHouse]:
    """A bot with one more integration, which is on."""
    fake = Integration("post", "A fake.", settings=lambda: PostSettings, chat=PostChat, checks=check_post)
    found = [*parts.find_integrations(), fake]
    monkeypatch.setattr("bot.parts.find_integrations", lambda: found)
    monkeypatch.setattr("bot.app.find_integrations", lambda: found)
    PostChat.opened = PostChat.closed = ()
    house = LiveHouse(tmp_path / "home")
    house.config.write_text("integrations:\n  post:\n    room: first\n")
    yield await house.start()
    await house.stop()


async def test_only_the_integration_that_changed_is_made_anew(post: LiveHouse) -> None:
    host, terminal = post.bot.house.host, post.bot.parts.chats["terminal"]
    await post.run("reload")
    assert PostChat.opened == ["first"]
    post.config.write_text("integrations:\n  post:\n    room: second\n")
    await post.run("reload")
    assert (PostChat.opened, PostChat.closed) == (["first", "second"], ["first"])
    assert post.bot.house.host is host
    assert post.bot.courier._desk.chats["terminal"] is terminal
    assert post.bot.courier._desk.chats["post"].room == "second"  # type: ignore[attr-defined]
    post.config.write_text("limits:\n  turns: 3\n")
    await post.run("reload")
    assert "post" not in post.bot.courier._desk.chats
    assert PostChat.closed == ["first", "second"]


async def test_an_integration_that_fails_its_check_is_not_swapped_in(post: LiveHouse) -> None:
    post.config.write_text("limits:\n  turns: 3\nintegrations:\n  post:\n    room: bad\n")
    said = await refuse(post, 409, "reload")
    assert "callboard.yaml:4: integrations.post: room: there is no room bad Name another room." in said
    assert (PostChat.opened, PostChat.closed) == (["first", "bad"], ["bad"])
    assert post.bot.courier._desk.chats["post"].room == "first"  # type: ignore[attr-defined]
    assert post.bot.house.settings.limits.turns != 3


async def test_a_secret_of_an_integration_is_read_again(post: LiveHouse) -> None:
    (post.home / ".env").write_text("POST_TOKEN=p0st-t0ken-s3cret\n")
    reply = await post.run("reload")
    assert reply["data"]["changed"] == ["integrations.post.token", "secrets"]
    assert PostChat.opened == ["first", "first"]


# ------------------------------------------------------------------------------------------------------------- signal


async def test_sighup_reads_the_settings_again_where_there_is_no_terminal(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = home / "callboard.yaml"
    config.write_text("limits:\n  turns: 3\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLBOARD_HOME": str(home)}
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "up", "--port", "0"), cwd=ROOT, env=environ, stdin=DEVNULL, stdout=PIPE,
        stderr=DEVNULL,
    )  # fmt: skip
    assert bot.stdout

    async def hear(words: bytes) -> None:
        assert bot.stdout
        async with asyncio.timeout(20):
            while words not in await bot.stdout.readline():
                pass

    await hear(b"callboard doctor")
    config.write_text("limits:\n  turns: 4\n")
    bot.send_signal(signal.SIGHUP)
    await hear(b"limits.turns")
    config.write_text("limits:\n  turns: x\n")
    bot.send_signal(signal.SIGHUP)
    await hear(b"Nothing was changed")
    bot.send_signal(signal.SIGTERM)
    await bot.communicate()
    assert bot.returncode == 0
