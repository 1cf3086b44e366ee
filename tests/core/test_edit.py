"""callboard.yaml is changed by whole lines, and by nothing else."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.settings import BadSettings, example_text
from core.settings.document import parse_document
from core.settings.edit import MARK, CannotEdit, insert_entry, remove_entry, write_scalar

WEB = {"path": "/srv/web", "base": "main"}


def insert(text: str) -> str:
    return insert_entry(text, "projects", "web", WEB)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", f"{MARK}\nprojects:\n  web:\n    path: /srv/web\n    base: main\n"),
        ("# only words\n", f"# only words\n\n{MARK}\nprojects:\n  web:\n    path: /srv/web\n    base: main\n"),
        ("projects:\n", "projects:\n  web:\n    path: /srv/web\n    base: main\n"),
        ("projects: # mine\n#  api:\n", "projects: # mine\n  web:\n    path: /srv/web\n    base: main\n#  api:\n"),
        ("projects:", "projects:\n  web:\n    path: /srv/web\n    base: main"),
        (
            "projects:\r\n\r\nkinds:\r\n",
            "projects:\r\n  web:\r\n    path: /srv/web\r\n    base: main\r\n\r\nkinds:\r\n",
        ),
        (
            "projects:\n    api:\n          path: /a   # here\n          # kind: x\n\n# later\nlimits: {turns: 3}\n",
            "projects:\n    api:\n          path: /a   # here\n          # kind: x\n"
            "    web:\n          path: /srv/web\n          base: main\n\n# later\nlimits: {turns: 3}\n",
        ),
        (
            "projects:\n  api: {path: /a}\n  #  end\n",
            "projects:\n  api: {path: /a}\n  web:\n    path: /srv/web\n    base: main\n  #  end\n",
        ),
        ("\ufeffprojects:\n", "\ufeffprojects:\n  web:\n    path: /srv/web\n    base: main\n"),
        (
            'people:\n  a: {role: "admin"}\nprojects:\n  api:\n    path: >\n      /a\n\n\nlog:\n',
            'people:\n  a: {role: "admin"}\nprojects:\n  api:\n    path: >\n      /a\n\n\n'
            "  web:\n    path: /srv/web\n    base: main\nlog:\n",
        ),
    ],
)
def test_insert(text: str, wanted: str) -> None:
    assert insert(text) == wanted
    assert remove_entry(wanted, "projects", "web") == text


@pytest.mark.parametrize(
    "text",
    [
        "{}\n",
        "{projects: {}}\n",
        "projects: {}\n",
        "projects: ~\n",
        "projects: {api: {path: /a}}\n",
        "x: &a\n  api: {path: /a}\nprojects: *a\n",
        "limits:\n...\n",
        "database: |+\n  text\n",
        "log:\n\x85projects:\n",
        "projects:\n  - web\n",
        "a: 1\na: 2\n",
    ],
)
def test_what_is_not_understood_is_left_to_a_person(text: str) -> None:
    with pytest.raises(CannotEdit) as caught:
        insert(text)
    assert caught.value.lines == "projects:\n  web:\n    path: /srv/web\n    base: main"
    assert caught.value.lines in caught.value.remedy


def test_remove_takes_the_entry_and_its_own_comments() -> None:
    text = "projects:\n  # of the shop\n  api:\n    path: /a\n    # old: x\n  web:\n    path: /b\n  # end\nlimits:\n"
    assert remove_entry(text, "projects", "api") == (
        "projects:\n  # of the shop\n  web:\n    path: /b\n  # end\nlimits:\n"
    )
    assert remove_entry(remove_entry(text, "projects", "api"), "projects", "web") == (
        "projects:\n  # of the shop\n  # end\nlimits:\n"
    )


def test_a_section_that_a_person_wrote_stays() -> None:
    text = f"# mine\n{MARK}\nprojects:\n  # a word\n  web:\n    path: /b\n"
    assert remove_entry(text, "projects", "web") == f"# mine\n{MARK}\nprojects:\n  # a word\n"


@pytest.mark.parametrize("text", ["projects: {web: {path: /a}}\n", "projects:\n  ? web\n  : path: /a\n"])
def test_remove_what_is_not_understood(text: str) -> None:
    with pytest.raises(CannotEdit):
        remove_entry(text, "projects", "web")


def test_what_is_there_and_what_is_not() -> None:
    with pytest.raises(ValueError, match="there already"):
        insert("projects:\n  web:\n    path: /a\n")
    with pytest.raises(KeyError):
        remove_entry("projects:\n  web:\n    path: /a\n", "projects", "api")


def test_an_anchor_that_others_need_is_not_removed() -> None:
    text = "projects:\n  web: &w\n    path: /a\n  api: *w\n"
    with pytest.raises(CannotEdit):
        remove_entry(text, "projects", "web")
    assert remove_entry(text, "projects", "api") == "projects:\n  web: &w\n    path: /a\n"


def test_the_example_takes_a_project() -> None:
    made = insert(example_text())
    assert remove_entry(made, "projects", "web") == example_text()
    assert parse_document(made, "").data["projects"] == {"web": WEB}


# ---------------------------------------------------------------------------------------------------------- properties

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
NOTES = st.lists(
    st.one_of(st.just(""), st.builds(lambda column, words: " " * column + "#" + words, st.integers(0, 8), WORDS)),
    max_size=3,
)
VALUES = st.one_of(
    st.sampled_from(
        ["3", "main # why", "'it''s'", '"a\\tb"', "[1, 2]", "{a: b}", "|\n         text\n\n         more", "~"]
    ),
    WORDS.map(lambda words: yaml.safe_dump(words, allow_unicode=True, width=10_000).split("\n")[0]),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A settings file as people write them: comments anywhere, odd steps, either line end, with or without one last."""
    lines = draw(NOTES)
    for section in draw(st.permutations(["limits", "projects", "log"]))[: draw(st.integers(0, 3))]:
        lines += [f"{section}:{draw(st.sampled_from(['', '  # note']))}", *draw(NOTES)]
        lines += draw(entries())
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@st.composite
def entries(draw: st.DrawFn) -> list[str]:
    column, step = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    lines: list[str] = []
    for name in draw(st.lists(st.sampled_from(["api", "shop", "docs", "x1"]), unique=True, max_size=3)):
        lines += [" " * column + f"{name}:", *draw(NOTES)]
        for key in draw(st.lists(st.sampled_from(["path", "base", "kind"]), unique=True, max_size=3)):
            lines += [" " * (column + step) + f"{key}: {draw(VALUES)}", *draw(NOTES)]
    return lines


