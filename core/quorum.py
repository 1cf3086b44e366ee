"""Whose approval a permission takes when one person is not enough. Pure.

`2 of [role:admin, person:kim, group:slack/S01]`: two different people who are admins, Kim, or in a group of a chat when
they approve. Each must be an approver besides, and whose
agent it is, or who ordered it, does not count. A rule's approvers take the place of the project's, never with fewer
people; what an open request needs never gets less.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from core.errors import BadInput
from core.model import Person, Request, RequestKind, Role

_PLAIN = re.compile(r"[^:,\[\]\s](?:[^:,\[\]]*[^:,\[\]\s])?")
_SHORT = re.compile(r"\s*(\d{1,2})\s+of\s+\[([^\[\]]+)\]\s*")
_GROUP = re.compile(r"[a-z][a-z0-9]*/[A-Za-z0-9_-]{1,64}")
_EXAMPLE = "Write 2 of [role:admin, person:kim]."
_MOST = 20
Groups = Mapping[str, Collection[str]]
NO_GROUPS: Groups = {}


@dataclass(frozen=True, slots=True)
class Part:
    """So many different people of these: who have at least one of the roles, are named, or are in one of the groups
    (`slack/S01`). `own`: the owner counts."""

    count: int
    roles: tuple[Role, ...] = ()
    people: tuple[str, ...] = ()
    own: bool = False
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.count} of {self.words}"

    @property
    def words(self) -> str:
        """Who can approve."""
        roles = (f"role {role.name.lower()}" for role in self.roles)
        return ", ".join([*roles, *self.people, *(f"group {group}" for group in self.groups)])

    @property
    def members(self) -> list[str]:
        """Who can approve, as it is written in the settings."""
        people = [name if _PLAIN.fullmatch(name) else f"person:{name}" for name in self.people]
        groups = [f"group:{group}" for group in self.groups]
        return [*(f"role:{role.name.lower()}" for role in self.roles), *people, *groups]

    def fits(self, person: Person, groups: Collection[str] = ()) -> bool:
        """Whether somebody, who is in these groups, is one of these."""
        named = {name.casefold() for name in self.people} & {person.name.casefold(), person.id}
        by_role = any(person.role >= role for role in self.roles)
        return person.role >= Role.APPROVER and (bool(named) or by_role or bool({*groups} & {*self.groups}))


@dataclass(frozen=True, slots=True)
class Quorum:
    """All of these parts are needed; somebody may stand in more than one. `lifted` is the most that a group of a chat
    gives anybody: who is in it is known there alone."""

    parts: tuple[Part, ...]
    lifted: Role = Role.NOBODY

    def __str__(self) -> str:
        return " and ".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Vote:
    """Somebody allowed a request once. `fingerprint` is the hash of what they were shown; `groups` are those of a chat
    that they were in, and `lifted` is the role that these gave them, NOBODY for none."""

    request: str
    person: str
    verdict: str
    fingerprint: str
    at: datetime
    groups: Sequence[str] = ()
    lifted: Role = Role.NOBODY


@dataclass(frozen=True, slots=True)
class Shortage:
    """A part for which there are too few people. `able` are the names of those who could approve."""

    part: Part
    able: tuple[str, ...]

    def __str__(self) -> str:
        who = f"only {' and '.join(self.able)}" if self.able else "nobody"
        return f"{self.part.count} of {self.part.words} can never be: {who} could approve"


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a quorum is. `by` are the names that count, `missing` says who else is needed, "" when nobody is, and
    `shortage` why there can never be enough."""

    by: tuple[str, ...]
    needed: int
    missing: str
    needs: str = ""
    shortage: Shortage | None = None

    def __str__(self) -> str:
        names = f": {', '.join(self.by)}" if self.by else ""
        needs = f"; needs {self.needs}" if self.needs and not self.shortage else ""
        never = f"; {self.shortage}" if self.shortage else ""
        return f"{len(self.by)} of {self.needed} approval{'' if self.needed == 1 else 's'}{names}{needs}{never}"


