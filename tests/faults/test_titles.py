"""S1: hostile titles through the real git and the real start of an agent."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from core.interfaces import Launch
from integrations.local.host import LocalHost

TITLES = 500
PIECES = [
    "$(touch canary)", "`touch canary`", "; touch canary;", "| touch canary", "&& touch canary", "\ntouch canary\n",
    "--", "-b", "--upload-pack=", "--help", "../", "..", "/etc/passwd", "~", "\\", "HEAD", "@{0}", "@",
    "refs/heads/main", ".lock", ".git", "//", ":", "^{}", "*", "?", "[x]", "\u202e", "\u200b", "\u2066", "é", "🚀",
    "ﬁ", "ＨＥＡＤ", "\x00", "\x1b[31m", "\x7f",
    "'", '"', "%2e%2e%2f", "${IFS}", "<!--", "-->", " ", "\t", "a", "Fix", "tests", "9" * 70,
]  # fmt: skip


async def test_hostile_titles(tmp_path: Path) -> None:
    repository, home = tmp_path / "project", tmp_path / "home"
    make_repository(repository)
    host = LocalHost(home)
    chance = random.Random(1)
    for number in range(1, TITLES + 1):
        title = "".join(chance.choices(PIECES, k=chance.randint(1, 8)))
        workspace = await host.prepare(f"web-{number}", str(repository), "", title)
        assert Path(workspace.folder).parent == home / "worktrees"
        await run_agent(host, workspace.folder, f"web-{number}", title)
    host.close()
    assert not list(tmp_path.rglob("canary"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "project"]
    assert sorted(path.name for path in home.iterdir()) == ["agents", "worktrees"]
    assert len(list((home / "worktrees").iterdir())) == TITLES
    assert sorted(path.name for path in repository.iterdir()) == [".git", "a.txt"]


def make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)


async def run_agent(host: LocalHost, folder: str, name: str, title: str) -> None:
    """The title as an argument and in the environment, as far as a process can be given it."""
    plain = title.replace("\0", "")
    env = {"PATH": os.environ["PATH"], "TITLE": plain}
    log = host.agents / name / "stderr.log"
    process = await host.start(Launch(name, ["printf", "%s", plain], env, folder, log))
    assert (await process.reader.read()).decode() == plain
    assert (await process.wait()).code == 0
