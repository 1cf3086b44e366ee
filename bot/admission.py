"""What settings make of what a platform knows of somebody. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.model import Actor, Role
from core.people import EMAIL
from core.permissions import STRANGERS, Facts
from core.quorum import Part
from core.settings import BadSettings, Problem, Settings
from core.settings.chat import ChatSection

_GROUP = "group:"


def read_facts(settings: Settings, chat: str, facts: Sequence[str]) -> Facts:
    """What is decided by, with the strangers that the chat's settings let in."""
    section = settings.integrations.get(chat)
    admitted = section.admit if isinstance(section, ChatSection) else ()
    known = {name: name in facts for name in STRANGERS}
    return Facts(**known, admitted=frozenset(admitted))


def find_email(settings: Settings, chat: str, facts: Sequence[str]) -> str:
    """The address by which somebody may be found in a chat: a confirmed one of somebody who is a member there; ""
    where there is none, or the settings do not want it."""
    section = settings.integrations.get(chat)
    if not isinstance(section, ChatSection) or not section.link_emails or any(fact in STRANGERS for fact in facts):
        return ""
    return next((fact.removeprefix(EMAIL) for fact in facts if fact.startswith(EMAIL)), "")


def hide_addresses(facts: Sequence[str]) -> Sequence[str]:
    """The facts that are stored: nobody's address is among them."""
    return [fact for fact in facts if not fact.startswith(EMAIL)]


def list_chats(settings: Settings) -> list[str]:
    """The enabled chats of other companies, in which somebody has to be known."""
    return [name for name, section in settings.integrations.items() if isinstance(section, ChatSection)]


def needs_claim(settings: Settings) -> list[str]:
    """Those in which the settings let nobody in."""
    return [] if find_lift(settings) else list_chats(settings)


def lift_actor(settings: Settings, actor: Actor, facts: Sequence[str]) -> Actor:
    """The same person with the role of the groups that they are in, where that is more. Nobody unknown is lifted."""
    if not actor.person:
        return actor
    lifted = find_role(settings, actor.via, facts)
    groups = frozenset(f"{actor.via}/{group}" for group in list_groups(facts))
    return replace(actor, role=max(actor.role, lifted), groups=groups, lifted=lifted)


def find_role(settings: Settings, chat: str, facts: Sequence[str]) -> Role:
    """The most that the groups of somebody give in a chat."""
    section = settings.integrations.get(chat)
    if not isinstance(section, ChatSection):
        return Role.NOBODY
    groups = list_groups(facts)
    return max(
        (Role[section.groups[group].upper()] for group in groups if group in section.groups), default=Role.NOBODY
    )


def find_lift(settings: Settings) -> Role:
    """The most that a group of any chat gives anybody."""
    chats = [section for section in settings.integrations.values() if isinstance(section, ChatSection)]
    return max((Role[role.upper()] for chat in chats for role in chat.groups.values()), default=Role.NOBODY)


def list_groups(facts: Sequence[str]) -> list[str]:
    """The ids of somebody's groups."""
    return [fact.removeprefix(_GROUP) for fact in facts if fact.startswith(_GROUP)]


def check_groups(settings: Settings) -> None:
    """Raises BadSettings for a group that approvers name and that could approve nothing."""
    problems = [
        Problem(
            settings.locate(*where),
            f"nobody in the group {group} could approve.",
            f"Give it a role: integrations.{chat}.groups.{id}: approver",
        )
        for where, group in _list_named(settings)
        for chat, _, id in (group.partition("/"),)
        if find_role(settings, chat, [f"{_GROUP}{id}"]) < Role.APPROVER
    ]
    if problems:
        raise BadSettings(problems)


def _list_named(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each group that approvers name, with the key below which they do."""
    for rule in settings.rules:
        yield from ((("rules",), group) for group in _list_parts(rule.approvers))
    for name, project in settings.projects.items():
        rules = [part for rule in project.rules for part in rule.approvers]
        yield from ((("projects", name), group) for group in _list_parts([*project.approvers, *rules]))


def _list_parts(parts: Sequence[Part]) -> list[str]:
    return [group for part in parts for group in part.groups]