class HasApprovers(Protocol):
    """The settings of a project, as far as approvals go."""

    @property
    def approvers(self) -> Sequence[Part]: ...


def required_approvals(project: HasApprovers | None, request: Request) -> Quorum | None:
    """The quorum that a request takes; None where one approver is enough. What it took when it was asked it still
    takes; what the project takes by now is added."""
    if request.kind is not RequestKind.PERMISSION:
        return None
    kept = Terms.read(request.approvers)
    then = kept.choose()
    now = replace(kept, project=tuple(project.approvers) if project else ()).choose()
    parts = merge_parts((*then, *now))
    return Quorum(parts) if parts else None


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose approval an ask takes by `rule` and by `project`. `whole`: the rule names all that is asked, so that its
    approvers take the place of the project's."""

    rule: tuple[Part, ...] = ()
    project: tuple[Part, ...] = ()
    whole: bool = False

    def choose(self) -> tuple[Part, ...]:
        """The parts that are needed."""
        if self.rule and self.whole and count_needed(self.rule) >= count_needed(self.project):
            return self.rule
        return merge_parts((*self.rule, *self.project))

    def add(self, more: Terms) -> Terms:
        """Both together: what an ask takes that is asked again."""
        whole = self.whole and (not more.rule or (more.whole and self.rule == more.rule))
        return Terms(merge_parts((*self.rule, *more.rule)), merge_parts((*self.project, *more.project)), whole)

    def write(self) -> dict[str, Any]:
        """As plain JSON, for the store; nothing where one approver is enough."""
        if not (self.rule or self.project):
            return {}
        parts = {"rule": write_parts(self.rule), "project": write_parts(self.project)}
        return {**parts, "whole": self.whole}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Terms:
        """Those of `write`."""
        rule, project = (tuple(_parse_part(item) for item in stored.get(key, ())) for key in ("rule", "project"))
        return cls(rule, project, bool(stored.get("whole")))


def count_needed(parts: Sequence[Part]) -> int:
    """How many different people are needed at least."""
    return max((part.count for part in parts), default=1)


