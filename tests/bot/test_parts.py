from __future__ import annotations

from pathlib import Path

import pytest

from bot.parts import build_walls, check_hosts, find_integrations
from core.interfaces import Setup
from core.settings import BadSettings, Settings, load_settings


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "callboard.yaml"
    file.write_text(text)
    return load_settings(file, {"HOME": str(tmp_path / "person"), "CALLBOARD_HOME": str(tmp_path / "home")}, tmp_path)


def test_an_unknown_host_is_named_with_what_was_meant(tmp_path: Path) -> None:
    setup = Setup(tmp_path, None, None, None, None, None)  # type: ignore[arg-type]
    sandboxes = {item.name: item.sandbox(setup) for item in find_integrations() if item.sandbox}
    assert list(sandboxes) == ["bubblewrap"]
    check_hosts(load(tmp_path, "projects: {web: {path: web, host: bubblewrap}, api: {path: api}}"), sandboxes)
    with pytest.raises(BadSettings, match=r"projects\.web\.host.*bubblewarp.*bubblewrap"):
        check_hosts(load(tmp_path, "projects: {web: {path: web, host: bubblewarp}}"), sandboxes)


def test_walls_hide_what_is_the_bots(tmp_path: Path) -> None:
    text = "projects: {web: {path: web, sandbox: {network: off, writable: [~/cache], readable: [/srv/x, data]}}}"
    settings = load(tmp_path, text)
    walls = build_walls(settings, settings.projects["web"])
    assert walls.network is False
    assert walls.writable == [str(tmp_path / "person/cache")]
    assert walls.readable == ["/srv/x", str(tmp_path / "data")]
    for name in ("callboard.yaml", ".env", "home/callboard.sqlite3", "home/callboard.sqlite3-wal", "home/events.jsonl"):
        assert str(tmp_path / name) in walls.hidden
