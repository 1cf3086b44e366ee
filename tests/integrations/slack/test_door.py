"""Signed HTTP: what Slack signed goes in, nothing else does, and nothing that is sent breaks it."""

from __future__ import annotations

import hashlib
import hmac
import random
import string

import pytest

from core.errors import Refused
from core.interfaces import Plain
from integrations.slack.door import check_signature

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_700_000_000


def sign(body: bytes, stamp: str = str(NOW), secret: str = SECRET) -> Plain:
    said = f"v0:{stamp}:".encode() + body
    signature = "v0=" + hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()
    return Plain({"x-slack-request-timestamp": stamp, "x-slack-signature": signature}, body)


def test_what_slack_signed_goes_in() -> None:
    for age in (-300, 0, 300):
        check_signature(sign(b"payload=%7B%7D", str(NOW + age)), SECRET, NOW)


@pytest.mark.parametrize(
    "plain",
    [
        sign(b"x", str(NOW - 301)),
        sign(b"x", str(NOW + 301)),
        sign(b"x", secret="other"),
        Plain(sign(b"x").headers, b"y"),
        Plain({}, b"x"),
        Plain({"x-slack-request-timestamp": "soon", "x-slack-signature": "v0=" + "a" * 64}, b"x"),
        Plain({"x-slack-request-timestamp": str(NOW), "x-slack-signature": "v0=ü"}, b"x"),
        Plain({"x-slack-request-timestamp": "9" * 5_000, "x-slack-signature": "v0=" + "a" * 64}, b"x"),
        Plain({"x-slack-request-timestamp": "²", "x-slack-signature": "v0=" + "a" * 64}, b"x"),
    ],
)
def test_nothing_else_does(plain: Plain) -> None:
    with pytest.raises(Refused):
        check_signature(plain, SECRET, NOW)


def test_forged_requests() -> None:
    """S2: whatever stands in the headers is refused, and raises nothing else."""
    dice = random.Random(2)
    letters = string.printable + "üßé\x00\u202e²"
    for _ in range(20_000):
        stamp = dice.choice([str(NOW), "".join(dice.choices(letters, k=dice.randrange(14)))])
        mark = dice.choice(["v0=", "v1=", ""])
        signature = mark + "".join(dice.choices(dice.choice([letters, "0123456789abcdef"]), k=dice.choice([64, 63, 0])))
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        with pytest.raises(Refused):
            check_signature(Plain(headers, b"x"), SECRET, NOW)
