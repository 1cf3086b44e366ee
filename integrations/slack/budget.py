"""How many edits a workspace takes a minute, and who waits. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

A_MINUTE = 60.0


@dataclass(slots=True)
class Budget:
    """At most `most` a minute, of which `kept` are for what needs somebody. Times are seconds that only grow."""

    most: int = 48
    kept: int = 10
    _spent: deque[float] = field(default_factory=deque)

    def take(self, now: float, *, urgent: bool) -> float:
        """0 and it is spent; else how long to wait before asking again."""
        while self._spent and now - self._spent[0] >= A_MINUTE:
            self._spent.popleft()
        room = self.most if urgent else self.most - self.kept
        if len(self._spent) < room:
            self._spent.append(now)
            return 0.0
        return A_MINUTE - (now - self._spent[len(self._spent) - room])
