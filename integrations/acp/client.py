"""What the agent calls back: updates are heard at once and in order, permissions and questions wait for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from acp import RequestError
from acp.schema import RequestPermissionResponse, SessionNotification, ToolCallProgress, ToolCallStart, ToolCallUpdate
from pydantic import ValidationError

from core.interfaces import Answer, Ask, Listener
from core.model import Verdict
from integrations.acp.permission import answer_permission, merge_calls, read_permission, translate_permission
from integrations.acp.question import Response, answer_question, decline_question, read_form, translate_question
from integrations.acp.translate import mend_update, translate_update

log = structlog.get_logger()
CALLS_KEPT = 32
NOTES_KEPT = 64
CANCELLED = Answer(Verdict.CANCELLED)


class AcpClient:
    """One session's ear. `cost` is the last that was told in this turn."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._session = ""
        self._stale = ""
        self._replaying = False
        self._ending = False
        self._asks: set[asyncio.Task[Answer]] = set()
        self._calls: dict[str, ToolCallUpdate] = {}
        self._noted: set[str] = set()
        self.cost: float | None = None

    async def handle(self, method: str, params: Any, is_notification: bool) -> Any:
        """The library's handler. An update is taken without waiting, for the library starts a task for each."""
        given = params if isinstance(params, dict) else {}
        if is_notification:
            if method == "session/update":
                self._take_update(given)
            return None
        if method == "session/request_permission":
            return await self._grant(given)
        if method == "elicitation/create":
            return await self._elicit(given)
        raise RequestError.method_not_found(method)

    def attach(self, session: str) -> None:
        """From now on only this session is heard."""
        self._session = session

    def ignore(self, session: str) -> None:
        """Not this one, which could not be loaded and may still be coming."""
        self._stale = session

    @contextmanager
    def replay(self) -> Iterator[None]:
        """While a session is loaded, its updates are old: they were heard before."""
        self._replaying = True
        try:
            yield
        finally:
            self._replaying = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn: what is kept of it goes with it."""
        self.cost, self._ending = None, False
        try:
            yield
        finally:
            self._calls.clear()
            self._ending = False

    def note(self, text: str) -> None:
        """Let the listener hear a remark; the same one only once, and only so many."""
        if text not in self._noted and len(self._noted) < NOTES_KEPT:
            self._noted.add(text)
            self._listener.hear("note", {"text": text})

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        self._listener.hear(kind, data)

    def end_asks(self, *, for_turn: bool = False) -> None:
        """Whoever is asked need not answer any more; for the rest of the turn, nobody will be asked."""
        self._ending = self._ending or for_turn
        for task in self._asks:
            task.cancel()

    async def withdraw_asks(self) -> None:
        """End all asks and wait until they are over."""
        asks = list(self._asks)
        self.end_asks()
        if asks:
            await asyncio.wait(asks)

    # ------------------------------------------------------------------------------------------------------- updates

    def _take_update(self, params: Mapping[str, Any]) -> None:
        if self._replaying or not self._is_ours(params.get("sessionId")):
            return
        try:
            update: Any = SessionNotification.model_validate(params).update
        except ValidationError:
            self._take_odd(params.get("update"))
            return
        self._remember_call(update)
        if heard := translate_update(update):
            self._pass_on(*heard)

    def _take_odd(self, update: Any) -> None:
        heard = mend_update(update if isinstance(update, Mapping) else {})
        if heard and heard[0] == "note":
            self.note(heard[1]["text"])
        elif heard:
            self._pass_on(*heard)

    def _pass_on(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "usage":
            self.cost = data.get("cost", self.cost)
        self._listener.hear(kind, data)

    def _is_ours(self, session: Any) -> bool:
        return bool(session == self._session if self._session else session != self._stale)

    def _remember_call(self, update: Any) -> None:
        """A permission may tell nothing but the id of a call: keep what is known of those that are not over."""
        if not isinstance(update, (ToolCallStart, ToolCallProgress)):
            return
        known = self._calls.pop(update.tool_call_id, None)
        if update.status in ("completed", "failed"):
            return
        self._calls[update.tool_call_id] = merge_calls(known, update)
        if len(self._calls) > CALLS_KEPT:
            del self._calls[next(iter(self._calls))]

    # ---------------------------------------------------------------------------------------------------------- asks

    async def _grant(self, params: Mapping[str, Any]) -> RequestPermissionResponse:
        try:
            request = read_permission(params)
        except ValueError as error:
            raise RequestError.invalid_params({"details": str(error)}) from None
        known = self._calls.get(request.tool_call.tool_call_id)
        request.tool_call = merge_calls(known, request.tool_call)
        answer = await self._ask(translate_permission(request))
        return answer_permission(answer, request.options)

    async def _elicit(self, params: Mapping[str, Any]) -> Response:
        if params.get("mode", "form") != "form":
            self.note(f"The agent asked to open {str(params.get('url'))[:500]}; it was told no.")
            return decline_question("Links cannot be opened here.")
        try:
            form = read_form(params)
        except ValueError as error:
            raise RequestError.invalid_params({"details": str(error)}) from None
        answer = await self._ask(translate_question(params, form))
        return answer_question(answer, params, form)

    async def _ask(self, ask: Ask) -> Answer:
        if self._ending:
            return CANCELLED
        task = asyncio.ensure_future(self._listener.ask(ask))
        self._asks.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._asks.discard(task)
            task.cancel()
        if task.cancelled():
            return CANCELLED
        if error := task.exception():
            log.error("an ask failed", title=ask.title, exc_info=error)
            return CANCELLED
        return task.result()
