"""Rules as they stand in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.rules import choose_stock, list_written, make_rulebook
from core.rules import list_stock
from core.settings import BadSettings, Settings, load_settings

FILE = """
rules: [deny sudo]
projects:
  web:
    path: .
    stock_rules: none
    rules:
      - allow execute git status
      - deny: {command: git push}
  api: {path: .}
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "callboard.yaml"
    file.write_text(text)
    return load_settings(file, {"HOME": str(folder), **environ}, folder)


def test_a_projects_own_rules_come_first(tmp_path: Path) -> None:
    settings = load(tmp_path, FILE)
    written = list_written(settings, "web")
    assert [(str(rule), rule.source) for rule in written] == [
        ('allow: {tool: execute, command: "git status"}', "projects.web.rules"),
        ('deny: {command: "git push"}', "projects.web.rules"),
        ('deny: {command: "sudo"}', "rules"),
    ]
    assert [str(rule) for rule in list_written(settings, "sample")] == ['deny: {command: "sudo"}']


def test_stock_rules_are_chosen_for_all_or_for_one(tmp_path: Path) -> None:
    settings = load(tmp_path, FILE)
    assert [choose_stock(settings, name) for name in ("web", "api", "sample")] == ["none", "cautious", "cautious"]
    book = make_rulebook(lambda: settings, lambda path: path)
    assert list(book.stock("web")) == []
    assert list(book.stock("sample")) == list(list_stock("cautious"))
    assert book.home == str(tmp_path)


def test_rules_come_from_a_variable_too(tmp_path: Path) -> None:
    variable = '["deny git push", {"ask": {"path": "docs/**"}}]'
    settings = load(tmp_path, "", CALLBOARD_RULES=variable)
    assert [str(rule) for rule in settings.rules] == ['deny: {command: "git push"}', 'ask: {path: "docs/**"}']
    assert len(load(tmp_path, "", CALLBOARD_RULES="deny git push").rules) == 1


@pytest.mark.parametrize(
    ("text", "where", "message", "remedy"),
    [
        ("rules:\n  - deny sudo\n  - dney x", "callboard.yaml:3: rules.1", "begins with allow", "deny git push"),
        ("rules: 7", "callboard.yaml:1: rules", "a list of rules", "- deny git push"),
        ("rules:\n  - deny: {pth: x}", "callboard.yaml:2: rules.0", "pth", "Did you mean path?"),
        ("rules:\n  - allow", "callboard.yaml:2: rules.0", "must say what", "Name a tool"),
        ("stock_rules: brave", "callboard.yaml:1: stock_rules", "must be one of", "one of these words"),
        (
            'projects:\n  web:\n    path: .\n    rules:\n      - deny: {command: "a; b"}',
            "callboard.yaml:5: projects.web.rules.0",
            "one command",
            "each part",
        ),
    ],
)
def test_a_bad_rule_names_where_what_and_remedy(
    tmp_path: Path, text: str, where: str, message: str, remedy: str
) -> None:
    with pytest.raises(BadSettings) as error:
        load(tmp_path, text)
    (problem,) = error.value.problems
    assert problem.where == where
    assert message in problem.message
    assert remedy in problem.remedy
