"""Who must approve: how it is written, and how votes are counted."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.model import Person, Role
from core.quorum import (
    Part,
    Quorum,
    Terms,
    can_vote,
    count_needed,
    find_shortage,
    parse_parts,
    required_approvals,
    tally_votes,
    write_parts,
)
from tests.fakes.clock import START
from tests.fakes.records import make_ask, make_question, make_request

TWO = Quorum((Part(2, (Role.ADMIN,), ("kim",)),))


def make_person(name: str, role: Role = Role.APPROVER) -> Person:
    return Person(f"p-{name}", name, role, START)


ANN, BOB = make_person("ann", Role.ADMIN), make_person("bob", Role.ADMIN)
KIM, LEE = make_person("Kim"), make_person("lee")


PEOPLE = st.builds(make_person, st.sampled_from(["ann", "bob", "kim", "lee", "max"]), st.sampled_from(Role))


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (None, ()),
        ("", ()),
        ((), ()),
        ("2 of [role:admin, kim]", (Part(2, (Role.ADMIN,), ("kim",)),)),
        ("1 of [person:kim]", (Part(1, (), ("kim",)),)),
        ("2 of [group:slack/S01, kim]", (Part(2, (), ("kim",), groups=("slack/S01",)),)),
        ({"count": 2, "of": ["role:approver"]}, (Part(2, (Role.APPROVER,)),)),
        ([{"count": 1, "of": ["kim"], "self": True}], (Part(1, (), ("kim",), True),)),
        (["1 of [role:admin]", "2 of [kim, lee]"], (Part(1, (Role.ADMIN,)), Part(2, (), ("kim", "lee")))),
    ],
)
def test_parts_are_read(given: Any, parts: tuple[Part, ...]) -> None:
    assert parse_parts(given) == parts


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("two of [kim]", "how many of whom"),
        ("2 of kim", "how many of whom"),
        ("2 of [role:viewer]", "approves nothing"),
        ("2 of [role:operator, kim]", "approves nothing"),
        ("2 of [kim]", "can never be"),
        ("1 of [group:ops]", "group of a chat"),
        ("1 of [role:admin, group:]", "group of a chat"),
        ("1 of [group:slack/S 1]", "group of a chat"),
        ("1 of [team:ops]", "no role, person or group"),
        ("1 of ['person:']", "no role, person or group|how many"),
        ("2 of [kim, Kim]", "can never be"),
        ("0 of [kim]", "from 1 to"),
        ({"count": True, "of": ["kim"]}, "how many of whom"),
        ({"count": 1, "of": []}, "not of whom"),
        ({"count": 1, "of": "kim"}, "not of whom"),
        ({"count": 1}, "how many of whom"),
        ({"count": 1, "of": ["kim"], "all": 1}, "how many of whom"),
        (3, "how many of whom"),
        (["1 of [kim]"] * 21, "too many"),
    ],
)
def test_what_says_nothing_is_refused(given: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_parts(given)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), st.lists, max_leaves=5))
def test_anything_is_read_or_refused(given: Any) -> None:
    with contextlib.suppress(BadInput):
        assert all(isinstance(part, Part) for part in parse_parts(given))


@pytest.mark.parametrize(
    ("voters", "excluded", "by", "missing"),
    [
        ([], [], [], "2 more of role admin, kim"),
        ([ANN], [], ["ann"], "1 more of role admin, kim"),
        ([ANN, ANN], [], ["ann"], "1 more of role admin, kim"),
        ([ANN, LEE], [], ["ann"], "1 more of role admin, kim"),
        ([ANN, KIM], [], ["ann", "Kim"], ""),
        ([ANN, BOB, KIM], [], ["ann", "bob", "Kim"], ""),
        ([ANN, KIM], ["p-ann"], ["Kim"], "1 more of role admin, kim"),
        ([ANN, make_person("kim", Role.OPERATOR)], [], ["ann"], "1 more of role admin, kim"),
    ],
)
def test_votes_are_counted(voters: list[Person], excluded: list[str], by: list[str], missing: str) -> None:
    tally = tally_votes(TWO, voters, excluded)
    assert (list(tally.by), tally.missing) == (by, missing)


def test_every_part_must_be_met() -> None:
    both = Quorum((Part(1, (Role.ADMIN,)), Part(2, (Role.APPROVER,))))
    assert tally_votes(both, [KIM, LEE], ()).missing == "1 more of role admin"
    assert tally_votes(both, [ANN], ()).missing == "1 more of role approver"
    assert tally_votes(both, [ANN, LEE], ()).missing == ""


def test_the_owner_counts_where_it_is_said() -> None:
    own = Quorum((Part(2, (Role.ADMIN,), own=True),))
    assert tally_votes(own, [ANN, BOB], ["p-ann"]).missing == ""
    assert not can_vote(TWO, ANN, ["p-ann"])
    assert not can_vote(TWO, LEE, ())


@pytest.mark.parametrize(
    ("given", "people", "excluded", "able"),
    [
        ("2 of [kim, lee]", [KIM, LEE, ANN], [], None),
        ("2 of [kim, lee]", [KIM, LEE, ANN], ["p-Kim"], ("lee",)),
        ("2 of [kim, lee]", [KIM, make_person("lee", Role.OPERATOR)], [], ("Kim",)),
        ({"count": 2, "of": ["kim", "lee"], "self": True}, [KIM, LEE], ["p-Kim"], None),
        ("2 of [role:admin]", [ANN, KIM], [], ("ann",)),
        ("2 of [role:admin]", [ANN, BOB], [], None),
        ("2 of [role:admin]", [KIM], [], ()),
        ("2 of [role:admin, kim]", [ANN, KIM], [], None),
        ("2 of [role:admin, group:slack/S01]", [ANN], [], None),
        (["1 of [role:approver]", "1 of [role:admin]"], [KIM, LEE], [], ()),
    ],
)
def test_who_can_never_be_enough(
    given: Any, people: list[Person], excluded: list[str], able: tuple[str, ...] | None
) -> None:
    found = find_shortage(Quorum(parse_parts(given)), people, excluded)
    assert (found.able if found else None) == able


def test_whom_a_group_makes_an_admin_nobody_knows() -> None:
    two = Quorum(parse_parts("2 of [role:admin]"))
    assert find_shortage(two, []) is not None
    assert find_shortage(replace(two, lifted=Role.APPROVER), []) is not None
    assert find_shortage(replace(two, lifted=Role.ADMIN), []) is None
    named, viewers = Quorum(parse_parts("1 of [kim]")), [make_person("kim", Role.VIEWER)]
    assert find_shortage(named, viewers) is not None
    assert find_shortage(replace(named, lifted=Role.APPROVER), viewers) is None


@given(st.data())
def test_a_shortage_is_what_everybody_together_cannot_fill(data: st.DataObject) -> None:
    people = data.draw(st.lists(PEOPLE, max_size=6, unique_by=lambda person: person.id))
    count, excluded = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([[], ["p-ann"], ["p-kim"]]))
    quorum = Quorum((Part(count, (Role.ADMIN,), ("kim", "lee")[: data.draw(st.integers(0, 2))]),))
    assert (find_shortage(quorum, people, excluded) is None) == (not tally_votes(quorum, people, excluded).missing)


@given(st.integers(1, 4), st.lists(PEOPLE, max_size=8, unique_by=lambda person: person.id), st.booleans())
def test_enough_means_that_many_different_people(count: int, voters: list[Person], twice: bool) -> None:
    quorum = Quorum((Part(count, (Role.ADMIN,), ("kim",)),))
    tally = tally_votes(quorum, voters * 2 if twice else voters, ["p-ann"])
    counted = [person for person in voters if person.id != "p-ann" and can_vote(quorum, person, ())]
    assert (tally.missing == "") == (len(counted) >= count)
    assert len(set(tally.by)) == len(tally.by) == len(counted)


def test_only_permissions_of_a_project_that_says_so_take_more() -> None:
    project: Any = SimpleNamespace(approvers=TWO.parts)
    assert required_approvals(project, make_request(make_ask())) == TWO
    assert required_approvals(project, make_request(make_question("a"))) is None
    assert required_approvals(None, make_request(make_ask())) is None
    none: Any = SimpleNamespace(approvers=())
    assert required_approvals(none, make_request(make_ask())) is None


def test_words() -> None:
    assert str(TWO) == "2 of role admin, kim"
    assert str(tally_votes(TWO, [ANN], ())) == "1 of 2 approvals: ann; needs role:admin or kim"
    assert str(tally_votes(TWO, [KIM], ())) == "1 of 2 approvals: Kim; needs role:admin"
    assert str(tally_votes(TWO, [], ())) == "0 of 2 approvals; needs 2 of role:admin, kim"
    assert str(tally_votes(TWO, [ANN, KIM], ())) == "2 of 2 approvals: ann, Kim"
    assert str(tally_votes(Quorum((Part(1, (Role.ADMIN,)),)), [], ())) == "0 of 1 approval; needs role:admin"
    lacking = replace(tally_votes(TWO, [KIM], ()), shortage=find_shortage(TWO, [KIM]))
    never = "2 of role admin, kim can never be: only Kim could approve"
    assert str(lacking) == f"1 of 2 approvals: Kim; {never}"
    assert str(find_shortage(TWO, [])) == "2 of role admin, kim can never be: nobody could approve"
    both = Quorum((Part(1, (Role.ADMIN,)), Part(1, (Role.APPROVER,))))
    assert str(tally_votes(both, [KIM], ())) == "1 of 2 approvals: Kim; needs role:admin"


# -------------------------------------------------------------------------------------------- rules and open requests

NAMES = st.lists(st.sampled_from(["ann", "bob", "kim", "lee", "a: [b]"]), min_size=3, max_size=4, unique=True)
PARTS = st.builds(
    Part,
    st.integers(1, 3),
    st.sampled_from([(), (Role.ADMIN,), (Role.APPROVER, Role.ADMIN)]),
    NAMES.map(tuple),
    st.booleans(),
)
LISTS = st.lists(PARTS, max_size=3).map(tuple)
TERMS = st.builds(Terms, LISTS, LISTS, st.booleans())
ADMINS, KIMS = Part(2, (Role.ADMIN,)), Part(2, (), ("kim", "lee"))


@pytest.mark.parametrize(
    ("rule", "project", "whole", "chosen"),
    [
        ((), (ADMINS,), False, (ADMINS,)),
        ((KIMS,), (), False, (KIMS,)),
        ((KIMS,), (ADMINS,), True, (KIMS,)),
        ((KIMS,), (ADMINS,), False, (KIMS, ADMINS)),
        ((replace(KIMS, count=1),), (ADMINS,), True, (replace(KIMS, count=1), ADMINS)),
        ((ADMINS,), (replace(ADMINS, count=3),), False, (replace(ADMINS, count=3),)),
    ],
)
def test_a_rule_wins_over_its_project_but_never_with_fewer(rule: Any, project: Any, whole: bool, chosen: Any) -> None:
    assert Terms(rule, project, whole).choose() == chosen


@given(TERMS, PARTS)
def test_approvers_of_a_rule_never_lower_what_is_needed(terms: Terms, more: Part) -> None:
    before = count_needed(replace(terms, rule=()).choose())
    assert count_needed(terms.choose()) >= before
    assert count_needed(replace(terms, rule=(*terms.rule, more)).choose()) >= count_needed(terms.rule)
    assert Terms.read(json.loads(json.dumps(terms.write()))).choose() == terms.choose()


@given(TERMS, LISTS, st.lists(PEOPLE, max_size=5, unique_by=lambda person: person.id))
def test_a_later_change_never_lowers_what_an_open_request_needs(
    terms: Terms, later: tuple[Part, ...], voters: list[Person]
) -> None:
    request = make_request(make_ask(), approvers=terms.write())
    project: Any = SimpleNamespace(approvers=later)
    quorum = required_approvals(project, request)
    enough = quorum is None or not tally_votes(quorum, voters, ()).missing
    first = terms.choose()
    assert not enough or not first or not tally_votes(Quorum(first), voters, ()).missing
    again = required_approvals(project, replace(request, approvers=terms.add(Terms(later)).write()))
    assert again is None or not enough or count_needed(again.parts) >= count_needed(first)


@given(PARTS, st.lists(PEOPLE, max_size=6))
def test_neither_the_requester_nor_one_person_twice_is_enough(part: Part, voters: list[Person]) -> None:
    quorum = Quorum((replace(part, own=False),))
    for person in voters:
        twice = tally_votes(quorum, [person] * 5, ())
        assert len(twice.by) <= 1
        assert twice.missing or part.count == 1
    without = [person for person in voters if person.id != "p-ann"]
    assert tally_votes(quorum, voters, ["p-ann"]).missing == tally_votes(quorum, without, ()).missing


@given(LISTS)
def test_what_is_written_is_read_again(parts: tuple[Part, ...]) -> None:
    assert parse_parts(write_parts(parts)) == parts


def test_who_is_in_a_group_counts() -> None:
    quorum = Quorum((Part(2, (), ("ann",), groups=("slack/S01",)),))
    groups = {"p-lee": ["slack/S01"], "p-Kim": ["slack/S02"]}
    assert can_vote(quorum, LEE, (), ["slack/S01"])
    assert not can_vote(quorum, KIM, (), ["slack/S02", "discord/S01"])
    assert not can_vote(quorum, LEE, ["p-lee"], ["slack/S01"])
    assert not can_vote(quorum, make_person("eve", Role.OPERATOR), (), ["slack/S01"])
    assert tally_votes(quorum, [LEE, KIM], (), groups).missing == "1 more of ann, group slack/S01"
    assert tally_votes(quorum, [LEE, ANN], (), groups).missing == ""
    assert tally_votes(quorum, [LEE, ANN], ()).by == ("ann",)
    assert parse_parts(write_parts(quorum.parts)) == quorum.parts
