"""The HTTP server in the bot's own loop: the app, its socket, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from bot.commands.registry import Registry
from bot.dispatcher import Dispatcher
from bot.house import House
from bot.web.access import OPENAPI, Gate, admit_caller
from bot.web.api import router
from bot.web.description import install_description, name_operation
from bot.web.feed import Feed
from bot.web.hooks import router as hooks
from bot.web.metrics import write_metrics
from bot.web.pages import install_pages
from bot.web.problems import install_problems, list_problems
from bot.web.shapes import Health
from core.errors import ConfigurationError
from core.version import VERSION

log = structlog.get_logger()


def make_app(house: House, dispatcher: Dispatcher, registry: Registry, feed: Feed, lag: LoopLag) -> FastAPI:
    """The one FastAPI app. Pages and doors are added to it."""
    app = FastAPI(
        title="Callboard",
        description="Runs coding agents as a team. Everything under /api takes a bearer token.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
        generate_unique_id_function=name_operation,
    )
    app.state.house, app.state.dispatcher, app.state.registry, app.state.feed = house, dispatcher, registry, feed
    install_problems(app)
    app.include_router(router)
    app.include_router(hooks)
    install_pages(app)
    app.add_middleware(Gate)
    install_description(app)

    @app.get("/healthz", tags=["process"])
    async def healthz() -> Health:
        """The process answers."""
        return Health(status="ok")

    @app.get("/readyz", response_model=Health, responses={503: {"model": Health}}, tags=["process"])
    async def readyz() -> JSONResponse:
        """200 only when agents can be spawned; else 503 with the reasons."""
        reasons = house.can_spawn()
        health = Health(status="not ready" if reasons else "ready", reasons=reasons)
        return JSONResponse(health.model_dump(), 503 if reasons else 200)

    @app.get("/metrics", response_class=PlainTextResponse, responses=list_problems("try_again"), tags=["process"])
    async def metrics(request: Request) -> Response:
        """For Prometheus. Whoever can be asked from elsewhere asks for a token first."""
        if house.settings.http.is_shared:
            await admit_caller(house, request.headers)
        return Response(await write_metrics(house, lag.take()), media_type="text/plain; version=0.0.4")

    return app


class LoopLag:
    """How late the event loop wakes up, at worst, since it was last asked."""

    _EVERY = 0.5
    _STOOD_STILL = 3.0

    def __init__(self) -> None:
        self._worst = 0.0

    def take(self) -> float:
        """The worst delay in seconds; begins anew."""
        worst, self._worst = self._worst, 0.0
        return worst

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._EVERY
            await asyncio.sleep(self._EVERY)
            late = loop.time() - due
            self._worst = max(self._worst, late)
            if late > self._STOOD_STILL:
                log.warning("the loop stood still: nothing was heard or answered meanwhile", seconds=round(late, 1))


def bind_socket(host: str, port: int) -> socket.socket:
    """Take the address. Raises ConfigurationError when it is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio sets TCP_NODELAY on nothing else, and each answer would wait 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        taken = error.errno == errno.EADDRINUSE
        what = "is taken by another program" if taken else f"cannot be listened on ({error.strerror or error})"
        remedy = "Stop that program, or choose another port: callboard up --port 8766" if taken else ""
        raise ConfigurationError(f"{host}:{port} {what}.", where="http.port", remedy=remedy) from error
    return sock


class WebServer(uvicorn.Server):
    """uvicorn, without its hold on signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the bot's."""
        yield


def make_server(app: FastAPI) -> WebServer:
    """The server for an app; `serve(sockets=[…])` runs it until `should_exit`."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        http="h11",
        ws="none",
        headers=[("X-Content-Type-Options", "nosniff")],
        timeout_graceful_shutdown=3,
        timeout_keep_alive=30,
    )
    return WebServer(config)
