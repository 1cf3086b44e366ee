"""Ids. Short enough to read aloud, and random where a guess must not hit."""

from __future__ import annotations

import hashlib
import re
import secrets

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_CONCEALED = re.compile(r"code:[0-9a-f]{64}")


def make_id(prefix: str, length: int = 10) -> str:
    """`prefix-` and `length` random letters (5 bits each), without look-alikes."""
    return f"{prefix}-{''.join(secrets.choice(LETTERS) for _ in range(length))}"


def conceal_code(said: str) -> str:
    """What travels, and is stored, of a code that somebody said: `code:` and a hash, the same for every spelling."""
    if _CONCEALED.fullmatch(said):
        return said
    letters = re.sub(r"[\W_]+", "", said).casefold()
    return f"code:{hashlib.sha256(letters.encode('utf-8', 'surrogatepass')).hexdigest()}"
