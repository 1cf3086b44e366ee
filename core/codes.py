"""Codes that are said once, in a chat: to become its first admin, or to join an identity to a person. Only hashes are
kept of them, and whoever says wrong ones is not heard for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from core.errors import Refused
from core.ids import LETTERS, conceal_code
from core.store import Transaction, change, find, get, insert, remove, take_numbers, upsert
from core.store.visits import forget_codes, forget_tries
from core.visits import Code, Purpose, Tries

LASTS = {Purpose.CLAIM: timedelta(minutes=60), Purpose.LINK: timedelta(minutes=10)}
MOST_WRONG = 5
AGAIN = timedelta(minutes=15)
_LETTERS = 12
_GROUP = 4


async def make_code(tx: Transaction, purpose: Purpose, person: str, now: datetime) -> str:
    """A new code in the place of earlier ones of the same person for the same; the one time it is seen."""
    await void_codes(tx, purpose, person)
    letters = "".join(secrets.choice(LETTERS) for _ in range(_LETTERS)).upper()
    code = "-".join(letters[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))
    await insert(tx, Code(digest_code(code), purpose, person, now, now + LASTS[purpose]))
    return code


async def void_codes(tx: Transaction, purpose: Purpose, person: str) -> None:
    """Take back what was not said yet."""
    await remove(tx, Code, purpose=purpose, person=person, used_at=None)


async def use_code(tx: Transaction, purpose: Purpose, said: str, who: str, now: datetime) -> Code | None:
    """The code that somebody said, used up with it; None for one that does not hold, or when they said too many wrong
    ones, which is counted: the caller commits it. Of two who say one at once the second is wrong."""
    await take_numbers(tx, "codes")
    tries = await get(tx, Tries, who=who)
    if tries is None or now - tries.since >= AGAIN:
        tries = Tries(who, 0, now)
    found = await _find_code(tx, purpose, said, now) if tries.wrong < MOST_WRONG else None
    if found and await change(tx, Code, {"digest": found.digest, "used_at": None}, used_at=now, used_by=who) == 1:
        await remove(tx, Tries, who=who)
        return found
    await upsert(tx, Tries(who, tries.wrong + 1, tries.since), "who")
    return None


async def _find_code(tx: Transaction, purpose: Purpose, said: str, now: datetime) -> Code | None:
    digest, found = digest_code(said), None
    # All are looked at, whichever fits: how long it takes tells nothing.
    for code in await find(tx, Code, purpose=purpose, used_at=None):
        if hmac.compare_digest(code.digest, digest) and now < code.expires_at:
            found = code
    return found


def digest_code(said: str) -> str:
    """What is kept of a code, whether it comes as it was said or as it travels."""
    return hashlib.sha256(conceal_code(said).encode()).hexdigest()


def refuse_code(again: str) -> Refused:
    """The same for every code that does not hold; `again` says how there is another."""
    minutes = round(AGAIN.total_seconds() / 60)
    remedy = f"A code is of use once, and not for long. {again} After {MOST_WRONG} wrong ones, wait {minutes} minutes."
    return Refused("This code does not hold.", remedy=remedy)


async def forget_old_codes(tx: Transaction, now: datetime) -> None:
    """Delete codes that are over, and counts that hold nobody off any more."""
    await forget_codes(tx, now - max(LASTS.values()))
    await forget_tries(tx, now - AGAIN)
