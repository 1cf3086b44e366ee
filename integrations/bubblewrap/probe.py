"""Whether this machine can build the walls: tried for real, since nothing else tells."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Check

PROBE_SECONDS = 10.0
# No /proc of the machine, no process of it, no right beyond what the person has; gone with the guard.
BASE = (
    "--die-with-parent",
    "--new-session",
    "--unshare-user-try",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--cap-drop",
    "ALL",
)
_INSTALL = "Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap)."
_ALLOW = (
    "Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap; in Docker a seccomp profile that "
    "lets them be made)."
)


def find_bwrap() -> str:
    """The program's file. Raises PermanentFailure."""
    if sys.platform != "linux":
        raise PermanentFailure("The sandbox bubblewrap needs Linux.", remedy="Set host: local for this project.")
    found = shutil.which("bwrap")
    if found is None:
        raise PermanentFailure("The sandbox cannot be used: bwrap is not on the PATH.", remedy=_INSTALL)
    return found


async def probe_walls(network: bool) -> str:
    """Build walls around a program that does nothing; returns where bwrap is. Raises PermanentFailure with bwrap's
    words and what to do, TemporaryFailure when it takes too long."""
    bwrap = find_bwrap()
    nothing = shutil.which("true") or "/bin/true"
    wall = () if network else ("--unshare-net",)
    code, words = await run_program(
        bwrap, *BASE, *wall, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--", nothing
    )  # fmt: skip
    if code:
        said = " ".join(words.split())[:300] or f"exit code {code}"
        raise PermanentFailure(f"The sandbox cannot be used on this machine: {said}.", remedy=_ALLOW)
    return bwrap


async def run_checks() -> Sequence[Check]:
    """Nobody needs a sandbox who asked for none, so it is no fault when there is none."""
    try:
        await probe_walls(network=False)
    except (PermanentFailure, TemporaryFailure) as failure:
        return [Check("sandbox bubblewrap", True, f"not available: {failure.message}", failure.remedy)]
    return [Check("sandbox bubblewrap", True, "Agents of projects with host: bubblewrap are shut in.")]


async def run_program(*command: str, text: str = "", seconds: float = PROBE_SECONDS) -> tuple[int, str]:
    """The exit code, and what it said on its error output. Raises TemporaryFailure when it takes too long."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, env=env, cwd="/"
        )
    except OSError as error:
        return 127, str(error.strerror)
    try:
        async with asyncio.timeout(seconds):
            _, words = await process.communicate(text.encode())
    except TimeoutError:
        raise TemporaryFailure(f"{command[0]} took longer than {seconds:g} s.", retry_after=5) from None
    finally:
        await _end_process(process)
    return process.returncode or 0, words.decode(errors="replace")


async def _end_process(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
