"""How often the bot may sign in at the gateway: Discord resets the token of who does it too often. Pure.

https://discord.com/developers/docs/events/gateway#session-start-limit-object
"""

from __future__ import annotations

from collections.abc import Sequence

AN_HOUR = 3_600.0
MOST_AN_HOUR = 20
_SOON = 300.0
# By how many there were within the last five minutes, whatever process it was.
_WAITS = (0.0, 0.0, 0.0, 5.0, 15.0, 30.0, 60.0, 120.0)


def keep_recent(times: Sequence[float], now: float) -> list[float]:
    """Those of the last hour. A clock that was set back does not hold anybody for longer than that."""
    return [at for at in times if 0 <= now - at < AN_HOUR]


def choose_wait(times: Sequence[float], now: float) -> float:
    """Seconds to wait before the next one."""
    recent = keep_recent(times, now)
    if len(recent) >= MOST_AN_HOUR:
        return max(recent[-MOST_AN_HOUR] + AN_HOUR - now, 0.0)
    soon = sum(now - at < _SOON for at in recent)
    return _WAITS[min(soon, len(_WAITS) - 1)]
