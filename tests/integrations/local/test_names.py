from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PermanentFailure
from integrations.local.names import (
    check_agent,
    check_branch,
    check_revision,
    make_branch,
    make_marker,
    make_slug,
    resolve_inside,
)

ALLOWED = re.compile(r"[a-z0-9][a-z0-9._/-]*")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Fix the tally", "fix-the-tally"),
        ("  --force; rm -rf / && $(touch x) `id`", "force-rm-rf-touch-x-id"),
        ("Größe für Ægir naïve", "groe-fur-gir-naive"),
        ("🚀🚀🚀", "task"),
        ("", "task"),
        ("a\nb\x00c\u202ed\u200be", "a-b-cde"),
        ("HEAD@{1}..main^{commit}", "head-1-main-commit"),
        ("../../etc/passwd", "etc-passwd"),
        ("x.lock", "x-lock"),
        ("a" * 300, "a" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_slugs(title: str, slug: str) -> None:
    assert make_slug(title, 40) == slug


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=200), st.integers(1, 20))
def test_every_title_makes_an_allowed_branch(title: str, attempt: int) -> None:
    branch = make_branch("web-12", title, attempt)
    assert ALLOWED.fullmatch(branch)
    assert not any(part in branch for part in ("..", "@{", "//", ".lock"))
    assert branch.startswith("callboard/web-12-")
    assert len(branch) <= 60
    assert check_branch(branch) == branch


@pytest.mark.parametrize("agent", ["web-12", "a", "my_app.v2-3", "0-1"])
def test_agents(agent: str) -> None:
    assert check_agent(agent) == agent


@pytest.mark.parametrize(
    "agent", ["", "-a", ".a", "..", "a/b", "a..b", "a.lock", "a.", "A-1", "ä-1", "a b", "a\n", "a" * 65, "$(id)"]
)
def test_agents_refused(agent: str) -> None:
    with pytest.raises(PermanentFailure):
        check_agent(agent)


@pytest.mark.parametrize("name", ["main", "Feature/ABC-1", "v1.2.3", "origin/main", "a1b2c3", "user@topic#3", "r+1"])
def test_revisions(name: str) -> None:
    assert check_revision(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-d", "--upload-pack=x", "main..dev", "HEAD~1", "HEAD^", "a:b", "HEAD@{1}", "a b", "a//b", "a/", "a.lock",
     "x.lock/y", "a/.b", "a\nb", "a;id", "$(id)", "`id`", "a\\b", "a*", "a?", "[a]", "ä", "a" * 201],
)  # fmt: skip
def test_revisions_refused(name: str) -> None:
    with pytest.raises(PermanentFailure):
        check_revision(name)


@pytest.mark.parametrize("branch", ["main", "callboard/../main", "refs/heads/main", "callboard/", "callboard/a//b"])
def test_only_our_branches(branch: str) -> None:
    with pytest.raises(PermanentFailure):
        check_branch(branch)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/web-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentFailure, match="leads out of"):
        resolve_inside(tmp_path / "root", "web-1")
    with pytest.raises(PermanentFailure, match="leads out of"):
        resolve_inside(tmp_path / "root", "../elsewhere")


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    assert resolve_inside(tmp_path / "root", "web-1") == tmp_path / "disk/web-1"


def test_two_homes_have_two_markers(tmp_path: Path) -> None:
    assert make_marker(tmp_path / "a", "web-1") != make_marker(tmp_path / "b", "web-1")
    assert make_marker(tmp_path / "a", "web-1") == make_marker(tmp_path / "a" / ".." / "a", "web-1")
