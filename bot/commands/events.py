"""Events: what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from bot.commands.later import import_later
from bot.commands.parameters import AgentId, Count, Duration, Shown, Word
from bot.commands.registry import command
from core.errors import BadInput
from core.messages import Reply, Table

if TYPE_CHECKING:
    from bot.commands.context import Context
    from core import events as known
    from core.store import events as stored
else:
    known = import_later("core.events")
    stored = import_later("core.store.events")


@command(
    "events",
    "Show what happened",
    synonyms=("history",),
    examples=("events --since 2h --kind agent.failed", "events --agent sample-1"),
)
async def list_happened(
    ctx: Context,
    *,
    since: Annotated[Duration, "How far back, like 2h."] | None = None,
    kind: Annotated[Word, Shown("KIND"), "Only this kind, like agent.failed or agent.*"] = "",
    agent: Annotated[AgentId, "Only of this agent."] = "",
    limit: Annotated[Count, "How many of the last ones."] = 100,
) -> Reply:
    check_kind(kind)
    start = ctx.now - since if since else None
    async with ctx.read() as tx:
        found = await stored.list_events(
            tx, since=start, kinds=(kind,) if kind else (), agent=agent, limit=max(1, min(limit, 10_000)), newest=True
        )
    rows = [(f"{event.at:%Y-%m-%d %H:%M:%S}Z", event.kind, event.agent, _say_data(event)) for event in found]
    table = Table(("at", "kind", "agent", "data"), rows) if rows else None
    text = "" if rows else "Nothing of that kind happened."
    return Reply(text=text, table=table, data={"events": [write_event(event) for event in found]})


def check_kind(kind: str) -> None:
    """Raises BadInput for a kind of event that there is not."""
    names = list(known.CATALOGUE)
    if kind and kind not in names and not (kind.endswith(".*") and any(n.startswith(kind[:-1]) for n in names)):
        raise BadInput(f"There is no kind of event {kind!r}.", remedy=f"Kinds: {', '.join(names)}.")


def _say_data(event: known.Event) -> str:
    return say_data(event.data)[:200]


def say_data(data: Mapping[str, Any]) -> str:
    """An event's data in plain words, without what is empty."""
    return ", ".join(f"{name}: {_say_value(value)}" for name, value in data.items() if value not in ("", None, [], {}))


def _say_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return f"({say_data(value)})"
    if isinstance(value, list | tuple):
        return ", ".join(_say_value(item) for item in value)
    return str(value)


def write_event(event: known.Event) -> dict[str, object]:
    """An event as plain JSON."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "agent": event.agent,
        "project": event.project,
        "actor": event.actor,
        "data": dict(event.data),
    }