@settings(max_examples=150, deadline=None)
@given(files(), WORDS)
def test_everything_else_is_kept_byte_for_byte(text: str, path: str) -> None:
    try:
        made = insert_entry(text, "projects", "web", {"path": path, "base": "main"})
    except CannotEdit:
        return
    except BadSettings:
        with pytest.raises(BadSettings):
            parse_document(text, "")
        return
    old, new = re.split("\r?\n", text), re.split("\r?\n", made)
    kept = iter(new)
    assert all(line in kept for line in old), "every line is there, in order"
    assert parse_document(made, "").data["projects"]["web"] == {"path": path, "base": "main"}
    assert remove_entry(made, "projects", "web") == text


@settings(max_examples=60, deadline=None)
@given(files())
def test_almost_every_file_can_be_edited(text: str) -> None:
    if "|\n" in text or "|\r\n" in text:
        return
    assert "web" in insert_entry(text, "projects", "web", WEB)


@settings(max_examples=120, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="ab:- \n#{}[]|>&*!'\"?", max_size=40)))
def test_nothing_but_the_named_errors(text: str) -> None:
    try:
        made = insert(text)
    except (CannotEdit, ConfigurationError, ValueError):
        return
    assert remove_entry(made, "projects", "web") == text


@given(WORDS)
def test_scalars(value: str) -> None:
    assert parse_document(f"a: {write_scalar(value)}\n", "").data == {"a": value}
