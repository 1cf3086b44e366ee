"""What a new worktree is furnished with: copied files, and what the project's set-up commands make. For an agent, or
for a spare that waits for one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.crew import Crew, Site
from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Exit, Launch, Process, Workspace
from core.logs import read_tail
from core.shelter import LOCAL, shut_in
from core.text import plain

LOG = "setup.log"
SHOWN_LINES = 20
_LONGEST_LINE = 300
_READ_LINES = 400  # so that a secret which begins above the shown lines is known for one
_LONGEST_COMMAND = 100
_BEAT = 5.0


class SetUpFailed(PermanentFailure):
    """The set-up did not succeed; the message ends with the last lines of its output."""


async def _say_nothing(_shown: str = "") -> None:
    """Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """Furnishes the worktree `place` for an agent, or a spare, called `name`. `begin` hears each command, `beat` that
    it still runs."""

    crew: Crew
    name: str
    kind: str
    site: Site
    place: Workspace
    begin: Callable[[str], Awaitable[None]] = _say_nothing
    beat: Callable[[], Awaitable[None]] = _say_nothing

    @property
    def _log(self) -> Path:
        return self.crew.home / "agents" / self.name / LOG

    async def run(self) -> None:
        """All of it, from the beginning. Raises PermanentFailure, TemporaryFailure, and what `begin` and `beat` do."""
        _clear_log(self._log)
        await self.crew.host.furnish(self.place, self.site.copy)
        limit = self.site.setup_limit.total_seconds()
        try:
            async with asyncio.timeout(limit) as timer:
                for command in self.site.setup:
                    await self._run_command(command)
        except TimeoutError:
            if not timer.expired():
                raise
            raise self._fail(f"the set-up took longer than {limit / 60:g} min (setup_minutes)") from None

    async def _run_command(self, command: Sequence[str]) -> None:
        shown = show_command(command)
        await self.begin(self.crew.redact(shown))
        _write_header(self._log, shown)
        process = await self.crew.host.start(await self._launch(command))
        try:
            process.writer.close()
            exit = await self._watch(process)
        finally:
            await process.kill()
        if exit.by != "exited" or exit.code:
            raise self._fail(f"the set-up failed: {self.crew.redact(shown)}: {exit}")

    async def _launch(self, command: Sequence[str]) -> Launch:
        crew = self.crew
        kind = crew.catalogue.find_command(self.kind)
        launch = Launch(self.name, command, kind.env, self.place.folder, self._log, crew.limits.log_bytes, merged=True)
        return await shut_in(crew.sandboxes, self.site, kind, launch, self.place, ())

    async def _watch(self, process: Process) -> Exit:
        """Until it ends."""
        ending = asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait([ending], timeout=_BEAT))[0]:
                await self.beat()
            return ending.result()
        finally:
            ending.cancel()

    def _fail(self, what: str) -> SetUpFailed:
        tail = show_tail(self.crew.redact(read_tail(self._log, _READ_LINES)))
        return SetUpFailed(f"{what}\n{tail}" if tail else what)


def mark_site(site: Site, kind: str) -> str:
    """A digest of what a worktree of this site is furnished with; the kind, whose variables commands see, counts where
    there are commands."""
    walls = None if site.host == LOCAL else asdict(site.walls)
    told = [site.repository, site.base, site.host, walls, site.copy, site.setup, kind if site.setup else ""]
    return hashlib.sha256(json.dumps(told, default=list).encode()).hexdigest()


def show_command(command: Sequence[str]) -> str:
    """As one would type it, short, on one line."""
    line = " ".join(plain(shlex.join(command)).split())
    return line if len(line) <= _LONGEST_COMMAND else f"{line[: _LONGEST_COMMAND - 1]}…"


def show_tail(text: str) -> str:
    """The last lines of an output as people are shown them."""
    lines = [line for line in plain(text).splitlines() if line.strip()][-SHOWN_LINES:]
    return "\n".join(line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…" for line in lines)


def _clear_log(log: Path) -> None:
    """What an earlier, interrupted set-up said is of no use any more."""
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
    except OSError as error:
        raise TemporaryFailure(f"{log} cannot be written: {error.strerror}.", retry_after=30) from error


def _write_header(log: Path, shown: str) -> None:
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {shown}\n")
    except OSError as error:
        raise TemporaryFailure(f"{log} cannot be written: {error.strerror}.", retry_after=30) from error
