"""The demo agent, seen by a client that breaks the rules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.demo import COMMAND, PROGRAM


class Raw:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def say(self, data: bytes) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Raw]:
    env = {"CALLBOARD_STATE": str(tmp_path), "PATH": os.environ["PATH"]}
    with subprocess.Popen(COMMAND, stdin=-1, stdout=-1, stderr=-1, env=env) as process:
        yield Raw(process)
        process.kill()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'{"id": 1, "method": "no/such"}', -32601),
        (b'{"id": 1, "method": "fs/read_text_file", "params": []}', -32601),
        (b'{"id": 1, "method": "session/new", "params": {}}', -32602),
        (b'{"id": 1, "method": "session/new", "params": {"cwd": "/", "mcpServers": 5}}', None),
        (b'{"id": 1, "method": "session/new", "params": [1]}', -32602),
        (b'{"id": 1, "method": "session/prompt", "params": {"sessionId": "x", "prompt": []}}', -32602),
        (b'{"id": 1, "method": "session/prompt"}', -32602),
        (b'{"id": 1, "method": "session/prompt", "params": [1]}', -32602),
        (b'{"id": 1, "method": 5}', -32601),
    ],
)
def test_bad_lines_are_answered(raw: Raw, line: bytes, code: int | None) -> None:
    assert raw.say(line).get("error", {}).get("code") == code
    assert raw.say(b'{"id": 2, "method": "initialize", "params": {"protocolVersion": 1}}')["result"]["agentInfo"]
    assert raw.process.stdin
    raw.process.stdin.close()
    assert raw.process.wait(10) == 0
    assert raw.process.stderr
    assert raw.process.stderr.read() == b""


@pytest.mark.parametrize(
    "line",
    [b'{"method": "session/cancel", "params": [1]}', b'{"id": 9, "result": {}}', b'{"id": [], "result": 1}', b""],
)
def test_lines_without_an_answer_do_no_harm(raw: Raw, line: bytes) -> None:
    assert raw.say(line + b'\n{"id": 2, "method": "initialize"}')["id"] == 2


@pytest.mark.parametrize("words", ["stall", "run `sleep 60`", "say nothing"])
def test_end_of_input_ends_it(raw: Raw, words: str) -> None:
    session = raw.say(b'{"id": 1, "method": "session/new", "params": {"cwd": "/", "mcpServers": []}}')["result"]
    prompt = {"sessionId": session["sessionId"], "prompt": [{"type": "text", "text": words}]}
    assert raw.process.stdin
    raw.process.stdin.write(json.dumps({"id": 2, "method": "session/prompt", "params": prompt}).encode() + b"\n")
    raw.process.stdin.close()
    assert raw.process.wait(10) == 0
    assert raw.process.stderr
    assert raw.process.stderr.read() == b""


def test_waiting_costs_nothing(raw: Raw) -> None:
    raw.say(b'{"id": 1, "method": "initialize"}')
    before = read_switches(raw.process.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        raw.process.wait(0.5)
    assert read_switches(raw.process.pid) - before <= 2  # it may still be on its way into the wait


def read_switches(number: int) -> int:
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def test_start_imports_only_what_is_fast() -> None:
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); import scripted.server; print(*sys.modules)"
    ran = subprocess.run([*COMMAND[:3], "-c", code, str(PROGRAM.parent)], check=True, capture_output=True, text=True)
    slow = {"typing", "dataclasses", "inspect", "pathlib", "subprocess", "asyncio", "threading", "logging"}
    assert slow & set(ran.stdout.replace("runpy", "").split()) == set()


def test_unknown_switch_is_refused() -> None:
    ran = subprocess.run([*COMMAND, "--no-lod"], check=False, capture_output=True, text=True, timeout=10)
    assert ran.returncode == 1
    assert "--no-load" in ran.stderr
