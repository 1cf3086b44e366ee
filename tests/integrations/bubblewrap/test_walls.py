"""What is behind the walls and what is not, tried from inside."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from core.errors import PermanentFailure
from core.interfaces import ToolServer, Walls
from tests.integrations.bubblewrap.conftest import Place, run_git


async def test_keys_and_records_are_not_there(place: Place) -> None:
    canaries = [place.home / "run.json", place.person / ".ssh/id"]
    readable = [place.repository / "README.md", Path(place.other.folder) / "README.md"]
    script = "; ".join(f"cat {path} && echo LEAK" for path in (*canaries, *readable))
    _, said = await place.run(script)
    assert "CANARY" not in said
    assert "LEAK" not in said
    assert said.count("No such file") == 4


@pytest.mark.parametrize(
    "target",
    [
        "/etc/callboard-test",
        "/usr/callboard-test",
        "{repository}/.git/config",
        "{repository}/.git/hooks/post-commit",
        "{repository}/.git/HEAD",
        "{repository}/.git/refs/heads/evil",
        "{repository}/.git/packed-refs",
        "{repository}/.git/objects/pack/evil",
        "{repository}/.git/objects/info/alternates",
        "{repository}/.git/worktrees/web-2/HEAD",
        "{repository}/.git/worktrees/web-1/commondir",
        "{repository}/.git/worktrees/web-1/gitdir",
        "{repository}/.git/worktrees/web-1/config.worktree",
        "{worktree}/.git",
    ],
)
async def test_nothing_outside_can_be_written(place: Place, target: str) -> None:
    path = target.format(repository=place.repository, worktree=place.workspace.folder)
    before = Path(path).read_bytes() if Path(path).exists() else b""
    code, said = await place.run(f"echo evil >> {path}")
    assert code != 0, said
    assert (Path(path).read_bytes() if Path(path).exists() else b"") == before


async def test_what_says_where_it_belongs_stays(place: Place) -> None:
    record = place.repository / ".git/worktrees/web-1"
    code, said = await place.run(f"mv .git x; rm -f .git; rm -rf {record}; mv {record}/commondir {record}/x; true")
    assert code == 0
    assert Path(place.workspace.folder, ".git").is_file()
    assert (record / "commondir").read_text() == "../..\n", said


async def test_work_is_committed_inside(place: Place) -> None:
    code, said = await place.run("echo new > new.txt && git add new.txt && git commit -q -m Inside. && git status -s")
    assert (code, said) == (0, "")
    assert run_git(place.repository, "log", "--format=%s", place.workspace.branch) == "Inside.\nStart.\n"
    assert "Inside." in run_git(place.repository, "reflog", place.workspace.branch)
    assert run_git(place.repository, "fsck", "--strict", "--no-dangling") == ""
    assert run_git(place.repository, "status", "--porcelain") == ""


async def test_history_outlives_a_furious_agent(place: Place) -> None:
    await place.run(f"rm -rf ~ {place.repository} {place.home} 2>/dev/null; true")
    assert run_git(place.repository, "log", "--format=%s", "main") == "Start.\n"
    run_git(place.repository, "fsck", "--strict", "main")
    assert (place.repository / "README.md").read_text() == "Start here.\n"
    assert (place.home / "run.json").exists()
    assert Path(place.other.folder, "README.md").exists()


async def test_work_is_committed_after_git_packed_its_branches(place: Place) -> None:
    launch = place.launch("read go; git commit -q --allow-empty -m Packed. && echo done")
    process = await place.start(launch)
    run_git(place.repository, "pack-refs", "--all", "--prune")
    process.writer.write(b"go\n")
    assert await process.reader.read() == b"done\n"
    await process.wait()
    assert run_git(place.repository, "log", "-1", "--format=%s", place.workspace.branch) == "Packed.\n"


async def test_no_network(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        knock = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"
        code, said = await place.run(knock)
        assert code == 0, said
        code, said = await place.run(f"cat /proc/net/route; {knock}", Walls(network=False))
    assert code != 0
    assert "refused" in said
    assert len([line for line in said.splitlines() if "\t" in line]) == 1, "no route but the heading"


async def test_sees_no_process_but_its_own(place: Place) -> None:
    code, said = await place.run(f"ls -d /proc/[0-9]* | wc -l; kill -9 {os.getpid()}")
    assert int(said.split()[0]) < 10
    assert code != 0


async def test_home_is_its_own_and_stays(place: Place) -> None:
    await place.run("echo remembered > ~/.memory")
    _, said = await place.run("cat ~/.memory; ls -A ~")
    assert said.splitlines()[0] == "remembered"
    assert ".ssh" not in said
    assert not (place.person / ".memory").exists()


async def test_a_link_left_in_its_home_leads_nothing_out(place: Place) -> None:
    trap = place.person.parent / "trap"
    trap.mkdir()
    own = place.home / "agents/web-1/home"
    own.mkdir()
    (own / "src").symlink_to(trap)
    code, said = await place.run("git status -s")
    assert (code, said) == (0, "")
    assert list(trap.iterdir()) == []


async def test_what_is_opened_is_open(place: Place) -> None:
    shared, cache = place.person / "shared", place.person / "cache"
    for folder in (shared, cache):
        folder.mkdir()
        (folder / "note").write_text("note\n")
    walls = Walls(readable=["~/shared", "~/missing"], writable=[str(cache)])
    code, said = await place.run(f"cat ~/shared/note; echo a >> {cache}/note && echo b >> ~/shared/note", walls)
    assert said.startswith("note\n")
    assert code != 0
    assert (cache / "note").read_text() == "note\na\n"
    assert (shared / "note").read_text() == "note\n"


async def test_what_is_hidden_stays_hidden_in_what_is_open(place: Place) -> None:
    secret = place.person / "src" / ".env"
    secret.write_text("CANARY")
    walls = Walls(writable=["~/src", str(place.person.parent)], hidden=[str(secret), str(place.person / ".ssh")])
    _, said = await place.run(f"cat {secret} {place.home}/run.json {place.person}/.ssh/id; cat ~/src/.env", walls)
    assert "CANARY" not in said


@pytest.mark.parametrize("path", ["{home}", "{home}/agents", "{home}/run.json", "/"])
async def test_the_bots_home_cannot_be_opened(place: Place, path: str) -> None:
    walls = Walls(readable=[path.format(home=place.home)])
    with pytest.raises(PermanentFailure, match="cannot be opened"):
        await place.run("true", walls)


async def test_a_link_to_what_is_open_leads_there(place: Place) -> None:
    real = place.person.parent / "elsewhere"
    real.mkdir()
    (real / "note").write_text("note\n")
    (place.person / "link").symlink_to(real)
    _, said = await place.run("cat ~/link/note", Walls(readable=["~/link"]))
    assert said == "note\n"


async def test_programs_in_a_hidden_home_run(place: Place) -> None:
    package = place.person / ".nvm/v20/lib/node_modules/agent"
    tools = place.person / ".nvm/v20/bin"
    package.mkdir(parents=True)
    tools.mkdir()
    (package / "part").write_text("part of it\n")
    (package / "main").write_text('#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/part"\n')
    (package / "main").chmod(0o755)
    (tools / "agent").symlink_to("../lib/node_modules/agent/main")
    launch = place.launch("", PATH=f"{tools}:/usr/bin:/bin")
    launch = type(launch)("web-1", ["agent"], launch.env, launch.folder, launch.log)
    process = await place.start(launch)
    assert await process.reader.read() == b"part of it\n", launch.log.read_text()
    await process.wait()


async def test_tools_and_their_socket_are_reached(place: Place) -> None:
    program = place.person / "tool" / "server.py"
    program.parent.mkdir()
    program.write_text(
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print('reached')"
    )
    path = place.home / "agents.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        command = (sys.executable, str(program))
        tool = ToolServer("callboard", command, {"SOCKET": str(path), "TOKEN": "t"})
        process = await place.start(place.launch(f"{' '.join(command)} {path}"), tools=(tool,))
        assert await process.reader.read() == b"reached\n"
        await process.wait()


async def test_a_missing_command_is_named(place: Place) -> None:
    launch = place.launch("")
    launch = type(launch)("web-1", ["no-such-agent"], launch.env, launch.folder, launch.log)
    with pytest.raises(PermanentFailure, match="no-such-agent is not on the PATH"):
        await place.start(launch)


async def test_without_bwrap_nothing_is_started(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.person))
    with pytest.raises(PermanentFailure, match=r"bwrap is not on the PATH\..*apt-get install bubblewrap"):
        await place.start(place.launch("true"))
