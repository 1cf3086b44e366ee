"""The MCP server that an agent starts for itself: two tools, handed on to the bot over a Unix socket.

Run as `python -I -S server.py`; needs CALLBOARD_SOCKET and CALLBOARD_TOKEN. Standard library only, and little of it:
one of these starts with every agent. One thread, one poll loop; it may wait for a person for days.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
LINE_LIMIT = 1 << 20
PIPE_CHUNK = 4096  # a pipe that polls as writable takes this much without blocking
PATIENCE = float(os.environ.get("CALLBOARD_PATIENCE") or 60.0)  # seconds to reach the bot at first
BEAT = float(os.environ.get("CALLBOARD_BEAT") or 20.0)  # seconds between two signs of life while a person thinks
PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602


class Mistake(Exception):
    """The other side broke the protocol; answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


class Lines:
    """Cuts bytes into lines. One over the limit comes out as None and is dropped up to its end."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        if self._skipping:
            _, newline, data = data.partition(b"\n")
            self._skipping = not newline
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines: list[bytes | None] = [line if len(line) <= LINE_LIMIT else None for line in whole]
        if len(self._rest) > LINE_LIMIT:
            self._rest, self._skipping = b"", True
            lines.append(None)
        return lines


class Call:
    """A tool call that the bot has not answered. `deadline` is the time at which to stop trying to reach it."""

    def __init__(self, request: object, message: dict[str, object], beat_token: object, now: float) -> None:
        self.request = request
        self.message = message
        self.beat_token = beat_token
        self.beats = 0
        self.next_beat = now + BEAT
        self.deadline: float | None = now + PATIENCE


class Bot:
    """The connection to the bot: made when first needed, made again after it broke."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.outgoing = b""
        self.socket: socket.socket | None = None
        self.retry_at = 0.0
        self._lines = Lines()
        self._backoff = 0.1
        self._since = 0.0

    def connect(self, now: float) -> bool:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.setblocking(False)
        try:
            link.connect(self.path)
        except OSError:
            link.close()
            self._wait(now)
            return False
        self.socket, self.outgoing, self._lines, self._since = link, b"", Lines(), now
        return True

    def flush(self) -> None:
        try:
            if self.socket is not None:
                self.outgoing = self.outgoing[self.socket.send(self.outgoing) :]
        except BlockingIOError:
            return
        except OSError:
            self.outgoing = b""  # gone, but what it said last may still be there to read

    def receive(self, now: float) -> list[bytes | None]:
        """The lines that came; drops the connection when the bot closed it."""
        try:
            data = self.socket.recv(1 << 16) if self.socket else b""
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.drop(now)
            return []
        self._backoff = 0.1
        return self._lines.feed(data)

    def drop(self, now: float) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self._backoff = 0.1 if now - self._since > 5.0 else self._backoff
        self._wait(now)

    def _wait(self, now: float) -> None:
        # Spread out: hundreds of agents lose the bot at the same moment.
        self.retry_at = now + self._backoff * (0.5 + os.urandom(1)[0] / 255)
        self._backoff = min(5.0, self._backoff * 2)


