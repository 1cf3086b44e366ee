"""Which events people are told of at once, and in which words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.events import Event
from core.messages import Reply
from core.model import Agent, Lane
from core.prompts import title_task

Notice = tuple[Lane, Reply]
_LONGEST = 600


def write_notice(event: Event, agent: Agent) -> Notice | None:
    """What the agent's place hears of an event; None when the card alone shows it."""
    write = _NOTICES.get(event.kind)
    return write(event, agent) if write else None


def _cut(event: Event, name: str) -> str:
    return _shorten(str(event.data.get(name, "")))


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _say_why(event: Event) -> str:
    """The first line of a reason: the card shows the others."""
    return _shorten(str(event.data.get("reason", "")).partition("\n")[0])


def _ask(event: Event, agent: Agent) -> Notice:
    kind, title = event.data.get("kind"), _cut(event, "title")
    how = f"`approve {agent.id}`, `deny {agent.id}`" if kind == "permission" else f'`answer {agent.id} "…"`'
    what = "asks for permission" if kind == "permission" else "asks"
    takes = f"; it takes {_cut(event, 'takes')}" if event.data.get("takes") else ""
    data = {"agent": agent.id, "tone": "asking"}
    return Lane.HUMAN, Reply(text=f"{agent.id} {what}: {title}{takes}", data=data, hint=how)


def _done(event: Event, agent: Agent) -> Notice:
    commits = event.data.get("commits", 0)
    work = (
        f"{commits} commit{'' if commits == 1 else 's'} on {event.data.get('branch', '')}" if commits else "no change"
    )
    text = f"{agent.id} is done: {title_task(agent.task)} ({work})"
    return Lane.NORMAL, Reply(text=text, data={"agent": agent.id, "tone": "good"})


def _failed(event: Event, agent: Agent) -> Notice:
    text, hint = f"{agent.id} failed: {_say_why(event)}", f"`logs {agent.id}`, `retry {agent.id}`"
    return Lane.HUMAN, Reply(text=text, data={"agent": agent.id, "tone": "bad"}, hint=hint)


def _ready(event: Event, agent: Agent) -> Notice:
    text, hint = f"{agent.id} stopped short of finishing: {_say_why(event)}", f"`send {agent.id} …`"
    return Lane.HUMAN, Reply(text=text, data={"agent": agent.id, "tone": "asking"}, hint=hint)


def _expired(event: Event, agent: Agent) -> Notice:
    text = f"{agent.id} got no answer to {event.data.get('request', '')} in time and goes on without"
    return Lane.HUMAN, Reply(text=text, data={"agent": agent.id, "tone": "asking"})


def _warned(event: Event, agent: Agent) -> Notice:
    data = event.data
    share = f"{float(data.get('share', 0)):.0%}"
    text = f"{agent.id}: {data.get('whose')} is {share} used: {data.get('used')} of {data.get('limit')}"
    return Lane.NORMAL, Reply(text=text, data={"agent": agent.id, "tone": "asking"})


_NOTICES: Mapping[str, Callable[[Event, Agent], Notice]] = {
    "request.opened": _ask,
    "request.expired": _expired,
    "agent.done": _done,
    "agent.failed": _failed,
    "agent.ready": _ready,
    "budget.warned": _warned,
}
