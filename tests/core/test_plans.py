"""Budgets and approvers as they are set, and what that makes for the agents of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.budgets import Budget, Plan
from core.model import Role
from core.quorum import Part
from core.settings import BadSettings, Settings, load_settings, read_plan

PEOPLE = "people: {kim: {role: approver}, lee: {role: operator}, root: {role: admin, identities: ['local:me']}}\n"


def load(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "callboard.yaml").write_text(text)
    return load_settings(None, {"HOME": str(folder), **environ}, folder, {})


def test_nothing_set_is_the_plan_of_the_house(tmp_path: Path) -> None:
    assert read_plan(load(tmp_path, ""), "web") == Plan() == read_plan(Settings(), "sample")


def test_limits_are_an_agents_minutes_and_turns(tmp_path: Path) -> None:
    read = load(tmp_path, "limits: {minutes: 5, turns: 3}")
    assert read_plan(read, "web").agent == Budget(money=10.0, minutes=5.0, turns=3)
    read = load(tmp_path, "limits: {minutes: 5, turns: 3}\nbudgets: {agent: {minutes: 7, turns: 9}}")
    assert read_plan(read, "web").agent == Budget(money=10.0, minutes=7.0, turns=9)


def test_a_project_differs_in_what_it_says(tmp_path: Path) -> None:
    text = """
budgets: {agent: {money: null, tokens: 5000}, person_day: {money: 3}, project_day: {money: 4, turns: 8}}
projects:
  web: {path: web, budget: {agent: {minutes: 90}, day: {money: 6}}}
  api: {path: api}
"""
    read = load(tmp_path, text)
    web, api = read_plan(read, "web"), read_plan(read, "api")
    assert web.agent == Budget(None, 90.0, 50, 5000)
    assert web.project_day == Budget(money=6.0, turns=8)
    assert (api.agent, api.project_day) == (Budget(None, 60.0, 50, 5000), Budget(money=4.0, turns=8))
    assert web.person_day == api.person_day == Budget(money=3.0)
    assert web.day == Budget(money=100.0)


def test_variables_set_budgets_too(tmp_path: Path) -> None:
    read = load(tmp_path, "", CALLBOARD_BUDGETS__AGENT__MONEY="2.5", CALLBOARD_TIME_ZONE="Europe/Berlin")
    assert read_plan(read, "web").agent.money == 2.5
    assert read.zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("budgets: {agent: {money: 0}}", "budgets.agent.money", "more than 0"),
        ("budgets: {agent: {turns: true}}", "budgets.agent.turns", "must be a number"),
        ("budgets: {week: {}}", "budgets.week", "no such key"),
        ("budgets: {day: {money: lots}}", "budgets.day.money", "must be a number"),
        ("time_zone: Mars/Olympus", "time_zone", "not a time zone"),
        ("time_zone: ../etc/passwd", "time_zone", "not a time zone"),
        ("projects: {web: {path: x, approvers: both}}", "projects.web.approvers", "how many of whom"),
        ("projects: {web: {path: x, approvers: '2 of [role:viewer]'}}", "projects.web.approvers", "approves nothing"),
        ("projects: {web: {path: x, approvers: '1 of [kim]'}}", "projects.web.approvers", "nobody is named kim"),
        ("projects: {web: {path: x, approvers: '1 of [group:ops]'}}", "projects.web.approvers", "group of a chat"),
        (
            "projects: {web: {path: x, approvers: '1 of [user:kim]'}}",
            "projects.web.approvers",
            "no role, person or group",
        ),
        (PEOPLE + "rules: [{ask: {approvers: '1 of [Kit]'}}]", "yaml:2: rules.0.ask.approvers", "nobody is named Kit"),
        (PEOPLE + "rules: [{ask: {approvers: '1 of [role:boss]'}}]", "yaml:2: rules.0", "approves nothing"),
        (PEOPLE + "rules: [{ask: {approvers: '1 of [group:a]'}}]", "yaml:2: rules.0", "group of a chat"),
        (PEOPLE + "rules: [{ask: {approvers: ''}}]", "yaml:2: rules.0", "how many of whom"),
        (PEOPLE + "rules: [{deny: {approvers: '1 of [kim]'}}]", "yaml:2: rules.0", "Only a rule that asks"),
        (
            PEOPLE + "projects: {web: {path: x, rules: ['deny ls', {ask: {path: a, approvers: '1 of [lee]'}}]}}",
            "yaml:2: projects.web.rules.1.ask.approvers",
            "lee is operator, who approves nothing",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, where: str, message: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, text)
    (problem,) = caught.value.problems
    assert where in problem.where
    assert message in problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ('"2 of [role:admin, kim]"', (Part(2, (Role.ADMIN,), ("kim",)),)),
        ("2 of [role:admin, kim]", (Part(2, (Role.ADMIN,), ("kim",)),)),
        ("[{count: 1, of: [kim], self: true}]", (Part(1, (), ("kim",), True),)),
        ("[]", ()),
    ],
)
def test_approvers_are_read(tmp_path: Path, written: str, parts: tuple[Part, ...]) -> None:
    people = "people: {Kim: {role: approver}}\n"
    read = load(tmp_path, f"{people}projects:\n  web:\n    path: x\n    approvers: {written}\n")
    assert tuple(read.project("web").approvers) == parts
