"""Messages as lines of JSON over two streams: the library's Transport, made to survive what agents write on stdout."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, TypeGuard

CHUNK = 32 * 1024
LINE_LIMIT = 32 * 1024 * 1024
HEAD = 4 * 1024
BURST = 16
NOTES = 3
SEND_LIMIT = 60.0

DECODER = json.JSONDecoder(parse_constant=lambda _name: None)


class Splitter:
    """Cuts a stream of bytes into lines. Of a line over the limit only its head is kept, with its whole size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[tuple[bytes, int]]:
        """The lines that are complete by now, each with its size in bytes."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            self._add(part)
            lines.append(self.finish())
        self._add(rest)
        return lines

    def finish(self) -> tuple[bytes, int]:
        """What is there of the current line."""
        line = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        return line

    def _add(self, part: bytes) -> None:
        if not part:
            return
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        else:
            self._parts = [b"".join(self._parts)[:HEAD] or part[:HEAD]]


class Lines:
    """One agent's messages. `on_note` hears what was left out, `on_end` that nothing more will come.

    `words` is the last line that was no message, `trouble` why the conversation cannot go on.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_note: Callable[[str], None],
        on_end: Callable[[], None],
        *,
        line_limit: int = LINE_LIMIT,
        send_limit: float = SEND_LIMIT,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_note = on_note
        self._on_end = on_end
        self._limit = line_limit
        self._send_limit = send_limit
        self._splitter = Splitter(line_limit)
        self._lines: deque[tuple[bytes, int]] = deque()
        self._burst = 0
        self._junk = 0
        self._ended = False
        self.words = ""
        self.trouble = ""

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end. Never raises for what the agent wrote."""
        while not self._ended:
            if not self._lines:
                await self._fill()
            elif message := self._read(*self._lines.popleft()):
                await self._breathe()
                return message
        return None

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message. Raises ConnectionError when a request cannot be sent; an answer that nobody reads any more
        is dropped."""
        if self._ended:
            return
        self._writer.write((json.dumps(message, separators=(",", ":")) + "\n").encode())
        try:
            async with asyncio.timeout(self._send_limit):
                await self._writer.drain()
        except TimeoutError:
            self.trouble = "It does not read what it is sent."
        except OSError:
            self.trouble = self.trouble or "It closed its input."
        else:
            return
        if "method" in message and not self._ended:
            raise ConnectionError(self.trouble)

    async def close(self) -> None:
        """Stop. The streams are their owner's to close."""
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._on_end()

    async def _breathe(self) -> None:
        self._burst += 1
        if self._burst % BURST == 0:
            await asyncio.sleep(0)

    async def _fill(self) -> None:
        try:
            chunk = await self._reader.read(CHUNK)
        except OSError:
            chunk = b""
        if chunk:
            self._lines.extend(self._splitter.feed(chunk))
            await asyncio.sleep(0)
            return
        line, size = self._splitter.finish()
        if not line:
            self._end()
        else:
            self._lines.append((line, size))

    def _read(self, line: bytes, size: int) -> dict[str, Any] | None:
        if size > self._limit:
            self._drop_long(line, size)
            return None
        message = parse_line(line)
        if message is None and line.strip():
            self._drop_junk(line)
        return message

    def _drop_junk(self, line: bytes) -> None:
        self.words = line[:500].decode("utf-8", "replace").replace("\0", "").strip()
        self._junk += 1
        if self._junk <= NOTES:
            self._on_note(f"The agent wrote a line that is no message: {self.words[:200]}")
        elif self._junk == NOTES + 1:
            self._on_note("The agent wrote more lines that are no messages; they are left out.")

    def _drop_long(self, head: bytes, size: int) -> None:
        if b'"session/update"' in head:
            self._on_note(f"The agent sent an update of {size:,} bytes; it was left out.")
            return
        self.trouble = f"It sent a message of {size:,} bytes; at most {self._limit:,} are read."
        self._lines.clear()
        self._end()


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The message of a line; None when it is none."""
    try:
        message = DECODER.decode(line.decode())
        message = scrub_text(message) if is_odd(line) else message
    except (ValueError, RecursionError):
        return None
    return message if is_message(message) else None


def is_message(message: Any) -> TypeGuard[dict[str, Any]]:
    """Whether the library can take it: a request, a notification, or an answer to a request of ours."""
    if not isinstance(message, dict):
        return False
    if "method" in message:
        return isinstance(message["method"], str) and isinstance(message.get("id"), (str, int, float, type(None)))
    return type(message.get("id")) is int and isinstance(message.get("error"), (dict, type(None)))


def is_odd(line: bytes) -> bool:
    """Whether the line may hold characters that no database takes: NUL, and halves of surrogate pairs."""
    return b"\\u0000" in line or b"\\ud" in line or b"\\uD" in line


def scrub_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {scrub_text(key): scrub_text(item) for key, item in value.items()}
    return [scrub_text(item) for item in value] if isinstance(value, list) else value
