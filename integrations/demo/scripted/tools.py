"""A client for the tool servers (MCP over stdio) that the session was given."""

from __future__ import annotations

import json
import os
import subprocess
import time

from .wire import Cancelled, Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .wire import Wire

VERSION = "2025-06-18"
START_LIMIT = 20.0


class ToolFailure(Exception):
    """There is no such tool, or its server does not work."""


class ToolServer:
    """One started server. Its stderr goes where the agent's goes."""

    def __init__(self, wire: Wire, given: dict[str, Any]) -> None:
        extra = {pair["name"]: pair["value"] for pair in given.get("env", [])}
        self._wire = wire
        self._lines = Lines()
        self._last = 0
        try:
            self._process = subprocess.Popen(
                [given["command"], *given.get("args", [])],
                env={**os.environ, **extra},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:
            raise ToolFailure(f"The tool server cannot be started: {error.strerror}.") from error
        self.tools = self._greet()

    def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Call a tool and wait for a person, for days if need be; returns its text."""
        result = self._ask("tools/call", {"name": tool, "arguments": arguments}, None)
        text = "\n".join(part.get("text", "") for part in result.get("content", []) if part.get("type") == "text")
        if result.get("isError"):
            raise ToolFailure(text or "The tool failed.")
        return text

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _greet(self) -> dict[str, dict[str, Any]]:
        client = {"name": "demo", "version": "1"}
        hello = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client}
        self._ask("initialize", hello, START_LIMIT)
        self._send({"method": "notifications/initialized"})
        listed = self._ask("tools/list", {}, START_LIMIT)
        return {tool["name"]: tool for tool in listed.get("tools", [])}

    def _ask(self, method: str, params: dict[str, Any], limit: float | None) -> dict[str, Any]:
        self._last += 1
        number = self._last
        self._send({"id": number, "method": method, "params": params})
        end = time.monotonic() + limit if limit else None
        try:
            return self._await(number, end)
        except Cancelled:
            self._send({"method": "notifications/cancelled", "params": {"requestId": number}})
            raise

    def _await(self, number: int, end: float | None) -> dict[str, Any]:
        while True:
            for message in self._read(end):
                if message.get("id") == number and "method" not in message:
                    return take_result(message)
                self._decline(message)

    def _read(self, end: float | None) -> list[dict[str, Any]]:
        pipe = self._process.stdout.fileno() if self._process.stdout else -1
        left = end - time.monotonic() if end else None
        if left is not None and left <= 0:
            raise ToolFailure("The tool server does not answer.")
        if not self._wire.wait(left, pipe):
            return []
        data = os.read(pipe, 65536)
        if not data:
            raise ToolFailure("The tool server went away.")
        return [message for line in self._lines.feed(data) if isinstance(message := parse_line(line), dict)]

    def _decline(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:
            self._send({"id": message["id"], "error": {"code": -32601, "message": "Not here."}})

    def _send(self, message: dict[str, Any]) -> None:
        if not self._process.stdin:
            return
        try:
            self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ToolFailure("The tool server went away.") from error


def parse_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def take_result(message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise ToolFailure(str(message["error"].get("message", "The tool failed.")))
    result = message.get("result")
    return result if isinstance(result, dict) else {}
