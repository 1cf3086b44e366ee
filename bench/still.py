"""`python -m bench.still`: one page with starlette and uvicorn, out of the file `page`, and nothing behind it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route


async def serve(home: Path) -> None:
    """Until it is told to end."""

    async def show(_request: Request) -> HTMLResponse:
        return HTMLResponse((home / "page").read_bytes())

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(512)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        (home / "run.json").write_text(json.dumps({"url": url, "token": "none"}))
        app = Starlette(routes=[Route("/", show)])
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        await uvicorn.Server(config).serve(sockets=[sock])


if __name__ == "__main__":
    asyncio.run(serve(Path(os.environ["CALLBOARD_HOME"])))