class Server:
    """One client on stdin and stdout, one bot behind a socket, and the calls in between."""

    def __init__(self, path: str, token: str) -> None:
        self._bot = Bot(path)
        self._token = token
        self._lines = Lines()
        self._outgoing = b""
        self._calls: dict[int, Call] = {}
        self._count = 0

    def run(self) -> None:
        """Serve until stdin ends or stdout is gone."""
        while True:
            ready = self._poll()
            now = time.monotonic()
            if ready.get(1, 0) and not self._write(ready[1]):
                return
            if ready.get(0, 0) and not self._read(now):
                break
            self._serve_bot(ready, now)
            self._keep_time(now)
        self._finish()

    def _finish(self) -> None:
        """Hand over what was already answered; a client that takes nothing for a second is gone."""
        poll = select.poll()
        poll.register(1, select.POLLOUT)
        while self._outgoing:
            ready = poll.poll(1000)
            if not ready or not self._write(ready[0][1]):
                return

    def _poll(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(1, select.POLLOUT if self._outgoing else 0)
        if self._bot.socket is not None:
            poll.register(self._bot.socket, select.POLLIN | (select.POLLOUT if self._bot.outgoing else 0))
        return dict(poll.poll(self._next_due()))

    def _next_due(self) -> float | None:
        """Milliseconds until something is due; None while nothing is pending."""
        dues = [call.next_beat for call in self._calls.values() if call.beat_token is not None]
        dues += [call.deadline for call in self._calls.values() if call.deadline is not None]
        if self._calls and self._bot.socket is None:
            dues.append(self._bot.retry_at)
        return max(0.0, min(dues) - time.monotonic()) * 1000 + 1 if dues else None

    def _write(self, event: int) -> bool:
        if event != select.POLLOUT:
            return False
        try:
            self._outgoing = self._outgoing[os.write(1, self._outgoing[:PIPE_CHUNK]) :]
        except OSError:
            return False
        return True

    def _read(self, now: float) -> bool:
        try:
            data = os.read(0, 1 << 16)
        except OSError:
            return False
        for line in self._lines.feed(data):
            self._take_line(line, now)
        return bool(data)

    def _take_line(self, line: bytes | None, now: float) -> None:
        try:
            if line is None:
                raise Mistake(INVALID_REQUEST, f"message over {LINE_LIMIT} bytes")
            if line.strip():
                self._take_message(decode(line), now)
        except Mistake as mistake:
            self._say_error(None, mistake)

    def _take_message(self, message: object, now: float) -> None:
        for part in message[:100] if isinstance(message, list) and message else [message]:  # 2025-03-26 has batches
            self._take_single(part, now)

    def _take_single(self, message: object, now: float) -> None:
        request: object = None
        try:
            if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
                raise Mistake(INVALID_REQUEST, "not a JSON-RPC 2.0 message")
            if "method" not in message:
                return  # the answer to a request; none was made
            request = read_id(message)
            self._handle(request, message["method"], message.get("params"), now)
        except Mistake as mistake:
            self._say_error(request, mistake)

    def _handle(self, request: object, method: object, params: object, now: float) -> None:
        params = {} if params is None else params
        if not isinstance(method, str) or not isinstance(params, dict):
            raise Mistake(INVALID_REQUEST, "`method` is a string and `params` an object")
        if request is None:
            self._take_notification(method, params)
        elif method == "initialize":
            self._say(request, describe_server(params))
        elif method == "ping":
            self._say(request, {})
        elif method == "tools/list":
            self._say(request, {"tools": read_words()["tools"]})
        elif method == "tools/call":
            self._call_tool(request, params, now)
        else:
            raise Mistake(UNKNOWN_METHOD, f"unknown method {method[:100]!r}")

    def _take_notification(self, method: str, params: dict[str, object]) -> None:
        cancelled = params.get("requestId") if method == "notifications/cancelled" else None
        for number in [number for number, call in self._calls.items() if is_same(call.request, cancelled)]:
            del self._calls[number]
            if self._bot.socket is not None:
                self._bot.outgoing += encode({"id": number, "token": self._token, "call": "withdraw"})

    def _call_tool(self, request: object, params: dict[str, object], now: float) -> None:
        if any(is_same(call.request, request) for call in self._calls.values()):
            raise Mistake(INVALID_REQUEST, "a request with this id is still open")
        arguments = params.get("arguments")
        call = read_call(params.get("name"), {} if arguments is None else arguments)
        if isinstance(call, str):
            self._say_result(request, call, is_error=True)
        elif not self._bot.path or not self._token:
            self._say_result(request, "Not connected: CALLBOARD_SOCKET or CALLBOARD_TOKEN is not set.", is_error=True)
        else:
            self._count += 1
            message = {"id": self._count, "token": self._token, **call}
            self._calls[self._count] = Call(request, message, read_beat_token(params), now)
            self._hand_over(self._calls[self._count])

    def _say(self, request: object, result: dict[str, object]) -> None:
        self._outgoing += encode({"jsonrpc": "2.0", "id": request, "result": result})

    def _say_result(self, request: object, text: str, is_error: bool) -> None:
        self._say(request, {"content": [{"type": "text", "text": text}], "isError": is_error})

    def _say_error(self, request: object, mistake: Mistake) -> None:
        self._outgoing += encode({"jsonrpc": "2.0", "id": request, "error": mistake.error})

    def _serve_bot(self, ready: dict[int, int], now: float) -> None:
        link = self._bot.socket
        if link is None and self._calls and now >= self._bot.retry_at and self._bot.connect(now):
            for call in self._calls.values():
                self._hand_over(call)
        elif link is not None and ready.get(link.fileno(), 0) & ~select.POLLOUT:
            for line in self._bot.receive(now):
                self._take_answer(line)
        if self._bot.outgoing:
            self._bot.flush()

    def _hand_over(self, call: Call) -> None:
        if self._bot.socket is not None:
            self._bot.outgoing += encode(call.message)
            call.deadline = None if call.message["call"] == "ask" else call.deadline

    def _take_answer(self, line: bytes | None) -> None:
        try:
            answer = decode(line or b"")
        except Mistake:
            return
        if not isinstance(answer, dict):
            return
        number, error = answer.get("id"), answer.get("error")
        if number is None and error is not None:
            while self._calls:
                self._say_result(self._calls.popitem()[1].request, str(error), is_error=True)
        elif isinstance(number, int) and number in self._calls:
            text = error if error is not None else answer.get("result")
            self._say_result(self._calls.pop(number).request, str(text), is_error=error is not None)

    def _keep_time(self, now: float) -> None:
        for number, call in list(self._calls.items()):
            if call.deadline is not None and now >= call.deadline:
                del self._calls[number]
                self._say_result(call.request, "The bot cannot be reached: nobody was told.", is_error=True)
            elif call.beat_token is not None and now >= call.next_beat:
                self._beat(call, now)

    def _beat(self, call: Call, now: float) -> None:
        call.beats += 1
        call.next_beat = now + BEAT
        words = "Waiting for the bot" if self._bot.socket is None else "Waiting for a person"
        params = {"progressToken": call.beat_token, "progress": call.beats, "message": words}
        self._outgoing += encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


def encode(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Mistake(PARSE_ERROR, "not JSON") from None


def is_same(one: object, other: object) -> bool:
    """Ids are equal only within a type: 1 is not "1", and not true or 1.0 either."""
    return type(one) is type(other) and one == other


def read_id(message: dict[str, object]) -> object:
    """The id of a request, None for a notification."""
    if "id" not in message:
        return None
    if type(message["id"]) not in (str, int):
        raise Mistake(INVALID_REQUEST, "`id` is a string or an integer")
    return message["id"]


def read_beat_token(params: dict[str, object]) -> object:
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    return token if type(token) in (str, int) else None


def read_call(name: object, arguments: object) -> dict[str, object] | str:
    """What to tell the bot; or, for a model to read, what is wrong with the arguments."""
    if not isinstance(name, str) or name not in ("ask_human", "report"):
        raise Mistake(INVALID_PARAMS, f"unknown tool {str(name)[:100]!r}")
    if not isinstance(arguments, dict):
        raise Mistake(INVALID_PARAMS, "`arguments` is an object")
    return read_ask(arguments) if name == "ask_human" else read_report(arguments)


def read_ask(arguments: dict[str, object]) -> dict[str, object] | str:
    question, options, context = arguments.get("question"), arguments.get("options"), arguments.get("context")
    if not isinstance(question, str) or not question.strip():
        return "`question` must be a string that is not empty."
    if options is not None and not is_options(options):
        return "`options` must be a list of at most 20 different strings that are not empty."
    if not isinstance(context, str | None):
        return "`context` must be a string."
    return {"call": "ask", "question": question, "options": options or [], "context": context or ""}


def is_options(value: object) -> bool:
    if not isinstance(value, list) or len(value) > 20:
        return False
    return all(isinstance(item, str) and item.strip() for item in value) and len(set(value)) == len(value)


def read_report(arguments: dict[str, object]) -> dict[str, object] | str:
    text, progress = arguments.get("text"), arguments.get("progress")
    if not isinstance(text, str) or not text.strip():
        return "`text` must be a string that is not empty."
    if progress is not None and (type(progress) not in (int, float) or not 0 <= float(str(progress)) <= 100):
        return "`progress` must be a number from 0 to 100."
    return {"call": "report", "text": text, "progress": progress}


def read_words() -> dict[str, object]:
    with open(f"{__file__.removesuffix('server.py')}words.json", encoding="utf-8") as file:  # noqa: PTH123
        return dict(json.load(file))


def describe_server(params: dict[str, object]) -> dict[str, object]:
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "callboard", "version": "1"},
        "instructions": read_words()["instructions"],
    }


def main() -> int:
    try:
        Server(os.environ.get("CALLBOARD_SOCKET", ""), os.environ.get("CALLBOARD_TOKEN", "")).run()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
