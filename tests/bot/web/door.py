"""The whole bot behind its real HTTP door, and callers of every role."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from core.model import Role
from core.people import ensure_person, make_token
from tests.flows.house import PATIENCE, LiveHouse

MEDIA_TYPE = "application/problem+json"


class Door(LiveHouse):
    """A bot with default settings; `call` sends anything."""

    async def make_token(
        self, role: Role, cap: Role | None = None, lasts: timedelta | None = None, label: str = "test"
    ) -> str:
        """A token of a person with this role."""
        now = self.bot.clock.now()
        async with self.bot.database.transaction() as tx:
            person = await ensure_person(tx, f"test:{role.name}", role.name.lower(), role, now)
            return await make_token(tx, person, cap or role, label, now, now + lasts if lasts else None)

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """A call under /api/v1; `token` "" sends none, None the one of run.json."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("/api/") else f"/api/v1{path}"
        if token != "":
            return await self.http.request(method, url, headers=sent, **options)
        async with httpx.AsyncClient(base_url=self.http.base_url, timeout=30) as stranger:
            return await stranger.request(method, url, headers=sent, **options)

    async def command(self, name: str, caller: str | None = None, key: str = "", **arguments: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return await self.call(
            "POST", f"/commands/{name}", token=caller, headers=headers, json={"arguments": arguments}
        )

    async def until_asked(self, agent: str, times: int) -> None:
        """Wait until an agent has asked that often."""
        bells, topic = self.bot.database.bells, f"agent:{agent}"
        async with asyncio.timeout(PATIENCE):
            while heard := bells.listen(topic) + 1:
                if len(await self.events("request.opened", agent)) >= times:
                    return
                await bells.wait(topic, heard - 1, 1.0)

    async def list_agents(self) -> list[str]:
        return [agent["id"] for agent in (await self.call("GET", "/agents")).json()["agents"]]

    @contextlib.asynccontextmanager
    async def nothing_spawned(self) -> AsyncIterator[None]:
        """No agent is there afterwards that was not there before."""
        before = await self.list_agents()
        yield
        assert await self.list_agents() == before

    @contextlib.asynccontextmanager
    async def follow(self, last: int | None = None, **query: Any) -> AsyncIterator[Stream]:
        """An open stream of events."""
        headers = {**self.http.headers, **({} if last is None else {"Last-Event-ID": str(last)})}
        url = self.http.base_url.join("/api/v1/events/stream")
        async with (
            httpx.AsyncClient(headers=headers, timeout=30) as client,
            client.stream("GET", url, params=query) as response,
        ):
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Stream(response.aiter_lines())


@dataclass
class Stream:
    """Server-sent events, one by one."""

    lines: AsyncIterator[str]

    async def read(self) -> tuple[int, str, dict[str, Any]]:
        """The next event: id, kind and data. Raises StopAsyncIteration at the end."""
        found: dict[str, str] = {}
        async for line in self.lines:
            name, _, value = line.partition(": ")
            if line and name:
                found[name] = value
            elif "id" in found:
                return int(found["id"]), found["event"], json.loads(found["data"])
        raise StopAsyncIteration

    async def read_to_end(self) -> list[int]:
        """The ids until the bot closes the stream."""
        seen = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                seen.append((await self.read())[0])
        return seen

    async def read_until(self, last: int) -> list[int]:
        """The ids up to one."""
        seen = []
        while not seen or seen[-1] < last:
            seen.append((await self.read())[0])
        return seen


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """An error as people and programs can read it, and nothing of our insides."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["content-type"] == MEDIA_TYPE
    assert "Traceback" not in response.text
    assert 'File "' not in response.text
    body = dict(response.json())
    assert set(body) == {"type", "title", "status", "detail", "code", "remedy"}
    assert (body["code"], body["status"]) == (code, status), body
    assert body["detail"]
    return body
