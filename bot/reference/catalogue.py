"""docs/reference/events.md and metrics.md, from the two catalogues."""

from __future__ import annotations

from bot.reference.markdown import join_code, write_head, write_table
from bot.web.metrics import METRICS
from core.events import CATALOGUE

EVENTS = """Events are facts, in the past tense, in one sequence. `callboard events` shows them, `GET /api/v1/events`
and `/api/v1/events/stream` give them to programs, and each is a line of `events.jsonl`. Every event has `seq`, `kind`,
`at`, `agent`, `project`, `actor` and `data`; `data` holds the keys below."""
METRICS_ABOUT = (
    "`GET /metrics` gives them in Prometheus' text format; where others reach it, by a token. All are gauges."
)


def write_events() -> str:
    """The page of event kinds."""
    rows = [(f"`{name}`", kind.meaning, join_code(kind.data)) for name, kind in CATALOGUE.items()]
    return f"{write_head('Events', 'core/events.py', EVENTS)}\n{write_table(('kind', 'meaning', 'data'), rows)}\n"


def write_metrics() -> str:
    """The page of metrics."""
    rows = [(f"`{name}`", meaning) for name, meaning in METRICS.items()]
    head = write_head("Metrics", "bot/web/metrics.py", METRICS_ABOUT)
    return f"{head}\n{write_table(('name', 'meaning'), rows)}\n"
