"""Whether there is anybody who can approve: every person that `approvers` name must be known, and may approve."""

from __future__ import annotations

import contextlib
import getpass
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from core.model import Role
from core.quorum import Part
from core.rules.rule import Rule, suggest_word
from core.settings.problem import KeyPath, fault

_ID = re.compile(r"p-[a-z0-9]+")


class Listed(Protocol):
    """A person of the settings."""

    @property
    def role(self) -> Role: ...

    @property
    def identities(self) -> Sequence[str]: ...


def list_named(where: KeyPath, approvers: Sequence[Part], rules: Sequence[Rule]) -> Iterator[tuple[KeyPath, str]]:
    """Each person that approvers name, with the key where they do."""
    for part in approvers:
        yield from (((*where, "approvers"), name) for name in part.people)
    for at, rule in enumerate(rules):
        path = (*where, "rules", str(at), rule.effect.value, "approvers")
        yield from ((path, name) for part in rule.approvers for name in part.people)


def check_approvers(named: Iterator[tuple[KeyPath, str]], people: Mapping[str, Listed]) -> None:
    """Raises for the first name that nobody has, or whose person approves nothing."""
    roles = {name.casefold(): person.role for name, person in people.items()}
    user = _find_user()
    if not any(f"local:{user}" in person.identities for person in people.values()):
        roles.setdefault(user.casefold(), Role.ADMIN)
    for path, name in named:
        role = roles.get(name.casefold())
        if role is None and not _ID.fullmatch(name):
            known = list(people)
            remedy = f"{suggest_word(name, known)} " if known else ""
            raise fault(f"nobody is named {name[:40]}.", f"{remedy}Add them below people:, or name a role.", *path)
        if role is not None and role < Role.APPROVER:
            message = f"{name[:40]} is {role.name.lower()}, who approves nothing."
            raise fault(message, f"Give them the role approver in people.{name[:40]}, or name others.", *path)


def _find_user() -> str:
    """Who is at the machine: an admin without being listed."""
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return ""
