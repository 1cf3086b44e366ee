"""The bot's side: takes what agents ask and report by their MCP server, and hands it to each agent's Listener."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
import stat
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import BadInput, CallboardError, ConfigurationError, Refused
from core.interfaces import Answer, Ask, Listener, ToolServer
from core.model import Option, RequestKind, Verdict

LINE_LIMIT = 1 << 20
PATH_LIMIT = 103  # bytes of a socket's path on every system
CONNECTIONS_PER_AGENT = 4
STRANGERS = 64  # connections that have not shown a token yet
ASKS_PER_CONNECTION = 16
PATIENCE = 10.0  # seconds for a first line, and for a write

NO_ANSWER = (
    "No answer: nobody answered in time. This is not a refusal. Go on as far as is safe without the answer, "
    "and say what is left open."
)


@dataclass(slots=True, eq=False)
class Seat:
    """An agent with a token, and its connections."""

    agent: str
    token: str
    listener: Listener
    connections: set[Connection] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Connection:
    """One MCP server that is connected; `seat` is None until it has shown a token."""

    reader: StreamReader
    writer: StreamWriter
    seat: Seat | None = None
    asks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def say(self, number: int | None, key: str, text: str) -> None:
        """Send one line; a peer that is gone or takes nothing is left to its reader's end."""
        self.write(number, key, text)
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.writer.drain(), PATIENCE)

    def write(self, number: int | None, key: str, text: str) -> None:
        self.writer.write(json.dumps({"id": number, key: text}).encode() + b"\n")


class Desk:
    """Listens on a private Unix socket. Tokens outlive `close`, so that it can be started again."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._seats: dict[str, Seat] = {}
        self._tasks: dict[asyncio.Task[None], Connection] = {}

    @property
    def path(self) -> Path:
        """Where the socket is: as wished, in `private` beside it, or a short temporary folder. Known after `start`."""
        if self._path is None:
            raise ConfigurationError("The agents' socket is not open.", remedy="Start the desk first.")
        return self._path

    async def start(self, path: Path) -> None:
        """Listen. ConfigurationError when another process listens there or the folder cannot be used."""
        try:
            inner = path.parent / "private" / path.name
            self._path = next(filter(is_usable, (path, inner)), None) or self._make_folder() / "agents.sock"
            listening = bind_socket(self._path)
        except OSError as error:
            raise ConfigurationError(f"The agents' socket cannot be opened: {error}.", where=str(path)) from error
        self._server = await asyncio.start_unix_server(self._greet, sock=listening, limit=LINE_LIMIT)

    def _make_folder(self) -> Path:
        parent = None if len(os.fsencode(tempfile.gettempdir())) < PATH_LIMIT - 40 else "/tmp"  # noqa: S108
        self._folder = Path(tempfile.mkdtemp(prefix="callboard-", dir=parent))
        return self._folder

    def issue(self, agent: str, listener: Listener) -> ToolServer:
        """Seat an agent with a new token; an older one of the same agent is revoked."""
        self.revoke(agent)
        seat = Seat(agent, secrets.token_urlsafe(32), listener)
        self._seats[agent] = seat
        env = {"CALLBOARD_SOCKET": str(self.path), "CALLBOARD_TOKEN": seat.token}
        return ToolServer("callboard", [sys.executable, "-I", "-S", str(Path(__file__).with_name("server.py"))], env)

    def revoke(self, agent: str) -> None:
        """Forget an agent's token: its connections are closed and what it asks is cancelled."""
        seat = self._seats.pop(agent, None)
        connections = seat.connections if seat else ()
        for task in [task for task, connection in self._tasks.items() if connection in connections]:
            task.cancel()

    async def close(self) -> None:
        """Stop listening, cancel what is asked, remove the socket."""
        if self._server is not None:
            self._server.close()
        asks = [task for connection in self._tasks.values() for task in connection.asks.values()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *asks, return_exceptions=True)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._folder is not None:
            self._folder.rmdir()
        self._server = self._path = self._folder = None

    # ------------------------------------------------------------------------------------------- connections

    def _greet(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks[task] = connection
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, connection: Connection) -> None:
        try:
            if sum(other.seat is None for other in self._tasks.values()) > STRANGERS:
                raise Refused("Too many connections.")
            while line := await read_line(connection):
                await self._take(connection, line)
        except CallboardError as error:
            await connection.say(None, "error", error.message)
        except (OSError, TimeoutError):
            pass
        finally:
            self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        while connection.asks:
            connection.asks.popitem()[1].cancel()
        if connection.seat is not None:
            connection.seat.connections.discard(connection)
        connection.writer.close()

    async def _take(self, connection: Connection, line: bytes) -> None:
        message = parse_message(line)
        seat = self._seat(connection, message.get("token"))
        number = message.get("id")
        if type(number) is not int:
            raise BadInput("`id` must be an integer.")
        try:
            await self._act(connection, seat, number, message)
        except CallboardError as error:
            await connection.say(number, "error", error.message)

    def _seat(self, connection: Connection, token: object) -> Seat:
        """Whose token it is; a connection keeps to one agent."""
        shown = token.encode("utf-8", "replace") if isinstance(token, str) else b""
        found = [seat for seat in self._seats.values() if hmac.compare_digest(seat.token.encode(), shown)]
        if not found or connection.seat not in (None, found[0]):
            raise Refused("Unknown token: this agent's run is over, or the token belongs to another.")
        if connection.seat is None and len(found[0].connections) >= CONNECTIONS_PER_AGENT:
            raise Refused(f"Too many connections: an agent may have {CONNECTIONS_PER_AGENT}.")
        connection.seat = found[0]
        connection.seat.connections.add(connection)
        return connection.seat

    async def _act(self, connection: Connection, seat: Seat, number: int, message: Mapping[str, Any]) -> None:
        call = message.get("call")
        if call == "ask":
            self._start_ask(connection, seat, number, read_ask(message))
        elif call == "report":
            seat.listener.hear("report", {"text": read_report(message)})
            await connection.say(number, "result", "noted")
        elif call == "withdraw":
            if task := connection.asks.pop(number, None):
                task.cancel()
        else:
            raise BadInput("Unknown call.")

    def _start_ask(self, connection: Connection, seat: Seat, number: int, ask: Ask) -> None:
        if number in connection.asks or len(connection.asks) >= ASKS_PER_CONNECTION:
            raise Refused(f"Too many questions at once: at most {ASKS_PER_CONNECTION} may be open.")
        task = asyncio.get_running_loop().create_task(self._ask(connection, seat.listener, number, ask))
        connection.asks[number] = task
        task.add_done_callback(lambda task: self._end_ask(connection, number, task))

    async def _ask(self, connection: Connection, listener: Listener, number: int, ask: Ask) -> None:
        try:
            answer = await listener.ask(ask)
        except CallboardError as error:
            await connection.say(number, "error", error.message)
        else:
            await connection.say(number, "result", write_answer(answer, ask))

    def _end_ask(self, connection: Connection, number: int, task: asyncio.Task[None]) -> None:
        """An ask that ended without an answer must not leave the agent waiting."""
        fault = None if task.cancelled() else task.exception()
        still_wanted = connection.asks.pop(number, None) is task
        if fault is not None:
            task.get_loop().call_exception_handler({"message": "A question failed", "exception": fault, "task": task})
        if still_wanted and (task.cancelled() or fault is not None):
            connection.write(number, "error", "The question was dropped: the bot no longer waits for an answer.")


