"""A bot that speaks the HTTP contract of the command line, in a thread of the test."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

from bot.cli import main
from tests.bot.sample import make_registry

ROOT = Path(__file__).parents[3]
TOKEN = "t0ken"
CODE = """
import sys
from bot.cli import main
from tests.bot.sample import make_registry
raise SystemExit(main(registry=make_registry()))
"""

RECORD: dict[str, Any] = {
    "id": "sample-1",
    "project": "sample",
    "kind": "demo",
    "status": "working",
    "branch": "callboard/sample-1",
    "base": "main",
    "repository": "/tmp/re po",
    "commits": [],
    "diffstat": "",
    "cost": None,
    "seconds": 3,
    "requests": [],
    "queued_messages": 0,
    "reason": "",
}
COMMITS = [{"id": "0123456789abcdef", "title": "Write the guide"}]
PERMISSION = {
    "id": "r-1",
    "kind": "permission",
    "title": "Run the tests",
    "tool": "execute",
    "detail": {"command": "make test", "folder": "/tmp/work", "sha256": "x", "call": "c1"},
    "options": [{"id": "y", "name": "Allow", "kind": "allow_once"}],
}
QUESTION = {
    "id": "r-2",
    "kind": "question",
    "title": "Tabs or spaces?",
    "tool": "question",
    "detail": {},
    "options": [{"id": "t", "name": "Tabs"}, {"id": "s", "name": "Spaces"}],
}
FORM = {
    "id": "r-3",
    "kind": "question",
    "title": "Details, please",
    "tool": "question",
    "detail": {
        "fields": {
            "name": {"type": "string", "title": "Name"},
            "count": {"type": "integer"},
            "strict": {"type": "boolean"},
            "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}},
            "note": {"type": "string"},
        },
        "required": ["name", "count", "strict", "tags"],
    },
    "options": [],
}


class Bot:
    """State of the fake, and what it was asked. `on_answer` is called after an answer was stored."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.record = dict(RECORD)
        self.updates: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str, Any, dict[str, str]]] = []
        self.replies: dict[str, Any] = {"spawn": {"text": "sample-1 starts.", "data": {"agent": "sample-1"}}}
        self.problems: dict[str, tuple[int, dict[str, Any]]] = {}
        self.drop = 0
        self.heals = False
        self.streams: list[dict[str, str]] = []
        self.answered: dict[str, Any] = {}
        self.on_answer: Callable[[dict[str, Any]], None] = lambda answer: None
        self.on_refusal: Callable[[], None] = lambda: None
        self._listeners: list[queue.Queue[dict[str, Any] | None]] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def start(self, token: str = TOKEN) -> None:
        handler = type("Handler", (Handler,), {"bot": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        port = self._server.server_address[1]
        self.home.mkdir(exist_ok=True)
        run = {"url": f"http://127.0.0.1:{port}", "token": token, "pid": os.getpid(), "version": "0"}
        (self.home / "run.json").write_text(json.dumps(run))

    def stop(self) -> None:
        if self._server:
            for listener in self._listeners:
                listener.put(None)
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            (self.home / "run.json").unlink()

    def emit(self, kind: str, **data: Any) -> None:
        with self._lock:
            event = {"seq": len(self.events) + 1, "kind": kind, "at": "2026-01-01T00:00:00Z", "agent": "sample-1"}
            event |= {"project": "sample", "actor": "", "data": data}
            self.events.append(event)
            for listener in self._listeners:
                listener.put(event)

    def say(self, kind: str, **data: Any) -> None:
        self.updates.append({"number": len(self.updates) + 1, "attempt": 1, "kind": kind, "at": "", "data": data})
        self.emit("agent.activity", what="x")

    def end(self, status: str = "done", **more: Any) -> None:
        self.record = {**self.record, "status": status, "requests": [], **more}
        self.emit(f"agent.{status}")

    def ask(self, *requests: dict[str, Any]) -> None:
        self.record = {**self.record, "status": "needs you", "requests": list(requests)}
        self.emit("request.opened", request=requests[0]["id"])

    def listen(self) -> queue.Queue[dict[str, Any] | None]:
        listener: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._listeners.append(listener)
        return listener

    def sent(self, path: str) -> list[Any]:
        """The bodies that were posted to a path."""
        return [body for _, found, body, _ in self.calls if found == path]


class Handler(BaseHTTPRequestHandler):
    bot: Bot
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self.serve(None)

    def do_POST(self) -> None:
        self.serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def serve(self, body: Any) -> None:
        bot, parts = self.bot, urlsplit(self.path)
        path, query = unquote(parts.path).removeprefix("/api/v1"), {k: v[0] for k, v in parse_qs(parts.query).items()}
        bot.calls.append((self.command, path, body, dict(self.headers)))
        if bot.drop > 0 and self.command == "POST":
            bot.drop -= 1
            self.close_connection = True
            return
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            bot.on_refusal()
            self.answer(401, {"title": "Unauthorized", "detail": "That token is not known.", "code": "unauthorized"})
        elif path in bot.problems:
            self.answer(*(bot.problems.pop(path) if bot.heals else bot.problems[path]))
        elif path == "/events/stream":
            self.stream(query)
        else:
            self.answer(200, self.find(path, query, body))

    def find(self, path: str, query: dict[str, str], body: Any) -> Any:  # noqa: PLR0911
        bot = self.bot
        match path.strip("/").split("/"):
            case ["commands", "events"]:
                return {"id": "i-1", "reply": {"data": {"events": bot.events[-1:]}}}
            case ["commands", name]:
                return {"id": "i-1", "reply": bot.replies[name]}
            case ["projects"]:
                return {"projects": [{"name": "sample"}, {"name": "web"}]}
            case ["agents"]:
                return {"agents": [bot.record | {"task": "Write\na guide"}]}
            case ["agents", _]:
                return bot.record
            case ["agents", _, "updates"]:
                return {"updates": [item for item in bot.updates if item["number"] > int(query["after"])][:500]}
            case ["requests", _, "answer"]:
                bot.record = {**bot.record, "status": "working", "requests": []}
                bot.on_answer(body)
                return bot.answered
            case ["events"]:
                later = [item for item in bot.events if item["seq"] > int(query.get("after", 0))]
                return {"events": [item for item in later if query.get("kind") in (None, item["kind"])]}
        return {}

    def answer(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, query: dict[str, str]) -> None:
        self.bot.streams.append({**query, "last": self.headers.get("Last-Event-ID", "")})
        listener = self.bot.listen()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        while (event := listener.get()) is not None:
            text = f"id: {event['seq']}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n"
            self.wfile.write(text.encode())
        self.close_connection = True


@contextlib.contextmanager
def run_bot(home: Path) -> Iterator[Bot]:
    bot = Bot(home)
    bot.start()
    try:
        yield bot
    finally:
        bot.stop()


def make_environ(home: Path, **more: str) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith(("CALLBOARD", "_CALLBOARD"))}
    return {**found, "PYTHONPATH": str(ROOT), "CALLBOARD_HOME": str(home), "CALLBOARD_PROG": "./callboard", **more}


def run_here(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line in this process: faster, for what is the same there."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, make_environ(home), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(words, make_registry())
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def run_cli(home: Path, *words: str, code: str = CODE, **more: str) -> subprocess.CompletedProcess[str]:
    """The command line as its own process, without a terminal."""
    argv = [sys.executable, "-W", "error", "-c", code, *words]
    environ = make_environ(home, **more)
    return subprocess.run(
        argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
