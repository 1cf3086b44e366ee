"""docs/projects.md, typed word for word."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from test_readme import ROOT, Newcomer, neutralise, newcomer

PAGE = (ROOT / "docs/projects.md").read_text("utf-8")
STEPS = re.findall(r"^```console\n\$ (.+)\n((?:.*\n)*?)```$", PAGE, re.M)
IDENTITY = {f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
__all__ = ["newcomer"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What somebody has in ~/src."""
    folder = tmp_path / "src" / "web"
    (folder / "tests").mkdir(parents=True)
    (folder / "Makefile").write_text("test:\n\ttrue\n")
    (folder / "tests" / "test_it.py").write_text("")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        subprocess.run(["git", "-C", folder, *words], env={**os.environ, **IDENTITY}, check=True, timeout=20)
    return folder.parent


def test_the_page_shows_what_one_sees(newcomer: Newcomer, source: Path) -> None:
    assert len(STEPS) == 7
    for line, shown in STEPS:
        if line.endswith("--wait"):
            said = newcomer.watch(line, "o")
        else:
            done = newcomer.run(line)
            assert done.returncode == 0, done.stdout + done.stderr
            said = done.stdout
        seen = neutralise(said.replace(str(source), "/home/ann/src"), newcomer.home)
        missing = [wanted for wanted in neutralise(shown, newcomer.home) if wanted not in seen]
        assert not missing, f"{line}: {missing}\nwas not among\n" + "\n".join(seen)
