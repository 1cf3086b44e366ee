"""Tests of the sandbox need bubblewrap on a machine that lets it work; where CI runs they must not be skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

NEED = "bubblewrap"


def require_sandbox() -> None:
    """Skip the test with the reason, fail it in CI."""
    reason = explain_absence()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@cache
def explain_absence() -> str:
    """Why there is no sandbox here, "" when there is one."""
    if shutil.which("bwrap") is None:
        return f"{NEED} is not installed (apt-get install bubblewrap): the sandbox is not tested"
    tried = ["bwrap", "--unshare-user-try", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc"]
    ran = subprocess.run([*tried, "--", "true"], capture_output=True, text=True, timeout=20, check=False)
    said = " ".join(ran.stderr.split())
    return f"{NEED} does not work here ({said}): the sandbox is not tested" if ran.returncode else ""
