"""The Sandbox of core/interfaces by bubblewrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import PermanentFailure
from core.interfaces import Launch, ToolServer, Walls, Workspace
from integrations.bubblewrap.mounts import Mounts, cover_system, show_needs
from integrations.bubblewrap.packs import pack_objects
from integrations.bubblewrap.probe import BASE, probe_walls
from integrations.bubblewrap.programs import find_program, list_needs
from integrations.bubblewrap.repository import find_common, list_parts


class Bubblewrap:
    """Walls for the agents of one home, which itself is behind them, `run.json` included. Each agent has a home of its
    own, kept from run to run, so that it finds its sessions again."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self._tried: dict[bool, str] = {}

    async def wrap(self, launch: Launch, workspace: Workspace, tools: Sequence[ToolServer], walls: Walls) -> Launch:
        if walls.network not in self._tried:
            self._tried[walls.network] = await probe_walls(walls.network)
        if workspace.repository:
            await pack_objects(find_common(Path(workspace.repository)))
        env = {**launch.env, "TMPDIR": "/tmp"}  # noqa: S108
        program = find_program(launch.command, env.get("PATH", ""), launch.folder)
        command = [program, *launch.command[1:]]
        mounts = self._make_mounts(replace(launch, command=command, env=env), workspace, tools, walls)
        words = [*BASE, *(() if walls.network else ("--unshare-net",)), "--ro-bind", "/", "/"]
        words += ["--dev", "/dev", "--proc", "/proc", *mounts.write(), "--chdir", launch.folder]
        return replace(launch, command=[self._tried[walls.network], *words, "--", *command], env=env)

    def _make_mounts(self, launch: Launch, workspace: Workspace, tools: Sequence[ToolServer], walls: Walls) -> Mounts:
        person = Path(launch.env.get("HOME") or "/root")
        homes = (person, self.home)
        mounts = Mounts()
        cover_system(mounts, person)
        mounts.cover(self.home)
        own = self._make_own(launch.name)
        mounts.put(own, person, writable=True)
        show_needs(mounts, list_needs(launch.command, launch.env, homes))
        for tool in tools:
            show_needs(mounts, list_needs(tool.command, tool.env, homes))
            show_needs(mounts, (Path(value) for value in tool.env.values() if value.startswith("/")))
        self._show_wishes(mounts, walls, person)
        self._show_work(mounts, launch, workspace)
        for path in walls.hidden:
            mounts.cover(spread_home(path, person))
        clear_links(own, person.resolve(), mounts.list_places())
        return mounts

    def _make_own(self, agent: str) -> Path:
        own = self.home / "agents" / agent / "home"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        return own

    def _show_wishes(self, mounts: Mounts, walls: Walls, person: Path) -> None:
        """Raises PermanentFailure for what is the bot's own: the key to it lies there."""
        home = self.home.resolve()
        for paths, writable in ((walls.readable, False), (walls.writable, True)):
            for path in paths:
                place = spread_home(path, person)
                real = place.resolve()
                if real == Path("/") or home in (real, *real.parents):
                    raise PermanentFailure(
                        f"{path} cannot be opened to agents.", remedy="Correct the project's sandbox."
                    )
                mounts.show(place, writable)

    def _show_work(self, mounts: Mounts, launch: Launch, workspace: Workspace) -> None:
        if state := launch.env.get("CALLBOARD_STATE"):
            mounts.show(Path(state), writable=True)
        mounts.show(self.home / "agents" / launch.name / "files")
        mounts.show(Path(launch.folder), writable=True)
        if workspace.repository:
            for part in list_parts(Path(workspace.repository), Path(workspace.folder)):
                mounts.show(part.path, part.writable)


def spread_home(path: str, person: Path) -> Path:
    """`~/…` is the person's home."""
    return person / path[2:] if path.startswith("~/") else Path(path)


def clear_links(own: Path, person: Path, places: Sequence[Path]) -> None:
    """An agent writes its home: a link that it left there must not lead what is laid over it out of there."""
    inside = [place.relative_to(person) for place in places if person in place.parents]
    for step in (step for steps in inside for step in reversed((steps, *steps.parents))):
        if step.parts and (own / step).is_symlink():
            (own / step).unlink()
