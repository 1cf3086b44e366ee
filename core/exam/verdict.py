"""How an exam says no, whatever Python's switches are."""

from __future__ import annotations


def demand(holds: object, what: str) -> None:
    """Raises AssertionError, with what was demanded, when it does not hold."""
    if not holds:
        raise AssertionError(what)


def demand_equal(found: object, wanted: object, what: str) -> None:
    """Raises AssertionError, with both, when they differ."""
    demand(found == wanted, f"{what}: {found!r} is not {wanted!r}")
