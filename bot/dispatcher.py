"""The request street: what came in is stored, then done once, by the one who may, and answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.admission import lift_actor, read_facts
from bot.commands.context import Caller, Context, Finish
from bot.commands.files import stow_files
from bot.commands.registry import Command, Registry, bind_arguments, read_arguments
from bot.gathering import Gathering
from bot.house import House
from bot.intake import Coming, receive_calls
from bot.turns import Turns
from core.asks import offer_access
from core.audit import write_audit
from core.errors import CallboardError, Conflict, PermanentFailure, Refused, TemporaryFailure, UserError
from core.events import Event
from core.files import Blob
from core.ids import make_id
from core.inbox import amend_item, answer_place, finish_item, list_unhandled
from core.messages import Place, Reply, Tone, Visibility
from core.model import Actor, InboxItem
from core.people import load_actor
from core.permissions import demand_role
from core.store import Transaction, append_events, get, remove
from core.wire import ENDING, encode_reply

log = structlog.get_logger()
Answered = Mapping[str, Any]
# Seconds between tries of what waits for the outside; the place is told after so many tries, in the end it is given up.
_AGAIN = 30.0
_TOLD_AFTER = 3
_MOST_TRIES = 40
_LATER = "Ask again with the same key: the answer comes when it has started."


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody asks for a command. `key` is the caller's own and the same when the call is repeated. `reply_to` is
    the place that hears the answer, whoever still waits for it, "" for none; `private` the one where the caller alone
    hears what is not for all. `facts` are what a platform knows of the caller, whom it calls `identity` and `name`;
    the key is of the identity then: what somebody asked for before they were known must not be done twice."""

    key: str
    door: str
    actor: Actor
    place: str
    command: str
    arguments: Mapping[str, Any]
    reply_to: str = ""
    private: str = ""
    facts: Sequence[str] = ()
    identity: str = ""
    name: str = ""


class _DoneAlready(Exception):
    """Another task, or another process on the same database, did this call: what was begun here is taken back."""


