"""Files that other programs read: CI, systemd, Procfile, make."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from configparser import ConfigParser
from typing import Any

import pytest
import yaml

from bot.app import DRAIN
from bot.cli.program import ExitCode
from tests.architecture.source import ROOT
from tests.architecture.test_docs import judge_call

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
RUN = (ROOT / ".ci/run").read_text("utf-8")


def read_workflow() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8")))


def list_supported() -> list[str]:
    words = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    low, high = (int(number) for number in re.findall(r"3\.(\d+)", words))
    return [f"3.{number}" for number in range(low, high)]


def test_ci_tests_every_supported_python() -> None:
    rows = read_workflow()["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert [row["python"] for row in rows] == list_supported()
    assert all({"check", "test"} <= set(row["targets"].split()) for row in rows)
    assert any({"test-browser", "test-agents"} <= set(row["targets"].split()) for row in rows)
    assert f"({', '.join(list_supported()[0].split('.'))}) <=" in MAKEFILE


def test_ci_may_little_and_ends() -> None:
    workflow = read_workflow()
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 30
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", name)] == []


def test_ci_runs_what_the_readme_says() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "set -euo pipefail" in RUN
    targets = re.search(r"targets=\((check[^)]*)\)", RUN)
    assert targets
    assert targets[1].split() == ["check", "test", "test-browser", "test-agents"]


@pytest.mark.parametrize("target", ["run", "setup", "test", "check", "bench", "faults", "test-browser", "test-agents"])
def test_make_offers(target: str) -> None:
    assert re.search(rf"^{target}: \$\(VENV\)/\.(?:dev|runtime)$", MAKEFILE, re.M), "every target sets up what it needs"


def test_procfile() -> None:
    name, _, line = (ROOT / "Procfile").read_text("utf-8").strip().partition(": ")
    assert (name, line) == ("bot", "./callboard up")


def test_the_unit_fits_the_program() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((ROOT / "deploy/callboard.service").read_text("utf-8"))
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/callboard")
    assert judge_call(words) == ""
    assert service["KillMode"] == "mixed", "guards end the agents; systemd ends what is left"
    assert int(service["TimeoutStopSec"]) > DRAIN + 5
    assert int(service["RestartPreventExitStatus"]) == ExitCode.UNUSABLE
