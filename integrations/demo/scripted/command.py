"""Runs one command in its own process group and reads what it prints, listening to the client all the while."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .wire import Wire

LIMIT = 600.0
KEPT = 1_000_000


def split_command(command: str) -> list[str]:
    """No shell. Raises ValueError when a quote is left open or nothing is there."""
    words = shlex.split(command)
    if not words:
        raise ValueError("the command is empty")
    return words


def run_command(wire: Wire, words: Sequence[str], folder: str, extra: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output, both streams; -1 when it cannot be started or takes over ten minutes. The group ends with
    the turn."""
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return -1, f"It cannot be started: {error.strerror}."
    try:
        return read_output(wire, process)
    finally:
        end_group(process)


def read_output(wire: Wire, process: subprocess.Popen[bytes]) -> tuple[int, str]:
    pipe = process.stdout.fileno() if process.stdout else -1
    end, output = time.monotonic() + LIMIT, b""
    while (left := end - time.monotonic()) > 0:
        if pipe not in wire.wait(left, pipe):
            continue
        data = os.read(pipe, 65536)
        if not data:
            return process.wait(), output.decode(errors="replace")
        output = (output + data)[-KEPT:]
    return -1, f"{output.decode(errors='replace')}\nEnded after {LIMIT:.0f} s."


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the group is left afterwards."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()
