"""JSON-RPC, one message a line, in one thread: whoever waits for anything waits for the client too, so that a cancel is
seen at once and waiting costs nothing."""

from __future__ import annotations

import json
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
AUTH_REQUIRED = -32000


class Cancelled(Exception):
    """The client cancelled the turn."""


class Closed(Exception):
    """The client is gone: end of input or a broken pipe."""


class RpcError(Exception):
    """Becomes a JSON-RPC error of the request at hand."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Lines:
    """Cuts what was read into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line for line in lines if line.strip()]


class Wire:
    """The two streams. `handle` gets requests and notifications; `cancelled` makes the next wait raise Cancelled."""

    def __init__(self, handle: Callable[[dict[str, Any]], None], source: int = 0, sink: int = 1) -> None:
        self.handle = handle
        self.cancelled = False
        self._source = source
        self._sink = sink
        self._lines = Lines()
        self._last = 0
        self._pending: set[int] = set()
        self._answers: dict[int, dict[str, Any]] = {}

    def wait(self, seconds: float | None, *files: int) -> list[int]:
        """Wait for the client or one of `files`; returns the files that can be read. Raises Cancelled and Closed."""
        ready, _, _ = select.select([self._source, *files], [], [], seconds)
        if self._source in ready:
            ready.remove(self._source)
            self._take_input()
        if self.cancelled:
            raise Cancelled
        return ready

    def rest(self, seconds: float) -> None:
        """Sleep, listening."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(left)

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the client and wait, for days if need be; returns its whole answer, with `result` or `error`."""
        self._last += 1
        number = self._last
        self._pending.add(number)
        self.send({"id": number, "method": method, "params": params})
        try:
            while number not in self._answers:
                self.wait(None)
        finally:
            self._pending.discard(number)
        return self._answers.pop(number)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.send({"method": method, "params": params})

    def answer(self, number: Any, result: dict[str, Any]) -> None:
        self.send({"id": number, "result": result})

    def refuse(self, number: Any, code: int, message: str) -> None:
        self.send({"id": number, "error": {"code": code, "message": message}})

    def send(self, message: dict[str, Any]) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n")

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._sink, view) :]
            except BlockingIOError:
                select.select([], [self._sink], [])
            except OSError as error:
                raise Closed from error

    def _take_input(self) -> None:
        data = os.read(self._source, 65536)
        if not data:
            raise Closed
        for line in self._lines.feed(data):
            self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self.refuse(None, PARSE_ERROR, "This is not JSON.")
            return
        if not isinstance(message, dict):
            self.refuse(None, INVALID_REQUEST, "A message is one object a line.")
        elif "method" in message:
            self.handle(message)
        elif isinstance(message.get("id"), int) and message["id"] in self._pending:
            self._answers[message["id"]] = message
