"""Rate limits: so many calls of a method a minute in a workspace, posts also one a second in a channel."""

from __future__ import annotations

import math
from collections import defaultdict, deque

from tests.fakes.slack.records import Call

# Calls a minute. Slack lets bursts pass above; here they are exact. `auth.test` and `apps.connections.open` are free.
TIERS = {2: 20, 3: 50, 4: 100}
METHODS = {
    2: ("chat.startStream", "chat.stopStream", "usergroups.list", "usergroups.users.list"),
    3: (
        "chat.update",
        "chat.delete",
        "conversations.replies",
        "conversations.history",
        "conversations.info",
        "conversations.open",
        "conversations.join",
        "users.lookupByEmail",
        "team.info",
        "bots.info",
        "reactions.add",
    ),
    4: (
        "chat.appendStream",
        "chat.postEphemeral",
        "users.info",
        "views.open",
        "views.push",
        "views.update",
        "views.publish",
        "files.getUploadURLExternal",
        "files.completeUploadExternal",
        "files.info",
    ),
}
MINUTE, SECOND = 60.0, 1.0


class Pace:
    """`limits` maps a method to its calls a minute, 0 for no limit. `posts` switches one post a second a channel."""

    def __init__(self) -> None:
        self.limits = {method: TIERS[tier] for tier, methods in METHODS.items() for method in methods}
        self.posts = False
        self._taken: dict[str, deque[float]] = defaultdict(deque)

    def take(self, call: Call, now: float) -> int:
        """0 when the call may pass, which counts; else the seconds to wait."""
        windows = []
        if limit := self.limits.get(call.method, 0):
            windows.append((call.method, limit, MINUTE))
        if self.posts and call.method == "chat.postMessage":
            windows.append((f"posts {call.channel}", 1, SECOND))
        wait = max((self._measure(*window, now) for window in windows), default=0)
        for key, _, _ in windows if not wait else ():
            self._taken[key].append(now)
        return wait

    def _measure(self, key: str, limit: int, seconds: float, now: float) -> int:
        taken = self._taken[key]
        while taken and taken[0] <= now - seconds:
            taken.popleft()
        return max(1, math.ceil(taken[0] + seconds - now)) if len(taken) >= limit else 0
