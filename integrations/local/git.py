"""Runs git: argv only, with a timeout, with nobody to ask and nothing of ours in its environment.

Hooks of the repository do not run in what the bot does by itself (worktree, commit, merge): they were written for a
person at a keyboard, and may ask, wait or refuse. They do run in a push, since git-lfs and others send from there.
Signing is off for the same reason. A file system monitor is off because it would be one more process to outlive us.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from core.errors import PermanentFailure, TemporaryFailure

SECONDS = 120.0
END_SECONDS = 2.0
OUTPUT_LIMIT = 32 * 1024 * 1024
_WORDS_LIMIT = 2_000
_CONFIG = (
    "core.fsmonitor=false",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "log.showSignature=false",
    "protocol.ext.allow=never",
    "merge.autoStash=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "i18n.logOutputEncoding=UTF-8",
    "i18n.commitEncoding=UTF-8",
)
_PASSED = frozenset(
    [
        "HOME",
        "PATH",
        "USER",
        "LOGNAME",
        "SHELL",
        "TMPDIR",
        "LANG",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "KRB5CCNAME",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    ]
)
_PASSED_STARTS = ("XDG_", "GIT_CONFIG_", "GIT_SSH", "GIT_SSL_", "SSH_A", "LD_LIBRARY_", "HTTP", "NO_PROXY", "ALL_PROXY")
_NO_HOOKS = f"core.hooksPath={os.devnull}"
_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Ran:
    """What a git command said. `missing` counts the bytes of output beyond the limit."""

    code: int
    output: str
    words: str
    missing: int = 0

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def names(self) -> list[str]:
        """Output of a command that was given -z."""
        return [name for name in self.output.split("\0") if name]

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()


async def try_git(
    folder: str | Path,
    *arguments: str,
    text: str = "",
    hooks: bool = False,
    seconds: float = SECONDS,
    limit: int = OUTPUT_LIMIT,
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run `git -C folder arguments` with `text` on its standard input.

    Raises PermanentFailure when git is missing, TemporaryFailure when it takes longer than `seconds`."""
    command = [*make_command(hooks), "-C", str(Path(folder).absolute()), *arguments]
    process = await _start_git(command, {**make_environment(), **(env or {})}, with_input=bool(text))
    try:
        async with asyncio.timeout(seconds):
            return await _hear_git(process, text, limit)
    except TimeoutError:
        raise TemporaryFailure(f"git {arguments[0]} took longer than {seconds:g} s in {folder}.") from None
    finally:
        await _end_git(process)


async def run_git(folder: str | Path, *arguments: str, text: str = "", env: Mapping[str, str] | None = None) -> Ran:
    """The same for what must succeed: raises PermanentFailure with git's words."""
    ran = await try_git(folder, *arguments, text=text, env=env)
    if not ran.ok:
        raise explain_failure(ran, folder, f"git {arguments[0]}")
    return ran


def explain_failure(ran: Ran, folder: str | Path, what: str) -> PermanentFailure:
    """git's own words as an error, with the remedy for what newcomers meet."""
    words = " ".join(ran.words.removeprefix("fatal: ").split())[:_WORDS_LIMIT]
    if "dubious ownership" in words:
        return PermanentFailure(
            f"{folder} belongs to another user, and git refuses to work in it.",
            remedy=f"If you trust it, run: git config --global --add safe.directory {folder}",
        )
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return PermanentFailure(f"The disk is full: {what} in {folder}: {words}", remedy="Make room, and do it again.")
    if "not a git repository" in words:
        return PermanentFailure(f"{folder} is not a git repository.", remedy="Run git init there, or correct the path.")
    if "cannot change to" in words:
        return PermanentFailure(f"{folder} cannot be opened: {words}", remedy="Correct the project's path.")
    return PermanentFailure(f"{what} failed in {folder}: {words or f'exit code {ran.code}'}")


def lock_repository(repository: str) -> asyncio.Lock:
    """One lock per repository and process; hold a reference while it is used."""
    key = os.path.realpath(repository)
    lock = _locks.get(key)
    if lock is None:
        lock = _locks[key] = asyncio.Lock()
    return lock


def make_command(hooks: bool) -> list[str]:
    settings = _CONFIG if hooks else (*_CONFIG, _NO_HOOKS)
    return ["git", *(word for setting in settings for word in ("-c", setting))]


def make_environment() -> dict[str, str]:
    """What git needs of the bot's environment and no more: filters, helpers and hooks of a repository can be written by
    agents, and agents see no secret of the bot. Without GIT_DIR and its kin, in case the bot was started by a hook."""
    return {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith(_PASSED_STARTS)} | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_EDITOR": "true",
        "GIT_PAGER": "cat",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def make_identity(agent: str = "") -> dict[str, str]:
    """Author and committer by environment: a fresh machine has none configured, and git then refuses to commit."""
    name = f"{agent} (Callboard)" if agent else "Callboard"
    address = f"{agent or 'callboard'}@callboard.invalid"
    return {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", address))
    }


async def has_identity(folder: str | Path) -> bool:
    """Whether somebody told git who commits here."""
    return (await try_git(folder, "config", "--get", "user.email")).ok


async def _start_git(command: list[str], env: Mapping[str, str], with_input: bool) -> Process:
    """In a session of its own, so that nothing it starts can ask at the bot's terminal."""
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE if with_input else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise PermanentFailure("git is not on the PATH.", remedy="Install git.") from None
    except OSError as error:
        raise TemporaryFailure(f"git could not be started: {error.strerror}.") from error


async def _hear_git(process: Process, text: str, limit: int) -> Ran:
    assert process.stdout
    assert process.stderr
    (output, missing), (words, _), _ = await asyncio.gather(
        _read_capped(process.stdout, limit), _read_capped(process.stderr, 64 * 1024), _say(process, text)
    )
    code = await process.wait()
    return Ran(code, output.decode(errors="replace"), words.decode(errors="replace"), missing)


async def _read_capped(stream: StreamReader, limit: int) -> tuple[bytes, int]:
    kept = bytearray()
    missing = 0
    while chunk := await stream.read(65_536):
        room = limit - len(kept)
        kept += chunk[:room]
        missing += max(len(chunk) - room, 0)
    return bytes(kept), missing


async def _say(process: Process, text: str) -> None:
    if process.stdin:
        with suppress(ConnectionError):
            process.stdin.write(text.encode(errors="replace"))
            await process.stdin.drain()
        process.stdin.close()


async def _end_git(process: Process) -> None:
    """Nothing to do after a normal end. After a timeout or cancellation git may first remove its lock files."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)
