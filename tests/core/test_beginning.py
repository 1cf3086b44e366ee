"""What can be set of how agents begin."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.settings import BadSettings, load_settings
from core.settings.model import ProjectSettings


def load(folder: Path, text: str, **environ: str) -> ProjectSettings:
    file = folder / "callboard.yaml"
    file.write_text("projects:\n  web:\n    path: /w\n" + text)
    return load_settings(file, {"CALLBOARD_HOME": str(folder), **environ}, folder).project("web")


def test_commands_are_text_or_lists_and_never_a_shells(tmp_path: Path) -> None:
    read = load(tmp_path, "    setup:\n    - npm ci && true\n    - [sh, -c, \"a; b\"]\n    - ./bin/setup 'x y'\n")
    assert read.setup == (("npm", "ci", "&&", "true"), ("sh", "-c", "a; b"), ("./bin/setup", "x y"))
    assert load(tmp_path, "    setup: make deps\n").setup == (("make", "deps"),)
    assert load(tmp_path, "").setup == ()


def test_files_and_instructions(tmp_path: Path) -> None:
    read = load(tmp_path, "    copy: [.env.test, a/b.ini]\n    instructions: |\n      One.\n      Two.\n")
    assert (read.copy, read.instructions) == ((".env.test", "a/b.ini"), "One.\nTwo.\n")
    assert load(tmp_path, "    copy: .env.test, b\n").copy == (".env.test", "b")


def test_variables_set_them_too(tmp_path: Path) -> None:
    project = json.dumps({"path": "/w", "setup": ["npm ci"], "copy": [".env"], "setup_minutes": 3})
    read = load_settings(
        None, {"CALLBOARD_HOME": str(tmp_path), "CALLBOARD_PROJECTS": f'{{"web": {project}}}'}, tmp_path
    )
    found = read.project("web")
    assert (found.setup, found.copy, found.setup_minutes) == ((("npm", "ci"),), (".env",), 3)


def test_the_example_on_the_page_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "setup.md").read_text("utf-8")
    first, second = re.findall(r"```yaml\n(.*?)```", page, re.S)
    file = tmp_path / "callboard.yaml"
    file.write_text(first)
    read = load_settings(file, {"CALLBOARD_HOME": str(tmp_path)}, tmp_path).project("web")
    assert (len(read.setup), read.copy, read.instructions) == (2, (".env.test", "config/local.ini"), "AGENTS.md")
    assert load(tmp_path, second).instructions.startswith("Use tabs.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setup: {a: b}", "must be a list of commands"),
        ("setup: [1]", "must be a command"),
        ("setup: ['']", "a command is empty"),
        ("setup: [[]]", "a command is empty"),
        ("setup: ['a \"b']", "a quote is opened"),
        ("setup: [[a, 1]]", "must be a command"),
        ("setup_minutes: 0", "setup_minutes"),
        ("setup_minutes: true", "must be a number"),
        ("copy: [../x]", "below the repository's folder"),
        ("copy: [/etc/passwd]", "below the repository's folder"),
        ("copy: [.git/config]", "below the repository's folder"),
        ("copy: ['a/./b']", "below the repository's folder"),
        ("copy: {a: b}", "copy"),
        ("instructions: [a]", "instructions"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, f"    {text}\n")
    (problem,) = caught.value.problems
    assert said in f"{problem.where} {problem.message}"
    assert "callboard.yaml:4" in problem.where
