"""Doctor starts each kind to its handshake, says what to do, and leaves nothing behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Opener
from house import LiveHouse

from integrations.demo import COMMAND
from tests.fakes.walls import require_sandbox


async def examine(house: LiveHouse, **arguments: Any) -> tuple[bool, dict[str, dict[str, Any]]]:
    data = (await house.run("doctor", **arguments))["data"]
    return data["ok"], {line["name"]: line for line in data["checks"]}


def find_remains(house: LiveHouse) -> list[Path]:
    return sorted(house.home.glob("agents/doctor.*"))


def find_processes(house: LiveHouse) -> list[int]:
    """Processes that work in the house's folder, this one aside."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str((entry / "cwd").readlink()).startswith(f"{house.home}/agents/doctor."):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def test_the_demo_kind_answers_quickly(house: LiveHouse) -> None:
    began = time.monotonic()
    _, lines = await examine(house)
    assert time.monotonic() - began < 5
    line = lines["agent kind demo"]
    assert line["ok"] is True
    assert line["detail"] == (
        "Demo agent (scripted, no model) 1; scripted, no model; can load, close, resume, embeddedContext, image; "
        "modes code, plan"
    )
    assert find_remains(house) == []
    assert find_processes(house) == []


async def test_a_model_that_is_not_offered_is_refused_at_once(house: LiveHouse) -> None:
    await examine(house)
    refused = await house.post("spawn", project="sample", text="say hello", model="no-such")
    words = f"{refused.json()['detail']} {refused.json()['remedy']}"
    assert words.startswith("Agent kind demo has no model 'no-such'. It offers demo-small, demo-large;")
    assert refused.status_code == 400
    agent = (await house.run("spawn", project="sample", text="say hello", model="demo-large"))["data"]["id"]
    await house.wait_for(agent, "done")
    assert (await house.post("retry", agent=agent, model="no-such")).status_code == 400
    again = (await house.run("retry", agent=agent, model="Demo-Small"))["data"]
    assert again["model"] == "Demo-Small"
    await house.wait_for(again["id"], "done")


async def test_quick_starts_nothing(house: LiveHouse) -> None:
    _, lines = await examine(house, quick=True)
    assert lines["agent kind demo"]["detail"] == "ready (scripted, no model)"


async def test_every_trouble_has_its_remedy(open_house: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.greeting.GREET_SECONDS", 1.0)
    kinds = {
        "mute": {"command": [*COMMAND, "--mute"]},
        "signed-out": {"command": [*COMMAND, "--signed-out"]},
        "old": {"command": [*COMMAND, "--no-load", "--no-modes", "--no-models"]},
        "broken": {"command": [sys.executable, "-c", "raise SystemExit('no licence key')"]},
        "gone": {"command": ["no-such-agent"]},
    }
    house = await open_house(kinds=kinds)
    ok, lines = await examine(house)
    assert ok is False
    told = {name: (line["ok"], line["detail"], line["remedy"]) for name, line in lines.items()}
    assert told["agent kind mute"][:2] == (False, "it did not answer within 1 s")
    assert told["agent kind mute"][2].endswith("by hand and see.")
    assert told["agent kind signed-out"][0] is False
    assert told["agent kind signed-out"][1].endswith("not signed in")
    assert "sign in" in told["agent kind signed-out"][2]
    assert told["agent kind old"][0] is True
    assert "load," not in told["agent kind old"][1]
    assert "modes" not in told["agent kind old"][1]
    assert told["agent kind broken"][0] is False
    assert "no licence key" in told["agent kind broken"][1]
    assert told["agent kind gone"][:2] == (False, "missing")
    assert "no-such-agent" in told["agent kind gone"][2]
    assert find_remains(house) == []
    assert find_processes(house) == []


async def test_a_kind_that_nobody_asked_for_is_no_fault(house: LiveHouse) -> None:
    _, lines = await examine(house)
    assert lines["agent kind codex"]["ok"] is True
    assert (lines["agent kind codex"]["detail"], lines["agent kind codex"]["used"]) == (
        "not installed, not used",
        False,
    )


async def test_a_projects_sandbox_is_tried(open_house: Opener, tmp_path: Path) -> None:
    require_sandbox()
    (tmp_path / "web/.git").mkdir(parents=True)
    project = {"path": str(tmp_path / "web"), "host": "bubblewrap", "kind": "demo", "sandbox": {"network": False}}
    house = await open_house(projects={"web": project})
    _, lines = await examine(house)
    assert lines["project web, bubblewrap (network off)"]["detail"].startswith("Demo agent")
    assert lines["sandbox bubblewrap"]["detail"] == "Agents of projects with host: bubblewrap are shut in."


async def test_a_shim_that_cannot_run_behind_the_walls_is_a_fault(open_house: Opener, tmp_path: Path) -> None:
    require_sandbox()
    (tmp_path / "web/.git").mkdir(parents=True)
    shim = tmp_path / "person/.pyenv/shims/my-agent"
    real = tmp_path / "person/.pyenv/versions/my-agent"
    for file, text in ((shim, f'exec "{real}" "$@"'), (real, " ".join(f"'{word}'" for word in COMMAND))):
        file.parent.mkdir(parents=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    env = {"HOME": str(tmp_path / "person"), "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    project = {"path": str(tmp_path / "web"), "host": "bubblewrap", "kind": "mine"}
    house = await open_house(projects={"web": project}, kinds={"mine": {"command": ["my-agent"], "env": env}})
    _, lines = await examine(house)
    assert lines["agent kind mine"]["ok"] is True
    line = lines["project web, bubblewrap"]
    assert (line["ok"], "127" in line["detail"]) == (False, True)
    assert line["remedy"].startswith("Add ~/.pyenv to projects.web.sandbox.readable")


async def test_a_sandbox_that_cannot_be_had_is_a_fault(
    open_house: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(tools))
    house = await open_house(projects={"web": {"path": str(tmp_path), "host": "bubblewrap", "kind": "demo"}})
    ok, lines = await examine(house)
    assert ok is False
    line = lines["project web, bubblewrap"]
    assert line["ok"] is False
    assert "bwrap is not on the PATH" in line["detail"]
    assert "apt-get install bubblewrap" in line["remedy"]
    assert lines["sandbox bubblewrap"]["ok"] is True
