"""Speaks to the running bot over HTTP, by the standard library: importing httpx takes longer than most commands."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from bot.cli.program import NotRunning, Problem
from core.errors import ConfigurationError, TemporaryFailure
from core.files import LARGEST_FILE, say_size
from core.home import RUN_FILE, find_home
from core.wire import ENDING

REQUEST_SECONDS = 60.0
# A large repository is fetched for a while.
PATIENCE = {"project add": 1_900.0}
CONNECT_SECONDS = 5.0
RETRY_SECONDS = 15.0
SILENCE_SECONDS = 45.0
LOST = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bot listens, and the token it wants. `file` is where that was read, "" for the environment."""

    url: str
    token: str
    file: str = ""


def find_address(environ: Mapping[str, str]) -> Address:
    """From CALLBOARD_URL and CALLBOARD_TOKEN, else from run.json. Raises NotRunning when there is neither."""
    if url := environ.get("CALLBOARD_URL"):
        return Address(url, environ.get("CALLBOARD_TOKEN", ""))
    file = find_home(environ) / RUN_FILE
    try:
        found = json.loads(file.read_text("utf-8"))
        return Address(found["url"], environ.get("CALLBOARD_TOKEN") or found["token"], str(file))
    except FileNotFoundError:
        raise make_not_running() from None
    except PermissionError:
        raise ConfigurationError("This file is not yours to read.", where=str(file), remedy=WHOSE) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError("This file is damaged.", where=str(file), remedy="Start the bot again.") from None


WHOSE = "Use the bot as the user who started it, or set CALLBOARD_URL and CALLBOARD_TOKEN."


def make_not_running(address: Address | None = None) -> NotRunning:
    from bot.cli.program import find_program

    if address and not address.file:
        return NotRunning(f"No Callboard answers at {address.url}.", remedy="Is CALLBOARD_URL right?")
    return NotRunning("Callboard is not running.", remedy=f"Start it with `{find_program()} up`.")


