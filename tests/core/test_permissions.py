from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.model import Actor, Role
from core.permissions import RULES, Facts, Rule, allow, demand, demand_role

ROLES = st.sampled_from(list(Role))
VERBS = st.sampled_from(sorted(RULES))
OWNERS = st.sampled_from([None, "", "p-me", "p-you"])
FACTS = st.builds(
    Facts,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.frozensets(st.sampled_from(["guest", "foreign", "bot"])),
)


def actor(role: Role, person: str = "p-me") -> Actor:
    return Actor(person, "alice", role, "test")


def may(role: Role, verb: str, owner: str | None) -> bool:
    return allow(actor(role), verb, RULES.get(verb), owner).allowed


@given(VERBS, ROLES, ROLES, OWNERS, FACTS)
def test_more_role_never_allows_less(verb: str, one: Role, two: Role, owner: str | None, facts: Facts) -> None:
    less, more = sorted((one, two))
    allowed = allow(actor(less), verb, RULES[verb], owner, facts).allowed
    assert not allowed or allow(actor(more), verb, RULES[verb], owner, facts).allowed


@given(st.text(), st.none() | st.builds(Rule, ROLES, ROLES), OWNERS, FACTS)
def test_nobody_may_nothing(verb: str, rule: Rule | None, owner: str | None, facts: Facts) -> None:
    decision = allow(actor(Role.NOBODY), verb, rule, owner, facts)
    assert not decision.allowed
    assert decision.reason
    assert decision.remedy


@given(st.text().filter(lambda verb: verb not in RULES), ROLES, OWNERS)
def test_an_unknown_verb_is_refused(verb: str, role: Role, owner: str | None) -> None:
    assert not may(role, verb, owner)


@given(VERBS, ROLES)
def test_to_own_a_thing_never_allows_less(verb: str, role: Role) -> None:
    assert may(role, verb, "p-me") or not may(role, verb, "p-you")


@given(VERBS, OWNERS, st.sampled_from(["guest", "foreign", "bot"]))
def test_strangers_are_refused_unless_admitted(verb: str, owner: str | None, kind: str) -> None:
    facts = Facts(**{kind: True})  # type: ignore[arg-type]
    assert not allow(actor(Role.ADMIN), verb, RULES[verb], owner, facts).allowed
    admitted = Facts(**{kind: True}, admitted=frozenset({kind}))  # type: ignore[arg-type]
    assert allow(actor(Role.ADMIN), verb, RULES[verb], owner, admitted).allowed


@pytest.mark.parametrize(
    ("verb", "owner", "least"),
    [
        *(
            (verb, None, Role.VIEWER)
            for verb in ("list", "show", "logs", "diff", "events", "help", "me show", "doctor")
        ),
        ("spawn", None, Role.OPERATOR),
        ("send", "p-you", Role.OPERATOR),
        ("approve", "p-me", Role.APPROVER),
        ("deny", "p-you", Role.APPROVER),
        ("remove --force", "p-me", Role.ADMIN),
        *((verb, "p-me", Role.OPERATOR) for verb in ("answer", "stop", "remove", "retry", "accept", "assign")),
        *((verb, "p-you", Role.APPROVER) for verb in ("answer", "stop", "remove", "retry", "accept", "assign")),
    ],
)
def test_the_least_role(verb: str, owner: str | None, least: Role) -> None:
    assert [role for role in Role if may(role, verb, owner)] == [role for role in Role if role >= least]


def test_who_is_no_person_owns_nothing() -> None:
    assert not allow(actor(Role.ADMIN, ""), "stop", RULES["stop"], "").allowed


def test_says_why_and_what_to_do() -> None:
    with pytest.raises(Refused) as caught:
        demand(actor(Role.OPERATOR), "stop", owner="p-you")
    assert str(caught.value) == (
        "To stop somebody else's agent takes the role approver, and alice is operator. Ask its owner or an approver."
    )
    with pytest.raises(Refused, match=r"To spawn takes the role operator, and alice is viewer\. Ask an operator\."):
        demand(actor(Role.VIEWER), "spawn")
    with pytest.raises(Refused, match=r"Alice has no role here\. Ask an admin"):
        demand(actor(Role.NOBODY), "list")


def test_a_declared_role_is_demanded() -> None:
    demand_role(actor(Role.OPERATOR), "anything", Role.OPERATOR)
    with pytest.raises(Refused):
        demand_role(actor(Role.VIEWER), "anything", Role.OPERATOR)
    with pytest.raises(Refused):
        demand_role(actor(Role.ADMIN), "anything", Role.NOBODY)