def merge_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Each of these once, of those that differ in nothing but their count the highest."""
    highest: dict[tuple[object, ...], Part] = {}
    for part in parts:
        key = (part.roles, part.people, part.own, part.groups)
        if key not in highest or highest[key].count < part.count:
            highest[key] = part
    return tuple(highest.values())


def write_parts(parts: Sequence[Part]) -> list[Any]:
    """As they are written in the settings: `2 of [role:admin, kim]`; the long form where that cannot say it."""
    return [_write_part(part) for part in parts]


def _write_part(part: Part) -> Any:
    if not part.own and all(_PLAIN.fullmatch(name) for name in part.people):
        return f"{part.count} of [{', '.join(part.members)}]"
    return {"count": part.count, "of": part.members, "self": part.own}


def can_vote(quorum: Quorum, person: Person, excluded: Collection[str], groups: Collection[str] = ()) -> bool:
    """Whether the approval of somebody who is in these groups counts."""
    return any(part.fits(person, groups) and (part.own or person.id not in excluded) for part in quorum.parts)


def tally_votes(
    quorum: Quorum, voters: Sequence[Person], excluded: Collection[str], groups: Groups = NO_GROUPS
) -> Tally:
    """How far the votes of these people lead. Nobody counts twice. `groups` are those of each, by id."""
    people = list({person.id: person for person in voters}.values())
    counted = [person for person in people if can_vote(quorum, person, excluded, groups.get(person.id, ()))]
    lacking = []
    for part in quorum.parts:
        fitting = [
            person for person in counted if can_vote(Quorum((part,)), person, excluded, groups.get(person.id, ()))
        ]
        if (left := part.count - len(fitting)) > 0:
            lacking.append((left, part))
    needed = max(count_needed(quorum.parts), len(counted) + max((left for left, _ in lacking), default=0))
    missing = " and ".join(f"{left} more of {part.words}" for left, part in lacking)
    needs = " and ".join(_say_needs(left, part, counted) for left, part in lacking)
    return Tally(tuple(person.name for person in counted), needed, missing, needs)


def find_shortage(quorum: Quorum, people: Sequence[Person], excluded: Collection[str] = ()) -> Shortage | None:
    """The first part that these people, who are all that are known, can never fill; None when they can, or when it
    takes somebody whom a group of a chat makes one of them."""
    known = [replace(person, role=max(person.role, quorum.lifted)) for person in people]
    for part in quorum.parts:
        if part.groups or any(quorum.lifted >= role for role in part.roles):
            continue
        able = {person.id: person.name for person in known if can_vote(Quorum((part,)), person, excluded)}
        if len(able) < part.count:
            return Shortage(part, tuple(sorted(able.values())))
    return None


def _say_needs(left: int, part: Part, counted: Sequence[Person]) -> str:
    """Who else: nobody who counts already."""
    done = {word.casefold() for person in counted for word in (person.name, person.id)}
    open_ = [word for word in part.members if word.removeprefix("person:").casefold() not in done]
    return " or ".join(open_) if left == 1 else f"{left} of {', '.join(open_)}"


def parse_parts(given: object) -> tuple[Part, ...]:
    """Parts from their short text or from mappings. Raises BadInput with what to write instead."""
    items: Sequence[object] = given if isinstance(given, list | tuple) else [given]
    parts = tuple(_parse_part(item) for item in items if item not in (None, ""))
    if len(parts) > _MOST:
        raise BadInput(f"{len(parts)} parts are too many.", remedy=f"At most {_MOST}.")
    return parts


def _parse_part(given: object) -> Part:
    if isinstance(given, Part):
        return given
    if isinstance(given, str) and (match := _SHORT.fullmatch(given)):
        return _make_part(int(match[1]), match[2].split(","), own=False)
    if isinstance(given, Mapping) and {"count", "of"} <= set(given) <= {"count", "of", "self"}:
        count, own = given["count"], given.get("self", False)
        if isinstance(count, int) and not isinstance(count, bool) and isinstance(own, bool):
            return _make_part(count, given["of"], own=own)
    raise BadInput("This says not how many of whom.", remedy=_EXAMPLE)


def _make_part(count: int, of: Any, *, own: bool) -> Part:
    if not isinstance(of, list | tuple) or not all(isinstance(word, str) and word.strip() for word in of) or not of:
        raise BadInput("It says not of whom.", remedy=_EXAMPLE)
    if not 1 <= count <= _MOST:
        raise BadInput(f"The count must be from 1 to {_MOST}.", remedy=_EXAMPLE)
    words = [word.strip() for word in of]
    roles = tuple(_read_role(word.removeprefix("role:").strip()) for word in words if word.startswith("role:"))
    groups = tuple(_read_group(word) for word in words if word.startswith("group:"))
    people = tuple(_read_name(word) for word in words if not word.startswith(("role:", "group:")))
    if not (roles or groups) and len({name.casefold() for name in people}) < count:
        raise BadInput(f"{count} of {len(people)} people can never be.", remedy=_EXAMPLE)
    return Part(count, roles, people, own, groups)


def _read_name(word: str) -> str:
    """A person's name, alone or behind `person:`."""
    kind, colon, name = word.partition(":")
    if not colon:
        return word
    if kind != "person" or not name.strip():
        raise BadInput(
            f"{word[:40]} is no role, person or group.", remedy="Write role:admin, person:kim or group:slack/S01."
        )
    return name.strip()


def _read_group(word: str) -> str:
    """A chat and a group's id there: `slack/S01`."""
    name = word.removeprefix("group:").strip()
    if not _GROUP.fullmatch(name):
        raise BadInput(
            f"{word[:40]} names no group of a chat.", remedy="Write the chat and the group's id: group:slack/S01."
        )
    return name


def _read_role(word: str) -> Role:
    if word.lower() not in ("approver", "admin"):
        raise BadInput(f"role:{word[:30]} approves nothing.", remedy="Roles that approve: role:approver, role:admin.")
    return Role[word.upper()]
