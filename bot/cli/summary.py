"""What is said of an agent while and after somebody waits for it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bot.cli.ask import is_permission
from core.model import Status
from core.text import one_line, plain

STYLES = {Status.DONE: "bold green", Status.FAILED: "bold red", Status.STOPPED: "bold red"}


def describe_progress(record: Mapping[str, Any], elapsed: float, activity: str = "") -> str:
    """One line: who, how it stands, since when, what it did last."""
    status = str(record.get("status", ""))
    if status == Status.QUEUED and record.get("queue_position"):
        status = f"{status}, number {record['queue_position']} in line"
    if status == Status.STUCK and record.get("reason"):
        status = f"{status}: {record['reason']}"
    parts = [f"{record.get('id', '')} {status}", describe_seconds(elapsed) if elapsed else "", activity]
    return " · ".join(one_line(part) for part in parts if part)


def describe_seconds(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def describe_end(record: Mapping[str, Any], program: str) -> list[tuple[str, str]]:
    """Lines with their styles: how it ended, the commits, how to see and take the work."""
    agent, status = one_line(str(record["id"])), str(record.get("status", ""))
    facts = [describe_seconds(float(record.get("seconds") or 0))]
    if record.get("cost") is not None:
        facts.append(f"${float(record['cost']):.2f}")
    why, _, more = str(record.get("reason") or "").partition("\n")
    reason = f": {one_line(why)}" if why and why != status else ""
    verb = "" if status == Status.NEEDS_YOU else "is "
    lines = [(f"{agent} {verb}{status}{reason} ({', '.join(facts)})", STYLES.get(Status(status), "bold yellow"))]
    lines += [(f"  {one_line(line)}", "") for line in more.splitlines()]
    if record.get("scripted"):
        lines.append(("(scripted, no model)", "dim"))
    if commits := record.get("commits") or ():
        lines += [(f"  {str(item.get('id', ''))[:10]} {one_line(str(item.get('title', '')))}", "") for item in commits]
        lines += [(line, "") for line in plain(str(record.get("diffstat") or "")).splitlines()]
        lines += [(line, "") for line in describe_taking(record, agent, program)]
    elif status == Status.DONE:
        lines.append(("  No commits: it changed nothing.", ""))
    if status in (Status.READY, Status.FAILED, Status.STOPPED):
        lines.append((f'Go on with it: {program} send {agent} "…"   What it did: {program} logs {agent}', ""))
    return lines


def describe_taking(record: Mapping[str, Any], agent: str, program: str) -> list[str]:
    """The commands that show the work and take it."""
    names = [str(record.get(name) or "") for name in ("repository", "base", "branch")]
    lines = [f"See it:  {program} diff {agent}"]
    repository, base, branch = (shlex.quote(plain(name)) for name in names)
    if all(names):
        lines.append(f"         git -C {repository} diff {base}...{branch}")
    lines.append(f"Take it: {program} accept {agent}")
    if all(names):
        lines.append(f"         git -C {repository} merge {branch}   (with {base} checked out)")
    return lines


def suggest_answer(record: Mapping[str, Any], request: Mapping[str, Any], program: str) -> str:
    """How to answer from anywhere."""
    subject = record["id"] if len(record.get("requests") or ()) == 1 else request["id"]
    if is_permission(request):
        return f"A human is needed: {program} approve {subject}   or: {program} deny {subject} REASON"
    return f'A human is needed: {program} answer {subject} "…"'
