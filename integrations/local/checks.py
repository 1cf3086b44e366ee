"""What `doctor` looks at on this machine."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import CallboardError
from core.interfaces import Check, Launch
from integrations.local.git import run_git
from integrations.local.host import LocalHost

GIT_WANTED = (2, 38)
GIT_NEEDED = (2, 31)
GUARD_SECONDS = 10.0


async def run_checks(home: Path) -> Sequence[Check]:
    return [await check_git(home), await check_guard()]


async def check_git(home: Path) -> Check:
    try:
        said = (await run_git(home if home.is_dir() else Path("/"), "version")).output.strip()
    except CallboardError as error:
        return Check("git", False, error.message, error.remedy)
    return judge_git(said)


def judge_git(said: str) -> Check:
    found = re.search(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < GIT_NEEDED:
        return Check("git", False, said, "Install git 2.31 or later.")
    if version < GIT_WANTED:
        return Check("git", True, said, "From git 2.38 a branch is merged without checking it out.")
    return Check("git", True, said)


async def check_guard() -> Check:
    """Starts and ends a guard for real."""
    with TemporaryDirectory(prefix="callboard-") as drawer:
        host = LocalHost(Path(drawer))
        launch = Launch("check", [sys.executable, "-V"], {}, drawer, Path(drawer, "log"))
        try:
            async with asyncio.timeout(GUARD_SECONDS):
                process = await host.start(launch)
                ended = await process.wait()
        except (CallboardError, TimeoutError) as error:
            return Check("guard", False, str(error) or "The guard does not answer.", f"See {sys.executable} -I -S -E.")
    if sys.platform != "linux":
        return Check("guard", True, "Works, but what leaves the agent's process group is not ended on this system.")
    return Check("guard", ended.code == 0, "Agents and all they start are ended together.")
