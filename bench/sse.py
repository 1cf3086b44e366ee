"""`python -m bench.sse`: server-sent events with starlette and uvicorn, and nothing behind them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from bench.append import append_steadily


class Log:
    """All events so far, and a bell."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.bell = asyncio.Event()

    async def append(self, count: int) -> None:
        for number in range(count):
            at = datetime.now(UTC).isoformat()
            body = {"seq": len(self.lines), "kind": "agent.activity", "at": at, "data": {"what": f"step {number}"}}
            code = json.dumps(body, separators=(",", ":"))
            self.lines.append(f"id: {len(self.lines)}\nevent: agent.activity\ndata: {code}\n\n".encode())
        self.bell.set()
        self.bell = asyncio.Event()

    async def follow(self, _request: Request) -> StreamingResponse:
        return StreamingResponse(self._read(len(self.lines)), media_type="text/event-stream")

    async def _read(self, seen: int) -> AsyncIterator[bytes]:
        while True:
            fresh = self.lines[seen:]
            seen += len(fresh)
            if fresh:
                yield b"".join(fresh)
            else:
                await self.bell.wait()


async def serve(home: Path) -> None:
    log = Log()
    app = Starlette(routes=[Route("/api/v1/events/stream", log.follow)])
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(512)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        appending = asyncio.create_task(append_steadily(home, log.append))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[sock]))
        (home / "run.json").write_text(json.dumps({"url": url, "token": "none"}))
        await serving
    appending.cancel()


if __name__ == "__main__":
    asyncio.run(serve(Path(os.environ["CALLBOARD_HOME"])))
