"""Where an agent runs: on the machine as it is, or behind the walls that its project asks for. Never by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.crew import Catalogue, Command, Site
from core.errors import ConfigurationError, PermanentFailure
from core.interfaces import Launch, Sandbox, ToolServer, Workspace
from core.model import Agent

LOCAL = "local"
_OFFLINE = " (network off)"


def name_shelter(site: Site) -> str:
    """What is written down of where an agent runs: `local`, `bubblewrap`, `bubblewrap (network off)`."""
    return site.host + ("" if site.host == LOCAL or site.walls.network else _OFFLINE)


def say_shelter(name: str) -> str:
    """The same in people's words."""
    if name in ("", LOCAL):
        return "no sandbox"
    return f"sandboxed{_OFFLINE}" if name.endswith(_OFFLINE) else "sandboxed"


def find_shelter(catalogue: Catalogue, agent: Agent) -> Site:
    """The project's site. One that is gone leaves an agent where it was, if it was in no sandbox. Raises
    ConfigurationError."""
    try:
        return catalogue.find_site(agent.project)
    except ConfigurationError:
        if agent.host != LOCAL:
            raise
        return Site(agent.repository)


async def shut_in(
    sandboxes: Mapping[str, Sandbox],
    site: Site,
    kind: Command,
    launch: Launch,
    workspace: Workspace,
    tools: Sequence[ToolServer],
) -> Launch:
    """What is started for an agent of this site. Raises PermanentFailure when its sandbox cannot be had."""
    if site.host == LOCAL:
        return launch
    sandbox = sandboxes.get(site.host)
    if sandbox is None:
        known = ", ".join([LOCAL, *sandboxes])
        raise PermanentFailure(f"There is no sandbox {site.host!r}.", remedy=f"Set host to one of: {known}.")
    walls = replace(site.walls, readable=(*site.walls.readable, *kind.needs))
    return await sandbox.wrap(launch, workspace, tools, walls)
