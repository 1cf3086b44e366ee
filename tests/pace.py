"""How fast this machine is just now, for limits that are meant for another."""

from __future__ import annotations

import time

# Seconds that the loop took where the limits were set.
_SET = 0.06


def measure_pace() -> float:
    """How many times slower a plain loop runs than where the limits were set; at least 1."""
    before, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return max(1.0, (time.process_time() - before) / _SET)
