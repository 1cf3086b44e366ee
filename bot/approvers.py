"""Whether what takes several people can ever get them, for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.admission import find_lift
from bot.house import House
from core.interfaces import Check
from core.model import Person, Role
from core.people import list_people_of
from core.quorum import Part, Quorum, find_shortage
from core.rules import Rule


async def check_approvers(house: House) -> list[Check]:
    """A line for each project whose approvals, by itself or by a rule, take more than any one approver."""
    async with house.database.reading() as tx:
        people = {name: await list_people_of(tx, name) for name in house.projects}
        rules = {name: await house.rulebook.list_rules(tx, name) for name in house.projects}
    lifted = find_lift(house.settings)
    lines = []
    for name in house.projects:
        terms = list(_list_terms(name, house.find_approvers(name), rules[name]))
        troubles = [
            f"{where}: {why}" for where, parts in terms if (why := _judge_parts(Quorum(parts, lifted), people[name]))
        ]
        if terms:
            lines.append(_draw_line(name, len(terms), troubles))
    return lines


def _list_terms(
    project: str, approvers: Sequence[Part], rules: Sequence[Rule]
) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """Each place that says whose approval it takes, and what it says."""
    if approvers:
        yield f"projects.{project}.approvers", tuple(approvers)
    yield from ((f"{rule.source or 'a rule'}, {rule}", rule.approvers) for rule in rules if rule.approvers)


def _judge_parts(quorum: Quorum, people: Sequence[Person]) -> str:
    """Why these people can never be enough, or not for the agents of some, whose own approval does not count; ""
    where they can."""
    if shortage := find_shortage(quorum, people):
        return str(shortage)
    owners = [person for person in people if max(person.role, quorum.lifted) >= Role.OPERATOR]
    short = {owner.name: found for owner in owners if (found := find_shortage(quorum, people, {owner.id}))}
    return "; ".join(f"for agents of {name}, {found}" for name, found in sorted(short.items()))


def _draw_line(project: str, count: int, troubles: Sequence[str]) -> Check:
    name = f"approvers {project}"
    if not troubles:
        return Check(name, True, f"there are enough people for {'it' if count == 1 else f'all {count}'}")
    remedy = "Name more people or a lower number there, give more people the role, or let owners count: self: true."
    return Check(name, False, ". ".join(troubles), remedy)
