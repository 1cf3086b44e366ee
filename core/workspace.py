"""An agent's worktree as facts of its row."""

from __future__ import annotations

from typing import Any

from core.interfaces import Workspace
from core.model import Agent


def write_workspace(place: Workspace) -> dict[str, Any]:
    """What a prepared worktree says of its agent."""
    return {
        "repository": place.repository,
        "worktree": place.folder,
        "branch": place.branch,
        "base": place.base,
        "base_commit": place.base_commit,
    }


def recall_workspace(agent: Agent) -> Workspace | None:
    """What an earlier run prepared."""
    if not agent.worktree:
        return None
    return Workspace(agent.id, agent.repository, agent.worktree, agent.branch, agent.base, agent.base_commit)
