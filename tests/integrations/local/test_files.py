"""What a hostile agent leaves in the place of a file never holds up the bot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.interfaces import Workspace
from integrations.local.files import read_file
from integrations.local.heads import read_base
from integrations.local.host import LocalHost, read_exit, read_run
from integrations.local.worktrees import find_entry


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\xff")
    assert read_file(tmp_path / "text") == "a\ufffd"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(OSError, match=r"pipe|none|directory|regular"):
            read_file(path)


def test_pipes_are_no_records(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_run(tmp_path / "pipe") is None
    assert read_exit(tmp_path / "pipe", "x") is None


async def test_pipes_in_the_repository(host: LocalHost, repository: Path) -> None:
    workspace: Workspace = await host.prepare("web-1", str(repository), "", "Fix it")
    record = repository / ".git/worktrees/web-1"
    for name in ("gitdir", "locked"):
        (record / name).unlink(missing_ok=True)
        os.mkfifo(record / name)
    assert find_entry(repository / ".git", Path(workspace.folder)) is not None
    head = repository / ".git/HEAD"
    head.unlink()
    os.mkfifo(head)
    assert read_base(str(repository), "") is None
