from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import PermanentFailure
from core.instructions import LONGEST, is_file_name, read_instructions


async def test_words_stay_and_one_word_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "AGENTS.md").write_text("\nUse tabs.\n")
    assert await read_instructions("", tmp_path) == ""
    assert await read_instructions("Be brief.\n", tmp_path) == "Be brief."
    assert await read_instructions("docs/AGENTS.md", tmp_path) == "Use tabs."
    assert not is_file_name("two words")


async def test_what_is_too_long_is_cut_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "A.md").write_text("é" * (LONGEST + 7))
    assert (await read_instructions("A.md", tmp_path)).endswith("é\n[… 7 characters of the instructions are left out]")


@pytest.mark.parametrize("name", ["none.md", "../secret", "folder", "link", "/etc/hostname", "loop", "AGENTS.md/x"])
async def test_only_a_file_of_the_worktree_is_read(tmp_path: Path, name: str) -> None:
    work = tmp_path / "work"
    (work / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (work / "AGENTS.md").write_text("a")
    (work / "link").symlink_to(tmp_path / "secret")
    (work / "loop").symlink_to(work / "loop")
    with pytest.raises(PermanentFailure, match="repository"):
        await read_instructions(name, work)


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AGENTS.md")
    with pytest.raises(PermanentFailure):
        await read_instructions("AGENTS.md", tmp_path)
