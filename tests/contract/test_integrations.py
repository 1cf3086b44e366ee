"""The exam of every integration: a new folder of integrations/ is examined without a word here."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

import integrations
from core.exam import examine_integration
from core.exam.record import check_part, list_offers, list_protocols, make_setup
from core.interfaces import Check, Door, Integration, Kind, Pace, Plain, Setup

NAMES = sorted(item.name for item in iter_modules(integrations.__path__) if item.ispkg)
# What a platform brings along, and what the bot's own parts cost: nothing of it before a factory is called.
HEAVY = (
    "acp", "aiohttp", "aiosmtplib", "apscheduler", "discord", "fastapi", "httpx", "jinja2", "pdpyras",
    "prometheus_client", "rich", "slack_bolt", "slack_sdk", "sqlalchemy", "typer", "uvicorn",
)  # fmt: skip


def load(name: str) -> Integration:
    found = import_module(f"integrations.{name}").integration
    assert isinstance(found, Integration)
    return found


def find_example(name: str) -> dict[str, Any]:
    """Values for settings that ask for something."""
    return dict(getattr(import_module(f"integrations.{name}"), "EXAMPLE", {}))


OFFERED = [(name, offer) for name in NAMES for offer in list_offers(load(name))]


def test_the_exam_knows_the_interfaces() -> None:
    assert {"chat", "notifier", "oncall", "runtime", "host", "repositories"} <= set(list_protocols())
    assert len(NAMES) >= 5
    assert {("local", "host"), ("local", "repositories"), ("acp", "runtime"), ("terminal", "chat")} <= set(OFFERED)


@pytest.mark.parametrize("name", NAMES)
async def test_it_passes(name: str, tmp_path: Path) -> None:
    assert load(name).name == name
    await examine_integration(load(name), tmp_path, find_example(name))


@pytest.mark.parametrize(("name", "offer"), OFFERED)
async def test_what_it_makes_fits_its_interface(name: str, offer: str, tmp_path: Path) -> None:
    item = load(name)
    check_part(item, offer, make_setup(item, tmp_path, find_example(name)))


@pytest.mark.parametrize("name", NAMES)
def test_it_imports_nothing_heavy_and_no_neighbour(name: str) -> None:
    script = f"import sys; import integrations.{name}; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.split()
    assert [module for module in loaded if module.partition(".")[0] in HEAVY] == []
    neighbours = [module for module in loaded if module.startswith("integrations.") and module.split(".")[1] != name]
    assert neighbours == []
    assert [module for module in loaded if module.partition(".")[0] in ("bot", "scheduler")] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_docstring(name: str) -> None:
    assert import_module(f"integrations.{name}").__doc__


def test_no_two_offer_the_same_kind() -> None:
    names = [kind.name for name in NAMES for kind in load(name).kinds]
    assert len(set(names)) == len(names)


# --------------------------------------------------------------------------------------- the exam can be failed


class Bare(BaseModel):
    """Settings that do not say what they are for."""

    model_config = ConfigDict(extra="forbid")
    token: str = ""


class Open(BaseModel):
    """Settings that take whatever is written."""

    token: str = Field("", description="a token")


@dataclass
class Slow:
    """A notifier that does not wait."""

    def notify(self, address: str, reply: object, key: str) -> str:
        return key


@dataclass
class Other:
    """A notifier that wants something else."""

    async def notify(self, reply: object, address: str, key: str) -> str:
        return key


@dataclass
class More:
    """A notifier that wants something more."""

    async def notify(self, address: str, reply: object, key: str, urgency: int) -> str:
        return key


@dataclass
class Nothing:
    """No notifier."""


def make_slow(_setup: Setup) -> Any:
    return Slow()


def make_other(_setup: Setup) -> Any:
    return Other()


def make_more(_setup: Setup) -> Any:
    return More()


def make_nothing(_setup: Setup) -> Any:
    return Nothing()


def make_unsaid(_setup):  # type: ignore[no-untyped-def]
    return Slow()


async def look_away(_setup: Setup) -> list[Check]:
    return [Check("token", False, "it is not valid")]


async def handle(request: Plain) -> Plain:
    return request


def open_doors(_setup: Setup) -> list[Door]:
    return [Door("/events", lambda _: None, handle), Door("/events", lambda _: None, handle)]


def open_odd_door(_setup: Setup) -> list[Door]:
    return [Door("events?x=1", lambda _: None, handle)]


GOOD = Integration("sample", "An integration that does nothing.")
KIND = Kind("lines", ("lines",), "an agent")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "Sample"}, "small letters"),
        ({"about": "short"}, "what it is about"),
        ({"about": "It says\non two lines."}, "on one line"),
        ({"pace": Pace(-1)}, "pace"),
        ({"settings": lambda: Bare}, "description"),
        ({"settings": lambda: Open}, "unknown keys"),
        ({"notifier": make_unsaid}, "says what it makes"),
        ({"notifier": make_slow}, "waits as its interface does"),
        ({"notifier": make_other}, "takes what its interface says"),
        ({"notifier": make_more}, "has a default"),
        ({"notifier": make_nothing}, "notify is there"),
        ({"kinds": (KIND, KIND)}, "same name"),
        ({"kinds": (replace(KIND, name="Lines!"),)}, "small letters"),
        ({"kinds": (replace(KIND, command=()),)}, "has a command"),
        ({"kinds": (replace(KIND, sign_in=("TOKEN",), install="x"),)}, "reaches the agent"),
        ({"kinds": (replace(KIND, env=("TOKEN",), sign_in=("TOKEN",)),)}, "how it is installed"),
        ({"kinds": (replace(KIND, env=("A B",)),)}, "variables have names"),
        ({"checks": look_away}, "says what to do"),
        ({"doors": open_doors}, "same path"),
        ({"doors": open_odd_door}, "is a path"),
    ],
)
async def test_a_record_with_a_fault_fails(changes: dict[str, Any], fault: str, tmp_path: Path) -> None:
    await examine_integration(GOOD, tmp_path)
    with pytest.raises(AssertionError, match=fault):
        await examine_integration(replace(GOOD, **changes), tmp_path)
