from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from integrations.local.host import LocalHost
from integrations.local.sample import make_sample

Git = Callable[..., str]


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)


async def test_a_project_with_one_failing_test(home: Path, git: Git) -> None:
    folder = await make_sample(home)
    assert folder == home / "sample"
    assert git(folder, "status", "--porcelain", "--branch") == "## main"
    assert not (folder / "CONTRIBUTING.md").exists()
    ran = run_python(folder, "-m", "unittest", "discover", "tests")
    assert "Ran 3 tests" in ran.stderr
    assert "FAILED (failures=1)" in ran.stderr
    assert git(folder, "status", "--porcelain") == ""
    assert run_python(folder, "tally.py", "README.md").stdout


async def test_one_word_repairs_it(home: Path) -> None:
    folder = await make_sample(home)
    tally = folder / "tally.py"
    tally.write_text(tally.read_text().replace("text.split()", "text.lower().split()"))
    assert run_python(folder, "-m", "unittest", "discover", "tests").returncode == 0


async def test_the_same_everywhere_and_made_once(home: Path, tmp_path: Path, git: Git) -> None:
    folder = await make_sample(home)
    other = await make_sample(tmp_path / "other" / "home")
    assert git(folder, "rev-parse", "HEAD") == git(other, "rev-parse", "HEAD")
    (folder / "tally.py").write_text("mine")
    await make_sample(home)
    assert (folder / "tally.py").read_text() == "mine"
    assert [path.name for path in home.iterdir()] == ["sample"]


async def test_an_agent_can_work_there(home: Path, host: LocalHost) -> None:
    workspace = await host.prepare("sample-1", str(await make_sample(home)), "", "Write a CONTRIBUTING guide")
    assert workspace.branch == "callboard/sample-1-write-a-contributing-guide"
    assert workspace.base == "main"