async def read_line(connection: Connection) -> bytes:
    """The next line, b"" at the end. Only a stranger is hurried. Raises BadInput for a line over the limit."""
    try:
        async with asyncio.timeout(PATIENCE if connection.seat is None else None):
            return await connection.reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return b""
    except asyncio.LimitOverrunError:
        raise BadInput(f"A line has more than {LINE_LIMIT} bytes.") from None


def is_usable(path: Path) -> bool:
    """Whether the socket's folder is private to this user (it is made so when missing) and the path short enough."""
    if len(os.fsencode(path)) > PATH_LIMIT:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.parent.stat()
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def bind_socket(path: Path) -> socket.socket:
    """A listening socket with mode 0600; takes the place of one that a dead process left."""
    remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def remove_stale(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise ConfigurationError("Another bot listens for agents there.", where=str(path), remedy="Stop it first.")


def parse_message(line: bytes) -> Mapping[str, Any]:
    """One JSON object. Raises BadInput."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("A line is not JSON.") from None
    if not isinstance(message, dict):
        raise BadInput("A line is not a JSON object.")
    return message


def read_ask(message: Mapping[str, Any]) -> Ask:
    question, context = clean_text(message.get("question")), message.get("context") or ""
    options = message.get("options") or []
    if not isinstance(options, list) or len(options) > 20:
        raise BadInput("`options` must be a list of at most 20.")
    names = [clean_text(name) for name in options]
    detail = {"context": clean_text(context)} if context else {}
    return Ask(
        kind=RequestKind.QUESTION,
        title=question,
        tool="ask_human",
        detail=detail,
        options=[Option(id=str(number), name=name) for number, name in enumerate(names, 1)],
    )


def read_report(message: Mapping[str, Any]) -> str:
    text, progress = clean_text(message.get("text")), message.get("progress")
    if isinstance(progress, int | float) and not isinstance(progress, bool) and 0 <= progress <= 100:
        return f"{text} ({progress:.0f} %)"
    return text


def clean_text(value: object) -> str:
    """Text that every store and chat takes: no NUL, no half of a surrogate pair. Raises BadInput when none is left."""
    text = value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""
    if not text.strip():
        raise BadInput("A text is missing, empty or no string.")
    return text


def write_answer(answer: Answer, ask: Ask) -> str:
    """The answer in words for the agent."""
    said = write_words(answer, ask)
    match answer.verdict:
        case Verdict.NO_ANSWER:
            return NO_ANSWER
        case Verdict.CANCELLED:
            return "The question was withdrawn; nobody answered it."
        case Verdict.DENIED:
            return f"The person declined to answer: {said}" if said else "The person declined to answer."
        case _:
            return said or "The person agreed, without a word."


def write_words(answer: Answer, ask: Ask) -> str:
    names = {option.id: option.name for option in ask.options}
    fields = [f"{key}: {value}" for key, value in answer.fields.items()]
    return "\n".join(part for part in (names.get(answer.choice, answer.choice), answer.text, *fields) if part)
