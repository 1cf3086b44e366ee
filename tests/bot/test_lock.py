"""One bot for one data folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.lock import hold_lock, make_home, remove_run, write_run
from core.errors import ConfigurationError
from core.home import RUN_FILE


def test_a_new_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    make_home(home)
    make_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []


def test_a_home_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigurationError) as told:
        make_home(tmp_path / "home")
    assert "\n" not in str(told.value)
    assert "CALLBOARD_HOME" in str(told.value)


def test_the_second_is_refused_and_told_who_was_first(tmp_path: Path) -> None:
    path = tmp_path / "bot.lock"
    with hold_lock(path):
        with pytest.raises(ConfigurationError, match=f"process {os.getpid()}"), hold_lock(path):
            pass
        assert path.read_text() == str(os.getpid()), "the second wrote nothing"
    with hold_lock(path):
        pass


def test_a_lock_of_one_that_was_killed_is_free(tmp_path: Path) -> None:
    path = tmp_path / "bot.lock"
    script = "import os, sys; from pathlib import Path; from bot.lock import hold_lock\n"
    script += "with hold_lock(Path(sys.argv[1])): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30).returncode == 9
    with hold_lock(path):
        assert path.read_text() == str(os.getpid())


def test_the_note_is_for_its_owner_alone_whatever_was_there(tmp_path: Path) -> None:
    (tmp_path / f"{RUN_FILE}.new").write_text("left by a kill")
    (tmp_path / RUN_FILE).write_text("old")
    (tmp_path / RUN_FILE).chmod(0o644)
    before = os.umask(0)
    try:
        write_run(tmp_path, {"token": "t"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / RUN_FILE).stat().st_mode) == 0o600
    assert json.loads((tmp_path / RUN_FILE).read_text()) == {"token": "t"}
    remove_run(tmp_path)
    remove_run(tmp_path)
    assert list(tmp_path.iterdir()) == []
