"""Who may import whom: DESIGN's picture, held by reading the source. Late imports count like the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOMS, ROOT, Import, Source, find_imports, is_within, list_imports, list_sources

CORE_LIBRARIES = ("pydantic", "pydantic_core", "pydantic_settings", "yaml", "dotenv", "structlog")
STORE_LIBRARIES = ("sqlalchemy", "alembic", "aiosqlite", "psycopg")
# What integrations may know of the core: contracts, settings, and small pure text.
SEEN_BY_INTEGRATIONS = (
    "core.interfaces",
    "core.messages",
    "core.model",
    "core.events",
    "core.errors",
    "core.files",
    "core.forms",
    "core.settings",
    "core.text",
    "core.redaction",
    # What verbs of chats have in common.
    "core.walk",
)
# Each library has one home.
HOMES = {
    "acp": "integrations/acp/",
    "slack_bolt": "integrations/slack/",
    "slack_sdk": "integrations/slack/",
    "discord": "integrations/discord/",
    "aiosmtplib": "integrations/email/",
    "pdpyras": "integrations/pagerduty/",
    "apscheduler": "scheduler/",
    "fastapi": "bot/web/",
    "starlette": "bot/web/",
    "uvicorn": "bot/web/",
    "prometheus_client": "bot/web/",
    "typer": "bot/cli/",
    "rich": "bot/cli/",
    **dict.fromkeys(STORE_LIBRARIES, "core/store/"),
}
# Programs that are started once per agent: their start is paid for by every agent.
PER_AGENT = ("integrations/local/guard.py", "integrations/mcp/server.py", "integrations/demo/scripted/")
DEMO_AGENT = "integrations/demo/agent.py"
DEMO_PACKAGE = ("scripted", "integrations.demo.scripted")
SUBPROCESS_HOMES = ("integrations/local/", "integrations/bubblewrap/probe.py", *PER_AGENT)
WIRING = ("bot/app.py", "bot/parts.py", "bot/records.py")


def judge(found: Import) -> Iterator[str]:
    """Every rule that one import breaks."""
    room, module = found.path.partition("/")[0], found.module
    house_rules = {"core": judge_core, "scheduler": judge_scheduler, "integrations": judge_integration}
    if room in house_rules and found.is_house:
        yield from house_rules[room](found)
    if room == "core" and not (found.is_standard or found.is_house) and found.top not in core_libraries(found.path):
        yield f"{found}: no library for core"
    if room == "bot" and found.top == "integrations" and found.path not in WIRING:
        yield f"{found}: only the wiring names integrations"
    if room == "bot" and is_within(module, "bench"):
        yield f"{found}: bench measures, nothing uses it"
    home = HOMES.get(found.top)
    if home and not found.path.startswith((home, "bench/")):
        yield f"{found}: its home is {home}"
    if found.path.startswith(PER_AGENT) and not (found.is_standard or is_within(module, *DEMO_PACKAGE)):
        yield f"{found}: programs started per agent use the standard library alone"


def core_libraries(path: str) -> tuple[str, ...]:
    return CORE_LIBRARIES + STORE_LIBRARIES if path.startswith("core/store/") else CORE_LIBRARIES


def judge_core(found: Import) -> Iterator[str]:
    if found.top != "core":
        yield f"{found}: core imports no other room"


def judge_scheduler(found: Import) -> Iterator[str]:
    if found.top not in ("core", "scheduler"):
        yield f"{found}: the scheduler knows core alone"


def judge_integration(found: Import) -> Iterator[str]:
    folder = ".".join(found.path.split("/")[:2])
    if not is_within(found.module, folder, *SEEN_BY_INTEGRATIONS):
        yield f"{found}: an integration knows the contracts of core, no neighbour"


def test_every_import_fits_the_picture() -> None:
    assert [problem for found in list_imports(*ROOMS) for problem in judge(found)] == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/agents.py", "import bot.app"),
        ("core/agents.py", "from integrations.local import git"),
        ("core/agents.py", "import httpx"),
        ("core/agents.py", "from sqlalchemy import select"),
        ("core/store/fleet.py", "from scheduler import jobs"),
        ("scheduler/sweep.py", "from bot import app"),
        ("integrations/slack/chat.py", "from core.store import Database"),
        ("integrations/slack/chat.py", "from core import agents"),
        ("integrations/slack/chat.py", "from integrations.discord import chat"),
        ("integrations/slack/chat.py", "from ..discord import chat"),
        ("integrations/slack/chat.py", "import bot"),
        ("integrations/email/mail.py", "import slack_bolt"),
        ("integrations/local/guard.py", "import structlog"),
        ("integrations/local/guard.py", "from core.errors import UserError"),
        ("integrations/local/guard.py", "from integrations.local import names"),
        ("integrations/mcp/server.py", "import mcp"),
        ("integrations/demo/scripted/turn.py", "import acp"),
        ("bot/dispatcher.py", "from integrations.local.host import LocalHost"),
        ("bot/dispatcher.py", "agents = import_later('integrations.acp')"),
        ("bot/dispatcher.py", "await asyncio.to_thread(__import__, 'acp')"),
        ("bot/views.py", "from fastapi import Request"),
    ],
)
def test_the_rules_bite(path: str, line: str) -> None:
    found = find_imports(Source(path, f"async def f():\n    {line}\n"))
    assert [problem for one in found for problem in judge(one)] != []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/agents.py", "from core.store import Database"),
        ("core/store/fleet.py", "import sqlalchemy.ext.asyncio"),
        ("integrations/slack/chat.py", "from core.interfaces import Chat"),
        ("integrations/slack/chat.py", "from slack_bolt.async_app import AsyncApp"),
        ("integrations/slack/chat.py", "from . import blocks"),
        ("bot/web/api.py", "from fastapi import Request"),
        ("bot/app.py", "from integrations.local.sample import make_sample"),
    ],
)
def test_the_rules_allow_what_is_meant(path: str, line: str) -> None:
    found = find_imports(Source(path, line))
    assert [problem for one in found for problem in judge(one)] == []


def test_the_demo_agent_names_nothing_of_the_house() -> None:
    found = [one for one in list_imports("integrations") if one.path == DEMO_AGENT]
    assert [str(one) for one in found if not one.is_standard and not is_within(one.module, *DEMO_PACKAGE)] == []


def test_one_file_knows_apscheduler() -> None:
    knowing = {found.path for found in list_imports("scheduler") if found.top == "apscheduler"}
    assert len(knowing) <= 1, knowing


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "integrations").glob("*/__init__.py")))
def test_an_integration_declares_itself_cheaply(room: str) -> None:
    """The record is read at every start, `callboard --help` included: its platform is imported by its factories."""
    (source,) = [one for one in list_sources("integrations") if one.path == f"integrations/{room}/__init__.py"]
    at_import = [node for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in at_import]
    allowed = ("core", "__future__", "typing", "collections", "pathlib", "dataclasses", "sys", "os", "shutil")
    assert [name for name in names if not is_within(name or "", *allowed)] == []


def test_processes_are_started_in_one_room() -> None:
    """Only integrations/local starts programs, and a sandbox tries itself; runtimes and commands speak to a Host."""
    assert [problem for source in list_sources(*ROOMS) for problem in find_starts(source)] == []


def find_starts(source: Source) -> Iterator[str]:
    if source.path.startswith((*SUBPROCESS_HOMES, "bench/")):
        return
    yield from (str(found) for found in find_imports(source) if is_within(found.module, "subprocess", "pty"))
    for node in ast.walk(source.tree):
        name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        if name.startswith(("create_subprocess_", "subprocess_", "exec", "spawn", "posix_spawn", "fork", "popen")):
            whole = ast.unparse(node)
            if whole.startswith(("os.", "asyncio.", "pty.", "loop.")):
                yield f"{source.path}:{node.lineno} starts a process: {whole[:60]}"


@pytest.mark.parametrize("line", ["import subprocess", "os.execv('x', [])", "asyncio.create_subprocess_exec('x')"])
def test_the_rule_about_processes_bites(line: str) -> None:
    assert list(find_starts(Source("bot/app.py", line)))
    assert not list(find_starts(Source("integrations/local/git.py", line)))


def test_no_shell_anywhere() -> None:
    assert [problem for source in list_sources(*ROOMS, "tests") for problem in find_shells(source)] == []


def find_shells(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        asked = [key for key in node.keywords if key.arg == "shell" and getattr(key.value, "value", True) is not False]
        named = ast.unparse(node.func).rpartition(".")[2] in (
            "create_subprocess_shell",
            "subprocess_shell",
            "getoutput",
        )
        if asked or named or ast.unparse(node.func) in ("os.system", "os.popen"):
            yield f"{source.path}:{node.lineno} uses a shell: {ast.unparse(node)[:60]}"


@pytest.mark.parametrize("line", ["run('x', shell=True)", "os.system('x')", "asyncio.create_subprocess_shell('x')"])
def test_the_rule_about_shells_bites(line: str) -> None:
    assert list(find_shells(Source("bot/app.py", line)))
