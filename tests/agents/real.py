"""Real coding agents, made ready to run against a scripted model: a command and the whole environment for it.

Their homes are private, their keys are made up, and everything that would reach for the internet is turned off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parent / ".cache"
KEY = "made-up-key"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True, slots=True)
class RealAgent:
    """What a kind in the settings needs: `command` and `env` (the whole environment, nothing is inherited)."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]


def find_program(name: str) -> str:
    return str(CACHE / "bin" / name)


def explain_absence() -> str:
    """Why the agents cannot run here, "" when they can."""
    wanted = Path(__file__).with_name("package.json").read_text()
    installed = CACHE / "installed.json"
    if installed.exists() and installed.read_text() == wanted:
        return ""
    return "the coding agents are not installed: run `sh tests/agents/install.sh` (needs npm)"


def make_env(home: Path, url: str) -> dict[str, str]:
    scratch = home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    base = {"HOME": str(home), "TMPDIR": str(scratch), "PATH": f"{CACHE / 'bin'}:/usr/local/bin:/usr/bin:/bin"}
    plain = {"LANG": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return {**base, **plain, **dict.fromkeys(PROXIES, url)}


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def pretend_installed(folder: Path, package: str) -> None:
    """opencode asks npm for this package at its start unless the lock in its folder names it; no flag stops that."""
    root = {"dependencies": {package: "*"}}
    write_json(folder / "package.json", root)
    write_json(folder / "package-lock.json", {"lockfileVersion": 3, "packages": {"": root}})
    (folder / "node_modules").mkdir(exist_ok=True)


def make_gemini(home: Path, url: str) -> RealAgent:
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "model": {"name": "gemini-2.5-flash"},
    }
    write_json(home / ".gemini/settings.json", settings)
    keys = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_NO_RELAUNCH": "true"}
    command = [find_program("node"), find_program("gemini"), "--acp"]
    return RealAgent("gemini", command, {**make_env(home, url), **keys})


def age_sessions(agent: RealAgent) -> None:
    """gemini names a session's file by the minute, and erases it when it loads the session in that same minute."""
    for file in Path(agent.env["HOME"]).glob(".gemini/tmp/*/chats/session-*"):
        file.rename(file.with_name(f"session-2020-01-01T00-00-{file.name.rpartition('-')[2]}"))


def has_stored(agent: RealAgent) -> bool:
    """Whether a session that the agent is in the middle of can be loaded. claude writes it beside its work, and finds
    none until the person's first message is there; the others have it before they answer session/new."""
    files = Path(agent.env["HOME"]).glob(".claude/projects/*/*.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
    return agent.name != "claude" or any('"type":"user"' in line and line.endswith("\n") for line in lines)


def make_opencode(home: Path, url: str) -> RealAgent:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Scripted",
        "options": {"baseURL": f"{url}/v1", "apiKey": KEY},
        "models": {"scripted": {"name": "Scripted", "limit": {"context": 100_000, "output": 4_000}}},
    }
    config = {
        "provider": {"scripted": provider},
        "enabled_providers": ["scripted"],
        "model": "scripted/scripted",
        "small_model": "scripted/scripted",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "ask", "bash": "ask"},
    }
    pretend_installed(home / ".config/opencode", "@opencode-ai/plugin")
    off = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS", "SHARE")
    flags = {f"OPENCODE_DISABLE_{name}": "1" for name in off}
    door = {"OPENCODE_SERVER_PASSWORD": KEY}
    env = {**make_env(home, url), **flags, **door, "OPENCODE_CONFIG_CONTENT": json.dumps(config)}
    return RealAgent("opencode", [find_program("opencode"), "acp"], env)


def make_claude(home: Path, url: str) -> RealAgent:
    write_json(home / ".claude/settings.json", {"permissions": {"defaultMode": "default"}})
    keys = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    off = {
        "ENABLE_TOOL_SEARCH": "false",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }
    command = [find_program("node"), find_program("claude-agent-acp")]
    return RealAgent("claude", command, {**make_env(home, url), **keys, **off})


MAKERS: Mapping[str, Callable[[Path, str], RealAgent]] = {
    "gemini": make_gemini,
    "opencode": make_opencode,
    "claude": make_claude,
}
