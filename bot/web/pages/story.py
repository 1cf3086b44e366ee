"""Events as one line each, for those who read along. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.cards import say_seconds
from core.events import CATALOGUE, Event
from core.model import Request, RequestState, Verdict

# Said by the messages, requests and updates that they are about, or of no use to anybody who reads along.
UNTOLD = frozenset(
    {
        "agent.activity",
        "agent.queued",
        "agent.reported",
        "message.queued",
        "request.opened",
        "request.reattached",
        "request.answered",
        "request.used",
        "request.expired",
        "request.withdrawn",
    }
)
Data = Mapping[str, Any]


def tell_event(event: Event) -> str:
    """One line; "" for what is not told."""
    if event.kind in UNTOLD:
        return ""
    tell = _WORDS.get(event.kind)
    return tell(event.data) if tell else CATALOGUE[event.kind].meaning


def tell_outcome(request: Request) -> str:
    """What became of a request: `approved by ada`."""
    by = f" by {request.answered_by}" if request.answered_by else ""
    if request.state is RequestState.OPEN:
        return "waits for an answer"
    if request.state is RequestState.EXPIRED:
        return "no answer in time"
    if request.state is RequestState.WITHDRAWN:
        return "no longer asked"
    said = request.text or next((one.name for one in request.options if one.id == request.choice), "")
    said = said or ", ".join(f"{name}: {value}" for name, value in request.fields.items())
    return f"{_VERDICTS.get(request.verdict, request.verdict)}{by}{f': {said}' if said else ''}"


_VERDICTS: Mapping[str, str] = {
    Verdict.ONCE: "approved",
    Verdict.AGENT: "approved for this agent",
    Verdict.DENIED: "denied",
    Verdict.ANSWERED: "answered",
    Verdict.NO_ANSWER: "no answer",
    Verdict.CANCELLED: "no longer asked",
}


def _join(*parts: Any) -> str:
    return ": ".join(str(part) for part in parts if part)


def _tell_end(data: Data) -> str:
    reason = str(data.get("stop_reason", ""))
    return f"Turn {data.get('turn', '')} ended{'' if reason == 'end_turn' else f': {reason}'}"


def _tell_done(data: Data) -> str:
    commits = data.get("commits")
    number = commits if isinstance(commits, int) else len(commits or ())
    return f"Done: {number} commit{'' if number == 1 else 's'} on {data.get('branch', '')}"


def _tell_raise(data: Data) -> str:
    added = [f"{name} {data[name]:g}" for name in ("money", "minutes", "turns", "tokens") if data.get(name)]
    return f"Budget raised: {', '.join(added)}"


_WORDS: Mapping[str, Callable[[Data], str]] = {
    "agent.setting_up": lambda data: _join("Set-up", data.get("command")),
    "agent.set_up": lambda data: f"Worktree ready after {say_seconds(float(data.get('seconds') or 0))}",
    "agent.started": lambda data: _join("Started", data.get("kind")),
    "agent.resumed": lambda data: f"{_join('Started again', data.get('why'))} (session {data.get('how', '')})",
    "agent.turn_started": lambda data: f"Turn {data.get('turn', '')} began",
    "agent.turn_ended": _tell_end,
    "agent.done": _tell_done,
    "agent.ready": lambda data: _join("Ready for a message", data.get("reason")),
    "agent.failed": lambda data: _join("Failed", data.get("reason")),
    "agent.stopped": lambda data: _join("Stopped", data.get("reason")),
    "agent.accepted": lambda data: f"Accepted: {data.get('how', '')} {data.get('target', '')}".rstrip(),
    "agent.assigned": lambda data: f"{data.get('owner', '')} owns it now",
    "agent.removed": lambda data: _join("Worktree and branch removed", data.get("lost") and f"lost {data['lost']}"),
    "agent.retried": lambda data: f"The same again: {data.get('as', '')}",
    "budget.warned": lambda data: f"{data.get('whose', '')}: {data.get('used', '')} of {data.get('limit', '')} used",
    "budget.raised": _tell_raise,
    "request.voted": lambda data: (
        f"{data.get('by', '')} approves {data.get('request', '')} ({data.get('votes', '')} of {data.get('needed', '')})"
    ),
}
