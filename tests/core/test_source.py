from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.source import hide_credentials, read_source

SECRET = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("/srv/git/Web Shop", False, "web-shop"),
        ("~/src/web.git/", False, "web"),
        ("/srv/git/web/.git", False, "web"),
        ("../api", False, "api"),
        ("https://example.com/team/web.git", True, "web"),
        ("ssh://git@example.com:2222/team/API.git", True, "api"),
        ("git@example.com:team/web", True, "web"),
        ("git@example.com:web.git", True, "web"),
        ("file:///srv/git/9web.git", True, "web"),
        ("https://[::1]/web", True, "web"),
        ("https://example.com/ü", True, ""),
        ("/srv/" + "a" * 50, False, "a" * 31),
    ],
)
def test_what_is_taken(text: str, url: bool, name: str) -> None:
    source = read_source(text)
    assert bool(source.url) is url
    assert source.name == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--upload-pack=touch x",
        "ext::sh -c touch% x",
        "EXT::x",
        "fd::17",
        "a\nb",
        "http://example.com/web",
        "git://example.com/web",
        "ftp://example.com/web",
        "rsync://example.com/web",
        "file://host/web",
        "file:///",
        "https://",
        "https:///web",
        "https://example.com",
        "https://example.com/?a=b",
        "https://exa mple.com/web",
        "ssh://-oProxyCommand=touch/web",
        "ssh://-oUser@example.com/web",
        "git@-oProxyCommand=x:web",
        "git@example.com:-web",
        "git@example.com::web",
        "https://example.com:99999999/web",
        f"https://user:{SECRET}@example.com/web",
        f"https://{SECRET}@example.com/web",
        f"ssh://git:{SECRET}@example.com/web",
        f"http://user:{SECRET}@example.com/web",
        "x" * 1_001,
    ],
)
def test_what_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_source(text)
    assert SECRET not in str(caught.value)


@given(st.text(max_size=60))
def test_nothing_but_bad_input(text: str) -> None:
    try:
        source = read_source(text)
    except BadInput:
        return
    assert source.url in ("", text.strip())
    assert not source.url or source.url.startswith(("https://", "ssh://", "file:///")) or "@" in source.url


def test_credentials_are_hidden() -> None:
    assert hide_credentials(f"no https://u:{SECRET}@h/p and ssh://{SECRET}@h") == "no https://h/p and ssh://h"
