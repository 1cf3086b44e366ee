"""What settings make of what a platform knows of somebody. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.model import Actor, Role
from core.permissions import STRANGERS, Facts
from core.settings import Settings
from core.settings.chat import ChatSection

_GROUP = "group:"


def read_facts(settings: Settings, chat: str, facts: Sequence[str]) -> Facts:
    """What is decided by, with the strangers that the chat's settings let in."""
    section = settings.integrations.get(chat)
    admitted = section.admit if isinstance(section, ChatSection) else ()
    known = {name: name in facts for name in STRANGERS}
    return Facts(**known, admitted=frozenset(admitted))


def lift_actor(settings: Settings, actor: Actor, facts: Sequence[str]) -> Actor:
    """The same person with the role of the groups that they are in, where that is more. Nobody unknown is lifted."""
    if not actor.person:
        return actor
    return replace(actor, role=max(actor.role, find_role(settings, actor.via, facts)))


def find_role(settings: Settings, chat: str, facts: Sequence[str]) -> Role:
    """The most that the groups of somebody give in a chat."""
    section = settings.integrations.get(chat)
    if not isinstance(section, ChatSection):
        return Role.NOBODY
    groups = [fact.removeprefix(_GROUP) for fact in facts if fact.startswith(_GROUP)]
    return max(
        (Role[section.groups[group].upper()] for group in groups if group in section.groups), default=Role.NOBODY
    )
