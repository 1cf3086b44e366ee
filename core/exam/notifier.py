"""What the spine relies on in every notifier."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import PermanentFailure, TemporaryFailure
from core.exam.sample import CARD, ODD, UNSEEN, hostile_reply, odd_reply
from core.exam.verdict import demand, demand_equal
from core.interfaces import Notifier
from core.messages import Reply

_SECRET = "s3cret-0f-the-caller"  # noqa: S105


async def examine_notifier(
    notifier: Notifier, read: Callable[[], str], address: str, wrong: str = "", *, once: bool = True
) -> None:
    """Every check of a notifier. `read` gives all that arrived at `address` so far; `wrong` is an address that it must
    refuse, if there is one; `once`: it can tell by the key what was sent before. Raises AssertionError."""
    await check_notice(notifier, read, address)
    if once:
        await check_once(notifier, read, address)
    await check_hostile(notifier, read, address)
    for number, text in enumerate(ODD):
        demand(await notifier.notify(address, odd_reply(text), f"odd-{number}"), "whatever is said can be sent")
    if wrong:
        await check_wrong(notifier, wrong)


async def check_notice(notifier: Notifier, read: Callable[[], str], address: str) -> None:
    receipt = await notifier.notify(address, Reply("web-1 is done", cards=(CARD,), secret=_SECRET), "d-1")
    demand(receipt and isinstance(receipt, str), "a notice has a receipt")
    demand("web-1 is done" in read(), "a notice arrives")
    demand(CARD.title in read(), "the titles of its cards arrive with it")
    demand(_SECRET not in read(), "what is for the caller alone is sent to nobody")


async def check_once(notifier: Notifier, read: Callable[[], str], address: str) -> None:
    first = await notifier.notify(address, Reply("once and no more"), "d-2")
    again = await notifier.notify(address, Reply("once and no more"), "d-2")
    demand_equal(again, first, "the same key has the same receipt")
    demand_equal(read().count("once and no more"), 1, "what has the same key arrives once")
    await notifier.notify(address, Reply("once and no more"), "d-3")
    demand_equal(read().count("once and no more"), 2, "another key is another notice")


async def check_hostile(notifier: Notifier, read: Callable[[], str], address: str) -> None:
    before = read()
    await notifier.notify(address, hostile_reply(), "d-4")
    said = read().removeprefix(before)
    demand(not UNSEEN & set(said), "no control character or direction mark is sent as it is")
    demand("owned" in said, "nothing is hidden")


async def check_wrong(notifier: Notifier, wrong: str) -> None:
    try:
        await notifier.notify(wrong, Reply("to nobody"), "d-5")
    except (PermanentFailure, TemporaryFailure):
        return
    raise AssertionError(f"the address {wrong!r} is refused by a PermanentFailure, or a TemporaryFailure")
