"""callboard.yaml is written in one step, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import Conflict
from core.settings.file import read_content, replace_file


def test_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "callboard.yaml"
    assert read_content(file) == b""
    replace_file(file, b"a: 1\n", b"")
    assert file.read_bytes() == b"a: 1\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_mode_and_link_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o664)
    link = tmp_path / "callboard.yaml"
    link.symlink_to(real)
    replace_file(link, b"new", b"old")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o664
    assert [item.name for item in real.parent.iterdir()] == ["real.yaml"]


def test_what_somebody_else_wrote_meanwhile_stays(tmp_path: Path) -> None:
    file = tmp_path / "callboard.yaml"
    file.write_bytes(b"theirs")
    with pytest.raises(Conflict, match="changed by somebody else"):
        replace_file(file, b"ours", b"as it was")
    assert file.read_bytes() == b"theirs"
    assert [item.name for item in tmp_path.iterdir()] == ["callboard.yaml"]


def test_a_disk_that_is_full_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "callboard.yaml"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Conflict, match="No space left") as caught:
        replace_file(file, b"new", b"old")
    assert "Nothing was changed" in caught.value.remedy
    assert file.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["callboard.yaml"]


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="cannot be read"):
        read_content(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(Conflict, match="cannot be written"):
        replace_file(tmp_path / "file" / "callboard.yaml", b"new", b"")
