"""What Prometheus reads, from the store at the moment it asks. docs/metrics.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from bot import views
from bot.house import House
from core.lifecycle import ENDS
from core.model import Delivery, DeliveryState, InboxItem, Lane, Outcome, Request, RequestState, Status, Timer
from core.store import count, last_seq
from core.store.fleet import count_outcomes, list_agents
from core.store.usage import sum_projects

METRICS: Mapping[str, str] = {
    "agent_active": "Agents that work or wait for a human now.",
    "agent_stuck": "Agents whose turn is silent for too long.",
    "agent_count": "Agents that were not removed, by status.",
    "cost_dollars": "US dollars that agents reported today, by project.",
    "request_open": "Requests that wait for a person.",
    "delivery_waiting": "Messages that are not delivered yet, by lane.",
    "delivery_failed": "Messages that could not be delivered.",
    "inbox_waiting": "Calls that were stored and not done yet.",
    "timer_waiting": "Promises for a later time.",
    "event_last": "Place of the newest event in the sequence.",
    "event_loop_lag_seconds": "The longest delay of the event loop since the last scrape.",
}
_ACTIVE = (Status.WORKING, Status.NEEDS_YOU, Status.STUCK)


async def write_metrics(house: House, lag: float) -> bytes:
    """The metrics in Prometheus' text format."""
    async with house.database.reading() as tx:
        sights = await views.see_agents(tx, house, await list_agents(tx, outcome=Outcome.NONE, limit=100_000))
        by_status = Counter(sight.status for sight in sights)
        for outcome, number in (await count_outcomes(tx)).items():
            if outcome is not Outcome.NONE:
                by_status[ENDS[outcome]] = number
        waiting = {lane: await count(tx, Delivery, state=DeliveryState.WAITING, lane=lane) for lane in Lane}
        costs = await sum_projects(tx, house.day)
        plain = {
            "agent_active": sum(by_status[status] for status in _ACTIVE),
            "agent_stuck": by_status[Status.STUCK],
            "request_open": await count(tx, Request, state=RequestState.OPEN),
            "delivery_failed": await count(tx, Delivery, state=DeliveryState.FAILED),
            "inbox_waiting": await count(tx, InboxItem, handled_at=None),
            "timer_waiting": await count(tx, Timer),
            "event_last": await last_seq(tx),
            "event_loop_lag_seconds": lag,
        }
    families = [_gauge(name, "", {"": value}) for name, value in plain.items()]
    families.append(_gauge("agent_count", "status", {status.value: by_status[status] for status in Status}))
    families.append(_gauge("cost_dollars", "project", costs))
    families.append(_gauge("delivery_waiting", "lane", {lane.value: number for lane, number in waiting.items()}))
    return _render(families)


def _gauge(name: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, METRICS[name], labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family


def _render(families: Iterable[Metric]) -> bytes:
    class Snapshot:
        def collect(self) -> Iterable[Metric]:
            return families

    registry = CollectorRegistry()
    registry.register(Snapshot())
    return generate_latest(registry)