class Dispatcher:
    """Runs commands. Calls with one key run once, also when they come at the same time."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry
        self._running: dict[str, asyncio.Task[Answered]] = {}
        self._turns = Turns()
        self._intake: Gathering[Coming, tuple[InboxItem, bool]] = Gathering(house.database, receive_calls)
        self._is_ending = False

    async def call(self, call: Call) -> tuple[str, Answered]:
        """Store a call, run it, and return its id and stored answer: `encode_reply`'s JSON, or {"error": …}. Who waits
        while it runs gets the reply's `secret` as well.

        The caller may go away: what was stored is done all the same. Raises UserError for words that do not fit, and
        TemporaryFailure when the bot ends before it is done.
        """
        item = await self._receive(call)
        if item.reply is not None and item.handled_at is not None:
            return item.id, item.reply
        if self._is_ending:
            raise self._say_ending(item)
        task = self._start(item)
        await asyncio.wait([task])
        if task.cancelled():
            raise self._say_ending(item)
        return item.id, task.result()

    def _say_ending(self, item: InboxItem) -> TemporaryFailure:
        kept = self._registry.get(item.command).acts or bool(item.reply_to)
        when = "this is done after its next start." if kept else "nothing was begun."
        return TemporaryFailure(f"{ENDING}; {when}", remedy=_LATER, retry_after=2)

    async def take(self, call: Call) -> asyncio.Task[Answered] | None:
        """Store a call, begin it, and return at once; what runs, None when it was done before, or is done after the
        next start. The answer goes to its `reply_to`. Raises UserError for words that do not fit, TemporaryFailure
        when it cannot be stored."""
        item = await self._receive(call)
        return self._start(item) if item.handled_at is None and not self._is_ending else None

    async def _receive(self, call: Call) -> InboxItem:
        command = self._registry.get(call.command)
        arguments, blobs = stow_files(command, read_arguments(command, call.arguments), self._house.now())
        made = self._make_item(call, command, arguments)
        return await self._store(made, blobs) if command.acts or call.reply_to else made

    def _make_item(self, call: Call, command: Command, arguments: Mapping[str, Any]) -> InboxItem:
        return InboxItem(
            id=make_id("c"),
            key=name_call(call.door, call.identity or call.actor.person, call.key),
            door=call.door,
            person=call.actor.person,
            cap=call.actor.role,
            place=call.place,
            command=command.name,
            arguments=arguments,
            received_at=self._house.now(),
            reply_to=str(Place.parse(call.reply_to)) if call.reply_to else "",
            private=call.private,
            facts=tuple(call.facts),
            house=self._house.id,
            identity=call.identity,
            name=call.name,
        )

    async def _store(self, made: InboxItem, blobs: Sequence[Blob]) -> InboxItem:
        item, is_new = await self._intake.store((made, blobs))
        if not is_new and (item.command, item.arguments) != (made.command, made.arguments):
            raise Conflict("This Idempotency-Key was used for something else.", remedy="Use a new key for each call.")
        return item

    def _start(self, item: InboxItem, *, insist: bool = False) -> asyncio.Task[Answered]:
        if item.id not in self._running:
            task = asyncio.create_task(self._perform(item, insist), name=f"command {item.command}")
            self._running[item.id] = task
            task.add_done_callback(lambda _: self._running.pop(item.id, None))
        return self._running[item.id]

    async def resume(self) -> int:
        """Do what this bot took on and had not done before its last end; how many calls. What another bot on the same
        store took on is done by that one; where nobody can share the store, all is ours."""
        database = self._house.database
        async with database.reading() as tx:
            left = await list_unhandled(tx, "" if database.is_sqlite else self._house.id)
        for item in left:
            self._start(item, insist=True)
        return len(left)

    async def drain(self, timeout: float) -> None:
        """Wait for calls that run, at most `timeout` seconds, and end the rest: they are done after the next start, as
        are those that come from now on. Who waits for one is told so."""
        self._is_ending = True
        if not self._running:
            return
        _, late = await asyncio.wait(list(self._running.values()), timeout=timeout)
        for task in late:
            log.warning("a command is ended in the middle: it is done after the next start", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _perform(self, item: InboxItem, insist: bool) -> Answered:
        """Run one call and keep its answer. Who waits is told to try again; what nobody has to wait for, because it
        came in before the last end or a place hears of it, is tried again: after a few tries the place is told, after
        many it is given up."""
        tries = 0
        while _is_put_off(answer := await self._try_in_turn(item)):
            tries += 1
            if not insist and not item.reply_to:
                await self._forget(item)
                break
            if tries >= _MOST_TRIES and not _is_put_off(given_up := await self._give_up(item, answer)):
                return given_up
            if tries == _TOLD_AFTER:
                await self._tell_late(item, answer)
            await asyncio.sleep(_AGAIN)
        return answer

    async def _try_in_turn(self, item: InboxItem) -> Answered:
        """What nobody waits for on an open line lets others be stored first."""
        if not item.reply_to:
            return await self._try(item)
        async with self._turns.take():
            return await self._try(item)

    async def _tell_late(self, item: InboxItem, answer: Answered) -> None:
        """Who said it is told that it is not forgotten."""
        minutes = round(_AGAIN * _MOST_TRIES / 60)
        text = f"{item.command} is not done yet: {answer['error']['message']} It is tried again for {minutes} minutes."
        reply = Reply(text=text, visibility=Visibility.ASKER, data={"tone": Tone.BUSY.value})
        with contextlib.suppress(TemporaryFailure):
            async with self._house.database.transaction() as tx:
                await answer_place(tx, item, reply, self._house.now(), f"late:{item.id}")

    async def _give_up(self, item: InboxItem, answer: Answered) -> Answered:
        """An answer for good; while not even that can be written, one that is not."""
        tried = f"{item.command} was tried {_MOST_TRIES} times and is given up: {answer['error']['message']}"
        log.error("a command is given up", command=item.command, call=item.id, reason=answer["error"]["message"])
        remedy = f"{answer['error']['remedy']} Then repeat it.".strip()
        return await self._fail(item, {"error": {"code": "failed", "message": tried, "remedy": remedy}})

    async def _forget(self, item: InboxItem) -> None:
        """Whoever was told to try again, and does not, must not find it done after the next start."""
        with contextlib.suppress(TemporaryFailure):
            async with self._house.database.transaction() as tx:
                await remove(tx, InboxItem, id=item.id, handled_at=None)

    async def _try(self, item: InboxItem) -> Answered:
        """One of the three places that catch everything."""
        try:
            return await self._run(item)
        except _DoneAlready:
            return await self._recall(item)
        except TemporaryFailure as error:
            return describe_error(error)
        except (UserError, PermanentFailure) as error:
            return await self._fail(item, describe_error(error), error)
        except Exception:
            log.exception("command failed", command=item.command, call=item.id)
            return await self._fail(item, _make_broken(item))

    async def _run(self, item: InboxItem) -> Answered:
        command = self._registry.get(item.command)
        async with self._house.database.reading() as tx:
            actor = await load_actor(tx, item.person, item.door, item.cap)
        settings = self._house.settings
        actor = lift_actor(settings, actor, item.facts)
        demand_role(actor, command.name, command.role, read_facts(settings, item.door, item.facts))
        caller = Caller(item.identity, item.name)
        context = Context(actor, item.place, self._house.now(), self._house, self._make_finish(item), caller=caller)
        reply = await command(context, **bind_arguments(command, item.arguments))
        answer = encode_reply(reply)
        if (command.acts or item.reply_to) and context.kept is None:
            async with self._house.database.transaction() as tx:
                await self._make_finish(item)(tx, reply)
        elif context.kept not in (None, reply):
            async with self._house.database.transaction() as tx:
                await amend_item(tx, item.id, answer)
        return {**answer, "secret": reply.secret} if reply.secret else answer

    def _make_finish(self, item: InboxItem) -> Finish:
        async def finish(tx: Transaction, reply: Reply) -> None:
            if not await finish_item(tx, item.id, encode_reply(reply), self._house.now()):
                raise _DoneAlready
            await answer_place(tx, item, reply, self._house.now())

        return finish

    async def _recall(self, item: InboxItem) -> Answered:
        """The answer that was kept by whoever was faster."""
        try:
            async with self._house.database.reading() as tx:
                kept = await get(tx, InboxItem, id=item.id)
        except TemporaryFailure as failure:
            return describe_error(failure)
        return kept.reply if kept and kept.reply is not None else _make_broken(item)

    async def _fail(self, item: InboxItem, answer: Answered, error: CallboardError | None = None) -> Answered:
        """Keep an answer that is an error; a refusal is audited with it."""
        command = self._registry.find(item.command)
        if command and not command.acts and not item.reply_to and not isinstance(error, Refused):
            return answer
        try:
            async with self._house.database.transaction() as tx:
                if isinstance(error, Refused):
                    await self._note_refusal(tx, item, error)
                if await finish_item(tx, item.id, answer, self._house.now()):
                    await answer_place(tx, item, _say_failure(item, answer, error), self._house.now())
        except TemporaryFailure as failure:
            return describe_error(failure)
        return answer

    async def _note_refusal(self, tx: Transaction, item: InboxItem, error: Refused) -> None:
        now = self._house.now()
        actor = await load_actor(tx, item.person, item.door, item.cap)
        await write_audit(tx, actor, item.command, str(item.arguments)[:200], False, error.message, now)
        data = {"command": item.command, "reason": error.message}
        await append_events(tx, Event("command.refused", now, actor=item.person, data=data))


def name_call(door: str, owner: str, key: str) -> str:
    """The key under which a call is stored."""
    return f"{door}:{owner}:{key}"


def _say_failure(item: InboxItem, answer: Answered, error: CallboardError | None) -> Reply:
    """The error; and to somebody unknown in a chat the way in."""
    reply = say_error(answer)
    is_unknown = isinstance(error, Refused) and item.private and not item.person
    return replace(reply, cards=(offer_access(),)) if is_unknown else reply


def _is_put_off(answer: Answered) -> bool:
    return "error" in answer and answer["error"]["code"] == "try_again"


def _make_broken(item: InboxItem) -> Answered:
    """What people hear of a mistake of ours: nothing of it but where to look."""
    message = f"Something broke ({item.id})."
    return {"error": {"code": "broken", "message": message, "remedy": "The bot's log says more."}}


def describe_error(error: CallboardError) -> dict[str, Any]:
    """An error as a stored answer: code, message and what to do."""
    code = {TemporaryFailure: "try_again", PermanentFailure: "failed"}.get(type(error)) or getattr(
        error, "code", "failed"
    )
    return {"error": {"code": code, "message": error.message, "remedy": error.remedy}}


def say_error(answer: Answered) -> Reply:
    """An answer that is an error as it is told to the one who asked."""
    error = answer["error"]
    text = f"{error['message']} {error['remedy']}".strip()
    return Reply(text=text, visibility=Visibility.ASKER, data={"tone": Tone.BAD.value, **answer})
