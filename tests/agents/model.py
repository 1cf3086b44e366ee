"""A scripted model on 127.0.0.1 that answers coding agents in the API of their maker. No model, no internet.

It doubles as the agents' HTTP proxy: what they try to reach elsewhere is written down in `strays` and refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tests.agents import dialects
from tests.agents.script import Asked, Called, Failed, Hung, Said, Step, decide_step

Reader = Callable[[Mapping[str, Any]], Asked]
Writer = Callable[[Said | Called, str], dict[str, Any]]
Streamer = Callable[[Said | Called, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Dialect:
    read: Reader
    write: Writer
    stream: Streamer


GEMINI = Dialect(dialects.read_gemini, dialects.write_gemini, dialects.stream_gemini)
OPENAI = Dialect(dialects.read_openai, dialects.write_openai, dialects.stream_openai)
ANTHROPIC = Dialect(dialects.read_anthropic, dialects.write_anthropic, dialects.stream_anthropic)


@dataclass(slots=True)
class Model:
    """The running server. `asked` are the requests in order, `steps` the answers, `calls` paths and keys, `strays`
    what was meant for another host or a path nobody serves."""

    url: str = ""
    decide: Callable[[Asked], Step] = decide_step
    asked: list[Asked] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request, dialect: Dialect, name: str, streamed: bool) -> web.StreamResponse:
        asked = dialect.read(await request.json())
        self.calls.append((request.path, find_key(request)))
        self.asked.append(asked)
        step = self.number_step(self.decide(asked))
        self.steps.append(step)
        if isinstance(step, Hung):
            await self.closing.wait()
            return web.Response(status=503)
        if isinstance(step, Failed):
            return refuse_call(step.status)
        if streamed:
            return await send_stream(request, dialect.stream(step, name))
        return web.json_response(dialect.write(step, name))

    def number_step(self, step: Step) -> Step:
        return replace(step, id=f"scripted_{len(self.steps) + 1}") if isinstance(step, Said | Called) else step

    async def answer_gemini(self, request: web.Request) -> web.StreamResponse:
        name, _, verb = request.match_info["call"].partition(":")
        if verb == "countTokens":
            return web.json_response({"totalTokens": dialects.USAGE[0]})
        if verb in {"generateContent", "streamGenerateContent"}:
            return await self.answer(request, GEMINI, name, verb.startswith("stream"))
        return self.refuse_stray(request)

    async def answer_openai(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self.answer(request, OPENAI, body["model"], bool(body.get("stream")))

    async def answer_anthropic(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self.answer(request, ANTHROPIC, body["model"], bool(body.get("stream")))

    async def count_tokens(self, _request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": dialects.USAGE[0]})

    async def list_models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def refuse_stray(self, request: web.Request) -> web.Response:
        self.strays.append(f"{request.method} {request.host} {request.path_qs}".strip())
        return refuse_call(404)

    @web.middleware
    async def guard_doors(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "CONNECT" or f"http://{request.host}" != self.url:
            return self.refuse_stray(request)
        answer: web.StreamResponse = await handler(request)
        return answer


def find_key(request: web.Request) -> str:
    headers = request.headers
    bearer = headers.get("Authorization", "").removeprefix("Bearer ")
    return headers.get("x-goog-api-key") or headers.get("x-api-key") or bearer or request.query.get("key", "")


def refuse_call(status: int) -> web.Response:
    error = {"message": "scripted failure", "type": "scripted", "code": status, "status": "SCRIPTED"}
    return web.json_response({"type": "error", "error": error}, status=status)


async def send_stream(request: web.Request, chunks: Iterator[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk in chunks:
        await response.write(chunk.encode())
    await response.write_eof()
    return response


def build_app(model: Model) -> web.Application:
    app = web.Application(middlewares=[model.guard_doors], client_max_size=64 * 1024**2)
    app.router.add_post("/v1beta/models/{call:.+}", model.answer_gemini)
    app.router.add_post("/v1/chat/completions", model.answer_openai)
    app.router.add_get("/v1/models", model.list_models)
    app.router.add_post("/v1/messages", model.answer_anthropic)
    app.router.add_post("/v1/messages/count_tokens", model.count_tokens)

    async def refuse(request: web.Request) -> web.Response:
        return model.refuse_stray(request)

    app.router.add_route("*", "/{path:.*}", refuse)
    return app


@asynccontextmanager
async def serve_model() -> AsyncIterator[Model]:
    model = Model()
    runner = web.AppRunner(build_app(model), shutdown_timeout=1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    model.url = f"http://{host}:{port}"
    try:
        yield model
    finally:
        model.closing.set()
        await runner.cleanup()


def show_asked(asked: Asked) -> str:
    """For a failing test: the whole request, readable."""
    return json.dumps(asked.body, indent=1)[:20_000]
