"""One turn: plays the steps of a script, tells the client what happens, keeps the place in the session's file."""

from __future__ import annotations

import os
import sys

from .wire import Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .session import Session
    from .tools import ToolServer
    from .wire import Wire

OPTIONS = (
    {"optionId": "allow", "name": "Allow once", "kind": "allow_once"},
    {"optionId": "allow-always", "name": "Always allow this", "kind": "allow_always"},
    {"optionId": "reject", "name": "Deny", "kind": "reject_once"},
    {"optionId": "reject-always", "name": "Never allow this", "kind": "reject_always"},
)
TEXT_LIMIT = 8_000


def make_text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def cut_text(text: str) -> str:
    """The end of a long output, with a line that says how much is missing."""
    missing = len(text) - TEXT_LIMIT
    return text if missing <= 0 else f"[{missing} characters left out]\n{text[-TEXT_LIMIT:]}"


class Turn:
    """What a step works with. `servers` are the tool servers started so far, by name, kept over turns."""

    def __init__(self, wire: Wire, session: Session, client: Mapping[str, Any], servers: dict[str, ToolServer]) -> None:
        self.wire = wire
        self.session = session
        self.client = client
        self.servers = servers
        self.state = session.turn
        self._open_tools: list[str] = []
        self._entry = -1

    def play(self, actions: Mapping[str, Any]) -> str:
        """Play what is left of the script; returns the stop reason."""
        try:
            while self.session.unfinished:
                self.wire.wait(0)
                reason = self._play_step(actions)
                if reason:
                    return reason
        except Cancelled:
            self.close_tools()
            return "cancelled"
        return "end_turn"

    def _play_step(self, actions: Mapping[str, Any]) -> str | None:
        step = self.state["steps"][self.state["next"]]
        if step.get("entry", self._entry) != self._entry:
            self._entry = step["entry"]
            self.show_plan(self._entry)
        reason: str | None = actions[step["do"]](self, step)
        self.state["next"] = len(self.state["steps"]) if reason else self.state["next"] + 1
        self.save()
        return reason

    def save(self) -> None:
        try:
            self.session.save()
        except OSError as error:
            print(f"demo agent: the session cannot be stored: {error}", file=sys.stderr)

    # ------------------------------------------------------------------------------------------------ telling

    def tell(self, update: dict[str, Any], keep: bool = True) -> None:
        """Send an update; with `keep` it is replayed when the session is loaded."""
        self.wire.notify("session/update", {"sessionId": self.session.id, "update": update})
        if keep:
            self.session.remember(update)

    def say(self, text: str, keep: bool = True) -> None:
        self.tell({"sessionUpdate": "agent_message_chunk", "content": make_text(text)}, keep)

    def think(self, text: str, keep: bool = True) -> None:
        self.tell({"sessionUpdate": "agent_thought_chunk", "content": make_text(text)}, keep)

    def show_plan(self, current: int) -> None:
        names = enumerate(self.state["plan"])
        entries = [{"content": name, "priority": "medium", "status": name_status(at, current)} for at, name in names]
        self.tell({"sessionUpdate": "plan", "entries": entries})

    def note_done(self, text: str) -> None:
        self.state["done"].append(text)

    # -------------------------------------------------------------------------------------------------- tools

    def name_tool(self, action: str) -> str:
        """The same in every attempt at the same step."""
        return f"turn{self.session.turns}-step{self.state['next']}-{action}"

    def open_tool(self, call: dict[str, Any]) -> str:
        """Announce a tool call: {title, kind, rawInput, locations, …}; returns its id."""
        number = self.name_tool(call["kind"])
        self.tell({"sessionUpdate": "tool_call", "toolCallId": number, "status": "pending", **call})
        self._open_tools.append(number)
        return number

    def start_tool(self, number: str) -> None:
        self.tell({"sessionUpdate": "tool_call_update", "toolCallId": number, "status": "in_progress"})

    def close_tool(self, number: str, ok: bool, content: list[dict[str, Any]]) -> None:
        status = "completed" if ok else "failed"
        self._open_tools.remove(number)
        self.tell({"sessionUpdate": "tool_call_update", "toolCallId": number, "status": status, "content": content})

    def close_tools(self) -> None:
        for number in list(self._open_tools):
            self.close_tool(number, ok=False, content=[show_text("Cancelled.")])

    def may(self, number: str, call: dict[str, Any]) -> bool:
        """Ask for permission; twice when the words say `insist`. A rule made earlier answers for itself."""
        rule = f"{call['kind']} {call['title']}"
        if rule in self.session.rules:
            return self.session.rules[rule]
        allowed = self._ask_once(number, call, rule)
        if not allowed and self.state["insist"] and rule not in self.session.rules:
            self.say("I have to insist, so I ask once more.")
            allowed = self._ask_once(number, call, rule)
        return allowed

    def _ask_once(self, number: str, call: dict[str, Any], rule: str) -> bool:
        params = {"sessionId": self.session.id, "toolCall": {"toolCallId": number, **call}, "options": list(OPTIONS)}
        result = self.wire.ask("session/request_permission", params).get("result") or {}
        choice = str((result.get("outcome") or {}).get("optionId", ""))
        if choice.endswith("-always"):
            self.session.rules[rule] = choice.startswith("allow")
        if heard := hear_reason(result):
            self.say(f"{heard}\n")
        return choice.startswith("allow")

    # ---------------------------------------------------------------------------------------------- the folder

    def find_path(self, name: str) -> str | None:
        """The absolute path of a file in the session's folder; None when it would be outside of it or in .git."""
        root = os.path.realpath(self.session.folder)
        path = os.path.realpath(os.path.join(root, name))
        parts = os.path.relpath(path, root).split(os.sep)
        return None if {"..", ".git"} & set(parts) or parts == ["."] else path

    def read_file(self, path: str) -> str:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def hear_reason(result: dict[str, Any]) -> str:
    """What Callboard adds to an answer, since ACP has no word for it: a reason, or that nobody answered."""
    told = (result.get("_meta") or {}).get("callboard") or {}
    if told.get("outcome") == "no answer":
        return "Nobody answered."
    return f"You said: {told['reason']}" if told.get("reason") else ""


def name_status(entry: int, current: int) -> str:
    return "completed" if entry < current else "in_progress" if entry == current else "pending"


def show_text(text: str) -> dict[str, Any]:
    return {"type": "content", "content": make_text(text)}


def show_diff(path: str, old: str, new: str) -> dict[str, Any]:
    return {"type": "diff", "path": path, "oldText": old or None, "newText": new}
