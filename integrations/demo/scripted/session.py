"""A session and its file, which `session/load` brings back: the history, and the step to go on with."""

from __future__ import annotations

import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEPT = ("id", "folder", "mode", "model", "turns", "turn", "history", "cost", "tokens", "rules")
HISTORY_LIMIT = 500


def find_store() -> str:
    """The folder for state: CALLBOARD_STATE, which is the agent's own, else one in the user's cache."""
    given = os.environ.get("CALLBOARD_STATE")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return given or os.path.join(cache, "callboard-demo")


def write_file(path: str, text: str) -> None:
    """All or nothing."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


class Session:
    """`turn` is the script in hand: {text, steps, next, insist, plan, done}; it stays when a turn breaks off, so that
    the continuation prompt finds it. `rules` are commands that were allowed or rejected for good."""

    def __init__(self, number: str, folder: str, tools: list[dict[str, Any]]) -> None:
        self.id = number
        self.folder = folder
        self.tools = tools
        self.mode = "code"
        self.model = "demo-small"
        self.turns = 0
        self.turn: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.cost = 0.0
        self.tokens = 0
        self.rules: dict[str, bool] = {}

    @property
    def unfinished(self) -> bool:
        return bool(self.turn) and self.turn["next"] < len(self.turn["steps"])

    def remember(self, update: dict[str, Any]) -> None:
        self.history.append(update)
        del self.history[:-HISTORY_LIMIT]

    def save(self) -> None:
        write_file(find_path(self.id), json.dumps({name: getattr(self, name) for name in KEPT}))


def find_path(number: str) -> str:
    return os.path.join(find_store(), f"{number}.json")


def make_session(folder: str, tools: list[dict[str, Any]]) -> Session:
    return Session(f"demo-{os.urandom(8).hex()}", folder, tools)


def load_session(number: str, folder: str, tools: list[dict[str, Any]]) -> Session | None:
    """None when there is no such session, or its file cannot be read."""
    if not re.fullmatch(r"demo-[0-9a-f]{16}", number):
        return None
    try:
        with open(find_path(number), encoding="utf-8") as file:
            stored = json.load(file)
    except (OSError, ValueError):
        return None
    session = Session(number, folder, tools)
    for name in KEPT[2:]:
        setattr(session, name, stored[name])
    return session


def mark_once(folder: str, words: str) -> bool:
    """True the first time for these words in this folder, over all sessions: a rebuilt session must not start anew."""
    import hashlib  # slow to import, rarely needed

    name = hashlib.sha256(f"{folder}\n{words}".encode()).hexdigest()[:16]
    path = os.path.join(find_store(), f"once-{name}")
    if os.path.exists(path):
        return False
    write_file(path, words)
    return True
