"""What the console's door makes of a request's headers, by the settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request, Response

from bot.web.door import Throttle, TooManyError, check_host, check_origin, find_address, set_cookie
from core.errors import Refused
from core.settings.http import HttpSettings

HTTPS = {"public_url": "https://callboard.example.com"}
PROXIED = {"trusted_proxies": ["10.0.0.0/8"]}


def make_request(headers: dict[str, str], peer: str = "127.0.0.1", **settings: Any) -> Request:
    house = SimpleNamespace(settings=SimpleNamespace(http=HttpSettings(**settings)))
    coded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    app = SimpleNamespace(state=SimpleNamespace(house=house))
    return Request(
        {"type": "http", "method": "POST", "headers": coded, "app": app, "client": (peer, 1), "server": ("", 8765)}
    )


@pytest.mark.parametrize(
    ("settings", "cookie"),
    [
        ({}, "callboard-8765=s; HttpOnly; Max-Age=7776000; Path=/; SameSite=lax"),
        (HTTPS, "__Host-callboard=s; HttpOnly; Max-Age=7776000; Path=/; SameSite=lax; Secure"),
    ],
)
def test_cookies(settings: dict[str, Any], cookie: str) -> None:
    response = Response()
    set_cookie(make_request({}, **settings), response, "s")
    assert response.headers["Set-Cookie"] == cookie


@pytest.mark.parametrize(
    ("peer", "forwarded", "settings", "address"),
    [
        ("192.0.2.1", "203.0.113.9", {}, "192.0.2.1"),
        ("10.0.0.2", "203.0.113.9", PROXIED, "203.0.113.9"),
        ("10.0.0.2", "1.1.1.1, 203.0.113.9", PROXIED, "203.0.113.9"),
        ("10.0.0.2", "203.0.113.9, 10.0.0.3", PROXIED, "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9", PROXIED, "192.0.2.1"),
        ("10.0.0.2", "<script>", PROXIED, "10.0.0.2"),
        ("10.0.0.2", "", PROXIED, "10.0.0.2"),
    ],
)
def test_a_proxy_is_believed_when_the_settings_say_so(
    peer: str, forwarded: str, settings: dict[str, Any], address: str
) -> None:
    assert find_address(make_request({"X-Forwarded-For": forwarded}, peer, **settings)) == address


@pytest.mark.parametrize(
    ("host", "settings", "is_ours"),
    [
        ("127.0.0.1:8765", {}, True),
        ("localhost", {}, True),
        ("[::1]:8765", {}, True),
        ("callboard.example.com", HTTPS, True),
        ("CALLBOARD.example.com:443", HTTPS, True),
        ("callboard.example.com", {}, False),
        ("localhost.evil.example", {}, False),
        ("192.0.2.1:8765", {}, False),
        ("192.0.2.1:8765", {"host": "0.0.0.0", "allow_remote": True}, True),
        ("evil.example", {"host": "0.0.0.0", "allow_remote": True}, False),
        ("box.lan:8765", {"host": "box.lan", "allow_remote": True}, True),
    ],
)
def test_names(host: str, settings: dict[str, Any], is_ours: bool) -> None:
    request = make_request({"Host": host}, **settings)
    if is_ours:
        check_host(request)
        return
    with pytest.raises(Refused, match="is not called") as caught:
        check_host(request)
    assert "public_url" in caught.value.remedy


@pytest.mark.parametrize(
    ("headers", "settings", "is_ours"),
    [
        ({}, {}, True),
        ({"Origin": "http://127.0.0.1:8765"}, {}, True),
        ({"Origin": "http://127.0.0.1:9999"}, {}, False),
        ({"Origin": "https://callboard.example.com"}, HTTPS, True),
        ({"Origin": "https://evil.example"}, HTTPS, False),
        ({"Origin": "null"}, {}, False),
        ({"Sec-Fetch-Site": "same-origin"}, {}, True),
        ({"Sec-Fetch-Site": "cross-site"}, {}, False),
    ],
)
def test_origins(headers: dict[str, str], settings: dict[str, Any], is_ours: bool) -> None:
    request = make_request({"Host": "127.0.0.1:8765", **headers}, **settings)
    if is_ours:
        check_origin(request)
        return
    with pytest.raises(Refused, match="another site"):
        check_origin(request)


def test_so_many_tries() -> None:
    throttle = Throttle(2, 60)
    for address in ("192.0.2.1", "2001:db8::1", "192.0.2.1"):
        throttle.count(address)
    throttle.count("2001:db8::ffff")
    for address in ("192.0.2.1", "2001:db8::2"):
        with pytest.raises(TooManyError):
            throttle.count(address)
