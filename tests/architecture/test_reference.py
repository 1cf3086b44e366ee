"""Pages that are written from the code are as the code is now, and say something of everything."""

from __future__ import annotations

import re

import pytest
import yaml

from bot.commands import load_registry
from bot.reference import DOCS
from bot.reference.http import describe_app
from bot.reference.pages import PAGES
from bot.web.metrics import METRICS
from core.events import CATALOGUE
from tests.architecture.source import ROOMS, ROOT, list_sources


@pytest.mark.parametrize("page", PAGES)
def test_page_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == PAGES[page](), "run: python -m bot.reference"


def test_every_command_is_on_its_page() -> None:
    page = PAGES["reference/commands.md"]()
    assert [item.name for item in load_registry() if f"## {item.name}\n" not in page] == []


def test_every_command_has_an_example_and_every_parameter_a_help() -> None:
    silent = [f"{item.name} {part.name}" for item in load_registry() for part in item.parameters if not part.help]
    bare = [item.name for item in load_registry() if not item.examples]
    assert silent + bare == []


def test_every_call_says_what_it_does() -> None:
    described = describe_app()["paths"].items()
    silent = [
        (path, method) for path, calls in described for method, call in calls.items() if "description" not in call
    ]
    assert silent == []


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_kind_of_event_is_written_somewhere(kind: str) -> None:
    """A declared event that nothing tells is a promise nobody keeps."""
    told = [source.path for source in list_sources(*ROOMS) if f'"{kind}"' in source.text]
    made = kind.startswith("agent.") and kind.removeprefix("agent.") in ("done", "ready", "failed", "stopped")
    assert made or [path for path in told if path != "core/events.py"], kind


def test_rules_and_scrape_name_what_there_is() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text("utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    names = {name for text in expressions for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text)}
    assert names - {"min_over_time"} <= set(METRICS)
    assert {"agent_stuck", "delivery_failed"} <= names
    assert any(text.startswith("up{") for text in expressions)
    (scrape,) = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yml").read_text("utf-8"))
    assert scrape["metrics_path"] in describe_app()["paths"]
    jobs = {name for text in expressions for name in re.findall(r'job="(\w+)"', text)}
    assert jobs == {scrape["job_name"]}