def make_connection(address: Address, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection and the path in front. Raises ConfigurationError for what is no URL."""
    parts = urlsplit(address.url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    with contextlib.suppress(ValueError):
        if parts.scheme in kinds and parts.hostname:
            return kinds[parts.scheme](parts.hostname, parts.port, timeout=timeout), parts.path.rstrip("/")
    where = address.file or "environment: CALLBOARD_URL"
    raise ConfigurationError("This is no address.", where=where, remedy="Write http://127.0.0.1:8765.")


_GONE = "What it took on is done when it starts again; its log says why it went."


class Client:
    """The bot's API. The address is looked up for every call, because a bot that comes back may have another."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def run_command(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run one command once, whatever happens to the connection; returns the reply. Raises Problem as the bot
        refused, NotRunning, or TemporaryFailure when the bot went away and did not come back."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        path = f"/api/v1/commands/{quote(name.replace(' ', '.'))}"
        answer = self.call("POST", path, {"arguments": dict(arguments)}, headers, PATIENCE.get(name, REQUEST_SECONDS))
        reply = answer.get("reply")
        return reply if isinstance(reply, dict) else {}

    def read_agent_once(self, agent: str) -> dict[str, Any]:
        return self.call_once("GET", f"/api/v1/agents/{quote(agent, safe='')}")

    def read_updates_once(self, agent: str, after: int) -> dict[str, Any]:
        return self.call_once("GET", f"/api/v1/agents/{quote(agent, safe='')}/updates?after={after}&limit=500")

    def find_last_update(self, agent: str) -> int:
        """The number of the newest line of an agent's transcript; 0 when there is none."""
        after = 0
        path = f"/api/v1/agents/{quote(agent, safe='')}/updates"
        while page := self.call("GET", f"{path}?after={after}&limit=500").get("updates"):
            after = int(page[-1]["number"])
        return after

    def read_events(self, **filters: Any) -> list[dict[str, Any]]:
        found = self.call("GET", f"/api/v1/events?{write_query(filters)}").get("events")
        return found if isinstance(found, list) else []

    def answer_request(self, request: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self.call("POST", f"/api/v1/requests/{quote(request, safe='')}/answer", answer, headers)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_SECONDS,
    ) -> dict[str, Any]:
        """One call, repeated with the same key while the connection is lost or the bot ends. As `run_command`."""
        end, started = time.monotonic() + RETRY_SECONDS, False
        while True:
            try:
                return self.call_once(method, path, body, headers, timeout)
            except ConnectionRefusedError:
                if not started:
                    raise make_not_running(find_address(self._environ)) from None
            except NotRunning:
                if not started:
                    raise
            except LOST:
                started = True
            except TemporaryFailure as failure:
                if not failure.message.startswith(ENDING):
                    raise
                started = True
            if time.monotonic() > end:
                raise TemporaryFailure("The bot went away and did not come back.", remedy=_GONE)
            time.sleep(0.3)

    def call_once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_SECONDS,
    ) -> dict[str, Any]:
        """One call without a second try. Raises OSError or HTTPException when the connection is lost."""
        address = find_address(self._environ)
        connection, front = make_connection(address, timeout)
        sent = {"Authorization": f"Bearer {address.token}", "Accept": "application/json", **(headers or {})}
        content = json.dumps(body).encode() if body is not None else None
        if content is not None:
            sent["Content-Type"] = "application/json"
        with contextlib.closing(connection):
            connection.request(method, front + path, content, sent)
            response = connection.getresponse()
            self._check_token(response.status, address)
            return read_answer(response.status, response.read(), address)

    def stream_events(self, after: int | None, **filters: Any) -> Iterator[dict[str, Any]]:
        """Events as they happen; the first item, {}, says that the stream is open, and so does each heartbeat.
        Ends or raises OSError or HTTPException when the connection is lost; Problem when refused."""
        address = find_address(self._environ)
        connection, front = make_connection(address, SILENCE_SECONDS)
        headers = {"Authorization": f"Bearer {address.token}", "Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
            filters["after"] = after
        with contextlib.closing(connection):
            connection.request("GET", f"{front}/api/v1/events/stream?{write_query(filters)}", headers=headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    self._check_token(response.status, address)
                    read_answer(response.status, response.read(), address)
                yield {}
                yield from read_stream(response)

    def _check_token(self, status: int, address: Address) -> None:
        """Raises ConnectionResetError when the bot refused a token that it has replaced meanwhile: it was started
        again between the look into run.json and the call."""
        if status == HTTPStatus.UNAUTHORIZED and find_address(self._environ) != address:
            raise ConnectionResetError("the bot was started again")


def read_stream(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of a text/event-stream; {} for a comment."""
    data: list[str] = []
    while line := response.readline():
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif text.startswith(":"):
            yield {}
        elif not text and data:
            with contextlib.suppress(ValueError):
                yield json.loads("\n".join(data))
            data = []


def write_query(filters: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in filters.items() if value not in (None, "")})


def read_answer(status: int, content: bytes, address: Address) -> dict[str, Any]:
    """The JSON of an answer. Raises Problem for a refusal, TemporaryFailure for a server in trouble."""
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        raise Problem(f"{address.url} is no Callboard: it answered without JSON.", code="not_callboard") from None
    if not isinstance(found, dict):
        raise Problem(f"{address.url} is no Callboard.", code="not_callboard")
    if status < 300:
        return found
    message = str(found.get("detail") or found.get("title") or f"The bot answered {status}.")
    remedy = str(found.get("remedy") or "")
    # A proxy's 502 may be over soon; one that the bot answers is for good.
    if status in (502, 503, 504) and found.get("code") != "failed":
        raise TemporaryFailure(message, remedy=remedy or "Try again in a moment.")
    raise Problem(message, remedy=remedy, code=str(found.get("code") or f"http_{status}"))


def load_files(names: list[Path]) -> list[dict[str, str]]:
    """Files as a command takes them. Raises Problem when one cannot be read."""
    return [load_file(name) for name in names]


def load_file(name: Path) -> dict[str, str]:
    """One file. What is too large is refused before it is read."""
    try:
        if not name.is_file():
            raise Problem(f"Cannot read {name}: there is no such file.", code="bad_input")
        if name.stat().st_size > LARGEST_FILE:
            raise Problem(f"{name} is larger than {say_size(LARGEST_FILE)}.", code="bad_input")
        return {"name": name.name, "base64": base64.b64encode(name.read_bytes()).decode()}
    except OSError as error:
        raise Problem(f"Cannot read {name}: {error.strerror or error}.", code="bad_input") from None
