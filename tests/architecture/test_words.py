"""What stands in the files: nothing unfinished, nothing of one machine, one version, dependencies that import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from core.version import VERSION
from tests.architecture.source import ROOMS, ROOT, list_sources

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK|NotImplemented" r"Error)\b")
LOCKS = ("requirements.lock", "requirements-dev.lock")
# Name on PyPI, and what is imported where that is another name.
MODULES = {
    "agent-client-protocol": "acp",
    "discord.py": "discord",
    "prometheus-client": "prometheus_client",
    "psycopg": "psycopg",
    "pydantic-settings": "pydantic_settings",
    "python-multipart": "python_multipart",
    "pyyaml": "yaml",
    "slack-bolt": "slack_bolt.async_app",
    "sqlalchemy": "sqlalchemy.ext.asyncio",
    "apscheduler": "apscheduler.schedulers.asyncio",
}


@cache
def read_project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def list_texts() -> Iterator[tuple[str, str]]:
    """Every text file of the repository, those not yet added included."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:8000]:
            yield name, path.read_text("utf-8", "replace")


def test_nothing_is_unfinished() -> None:
    found = [
        f"{source.path}:{number} {line.strip()}"
        for source in list_sources(*ROOMS, "tests")
        for number, line in enumerate(source.text.splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_nothing_of_this_machine() -> None:
    """Neither the folder of this checkout nor the home of whoever works on it."""
    local = {str(ROOT)} | ({f"{Path.home()}/"} - {"//", "/"})
    found = [(name, path) for name, text in list_texts() for path in local if path in text]
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_server(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links)\b", text, re.M)


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_everything_by_hash(name: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text("utf-8").strip())
    assert [block.partition("\n")[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []


def test_the_runtime_lock_is_part_of_the_dev_lock() -> None:
    """So that tests run what people run."""
    runtime, dev = ({*re.findall(r"^(\S+==\S+)", (ROOT / name).read_text("utf-8"), re.M)} for name in LOCKS)
    assert runtime - dev == set()


def list_dependencies() -> list[str]:
    project = read_project()["project"]
    assert isinstance(project, dict)
    return sorted(re.split(r"[\[<>=!~;]", str(words))[0] for words in project["dependencies"])


def test_locks_hold_what_the_project_asks_for() -> None:
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / LOCKS[0]).read_text("utf-8"), re.M)
    plain = {name.replace(".", "-").replace("_", "-").lower() for name in pinned}
    assert [name for name in list_dependencies() if name.replace(".", "-") not in plain] == []


def test_one_version() -> None:
    project = read_project()["project"]
    assert isinstance(project, dict)
    assert project["version"] == VERSION
    assert VERSION in (ROOT / "CHANGELOG.md").read_text("utf-8") or VERSION == "0.1.0", "a release is in the changelog"


def test_every_dependency_imports_without_a_warning() -> None:
    """In one fresh process, with warnings as errors but for the two that are known."""
    options = read_project()["tool"]
    assert isinstance(options, dict)
    known = [line for line in options["pytest"]["ini_options"]["filterwarnings"] if line != "error"]
    modules = [MODULES.get(name, name) for name in list_dependencies()]
    script = "\n".join(
        [
            "import warnings",
            "warnings.simplefilter('error')",
            *(f"warnings.filterwarnings('ignore', message={message!r})" for message in map(read_message, known)),
            *(f"import {module}" for module in modules if module != "tzdata"),
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert version("tzdata")


def read_message(line: str) -> str:
    """The message of a pytest filter: `ignore:message:category`."""
    return line.split(":")[1]


def test_the_suite_knows_two_warnings() -> None:
    options = read_project()["tool"]
    assert isinstance(options, dict)
    filters = options["pytest"]["ini_options"]["filterwarnings"]
    assert filters[0] == "error"
    assert len(filters) <= 3, "a warning is mended, not ignored"
