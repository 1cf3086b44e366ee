"""Programs that are shims: there behind the walls, and what they start is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.shims import note_shims
from core.interfaces import Check, Walls

LINE = Check("project web, bubblewrap", True, "Demo agent 1")


def make_env(home: Path) -> dict[str, str]:
    for name in (".pyenv/shims", ".local/share/mise/shims", "bin"):
        (home / name).mkdir(parents=True)
    path = f"{home}/.pyenv/shims:{home}/.local/share/mise/shims:{home}/bin:{home}/.asdf/shims:/usr/bin"
    return {"HOME": str(home), "PATH": path}


def test_what_they_start_is_to_be_readable(tmp_path: Path) -> None:
    noted = note_shims(LINE, "web", make_env(tmp_path), Walls(readable=("~/.local/share/mise",)))
    assert (noted.ok, noted.detail) == (
        False,
        "Demo agent 1; programs in ~/.pyenv/shims end with exit code 127 in there",
    )
    assert noted.remedy == "Add ~/.pyenv to projects.web.sandbox.readable, then `reload`."


def test_a_fault_keeps_its_own_remedy(tmp_path: Path) -> None:
    fault = Check(LINE.name, False, "it ended.", "Run it by hand and see.")
    noted = note_shims(fault, "web", make_env(tmp_path), Walls())
    assert noted.detail.startswith("it ended; programs in ~/.pyenv/shims, ~/.local/share/mise/shims end")
    assert noted.remedy.startswith("Add ~/.pyenv, ~/.local/share/mise to")
    assert noted.remedy.endswith("by hand and see.")


@pytest.mark.parametrize(
    "walls", [Walls(readable=("~/.pyenv", "~/.local")), Walls(writable=("~/.local/share", "~/.pyenv"))]
)
def test_what_is_open_is_no_fault(tmp_path: Path, walls: Walls) -> None:
    assert note_shims(LINE, "web", make_env(tmp_path), walls) is LINE
