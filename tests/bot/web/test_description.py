"""The OpenAPI document is complete, and the API answers as it says: schemathesis tries."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.commands import agents
from bot.reference.http import describe_app
from bot.web.description import TAGS
from bot.web.problems import MEDIA_TYPE
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = ("/healthz", "/readyz", "/metrics")
ENDLESS = "/api/v1/events/stream"


def list_calls() -> list[tuple[str, str, dict[str, Any]]]:
    paths = describe_app()["paths"]
    return [(method, path, call) for path, calls in paths.items() for method, call in calls.items()]


async def test_every_call_says_what_it_is() -> None:
    calls = list_calls()
    names = [call["operationId"] for _, _, call in calls]
    assert len(set(names)) == len(names)
    for method, path, call in calls:
        assert call["summary"], path
        assert len(call["summary"]) < 80, path
        assert call["tags"] in [[name] for name in TAGS], path
        assert (path in OPEN) != bool(call.get("security")), path
        assert "422" not in call["responses"], path
        if method == "post":
            assert "Idempotency-Key" in [part["name"] for part in call["parameters"]], path


async def test_every_error_is_a_problem() -> None:
    described = describe_app()
    assert set(described["components"]["schemas"]) & {"HTTPValidationError", "ValidationError"} == set()
    assert set(described["components"]["schemas"]["Problem"]["required"]) == {"title", "status", "detail", "code"}
    for _, path, call in list_calls():
        for status, answer in call["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                assert list(answer["content"]) == [MEDIA_TYPE], (path, status)
        if path not in OPEN:
            assert {"200", "400", "401", "403", "413", "503"} <= set(call["responses"]), path


async def test_it_is_served_as_it_is_described(door: Door) -> None:
    response = await door.call("GET", "/openapi.json", token="")
    assert response.json() == json.loads(json.dumps(describe_app()))


async def test_the_api_answers_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything schemathesis checks but one: that what the schema allows is accepted. What words mean (a kind of
    agent, a chat, a request's options) is no matter of a schema. The stream of events never ends and has tests of its
    own (`test_stream`)."""
    monkeypatch.setattr(agents, "_HEARD", 0.1)
    door = Door(tmp_path / "home", {"limits": {"max_agents": 1, "queue": 2}})
    await door.start()
    token = door.http.headers["Authorization"]
    words = ["run", str(door.http.base_url.join("/api/v1/openapi.json")), "--header", f"Authorization: {token}"]
    words += ["--exclude-path", ENDLESS, "--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    words += ["--max-examples", "10", "--seed", "7", "--request-timeout", "20", "--no-color"]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *words,
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(100):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
        await door.stop()
    assert process.returncode == 0, said.decode()[-8_000:]
    assert f"Tested: {len(list_calls()) - 1}" in said.decode()
