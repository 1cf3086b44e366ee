"""Ids. Short enough to read aloud, and random where a guess must not hit."""

from __future__ import annotations

import secrets

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def make_id(prefix: str, length: int = 10) -> str:
    """`prefix-` and `length` random letters (5 bits each), without look-alikes."""
    return f"{prefix}-{''.join(secrets.choice(_LETTERS) for _ in range(length))}"
