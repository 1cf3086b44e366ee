"""The request street: stored, then done once, by the one who may, and answered; on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import pytest

from bot.commands.context import Context
from bot.commands.parameters import TEXT
from bot.commands.registry import Registry, command
from bot.dispatcher import Call, Dispatcher
from bot.house import House
from core.audit import write_audit
from core.errors import BadInput, Conflict, NotFound, PermanentFailure, Refused, TemporaryFailure
from core.inbox import receive_item
from core.messages import Reply, Visibility
from core.model import Actor, AuditRow, Delivery, InboxItem, Person, Role
from core.people import ensure_person, load_actor
from core.settings import Settings
from core.store import Database, change, find, get, list_events
from tests.fakes.clock import FakeClock

SECRET = "the database password is swordfish"


@dataclass
class Desk:
    """A dispatcher over commands that only count what they do."""

    database: Database
    clock: FakeClock = field(default_factory=FakeClock)
    done: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None
    reply_to: str = ""
    settings: Settings = field(default_factory=Settings)
    id: str = "h-1"
    actor: Actor = field(init=False)

    def __post_init__(self) -> None:
        self.registry = make_registry(self)
        self.dispatcher = self.make_dispatcher()

    def now(self) -> Any:
        return self.clock.now()

    def make_dispatcher(self) -> Dispatcher:
        return Dispatcher(cast("House", self), self.registry)

    async def admit(self, role: Role = Role.ADMIN, name: str = "kim") -> Actor:
        async with self.database.transaction() as tx:
            person = await ensure_person(tx, f"test:{name}", name, role, self.now())
            self.actor = await load_actor(tx, person.id, "api")
        return self.actor

    def make_call(self, name: str, text: str = "x", key: str = "k1", actor: Actor | None = None) -> Call:
        return Call(key, "api", actor or self.actor, "terminal:up", name, {"text": text}, self.reply_to)

    async def call(self, name: str, text: str = "x", key: str = "k1", actor: Actor | None = None) -> dict[str, Any]:
        _, answer = await self.dispatcher.call(self.make_call(name, text, key, actor))
        return dict(answer)

    async def items(self) -> list[InboxItem]:
        async with self.database.reading() as tx:
            return await find(tx, InboxItem)

    async def told(self) -> list[tuple[str, str]]:
        """What places hear: where, and the words."""
        async with self.database.reading() as tx:
            return [(item.place, str(item.body["text"])) for item in await find(tx, Delivery)]

    async def audit(self) -> list[AuditRow]:
        async with self.database.reading() as tx:
            return await find(tx, AuditRow)


Text = Annotated[str, TEXT, "Words."]


def make_registry(desk: Desk) -> Registry:
    @command("act", "Act", role="operator", acts=True)
    async def act(ctx: Context, text: Text) -> Reply:
        desk.entered.set()
        if text == "wait":
            await desk.gate.wait()
        async with ctx.change() as change_:
            await write_audit(change_.tx, ctx.actor, "act", text, True, "", ctx.now)
            change_.reply = Reply(text=f"did {text}")
        desk.done.append(text)
        return change_.reply

    @command("talk", "Act, then say more", role="operator", acts=True)
    async def talk(ctx: Context, text: Text) -> Reply:
        async with ctx.change() as change_:
            change_.reply = Reply(text="short")
        if desk.error is not None:
            raise desk.error
        return Reply(text="longer")

    @command("outside", "Act without a transaction", role="operator", acts=True)
    async def outside(ctx: Context, text: Text) -> Reply:
        desk.done.append(text)
        return Reply(text="outside", visibility=Visibility.ASKER if text == "hint" else Visibility.EVERYONE)

    @command("whisper", "Make a secret", role="operator", acts=True)
    async def whisper(ctx: Context, text: Text) -> Reply:
        async with ctx.change() as change_:
            change_.reply = Reply(text="made", secret=SECRET)
        return change_.reply

    @command("fail", "Raise", role="operator", acts=True)
    async def fail(ctx: Context, text: Text) -> Reply:
        desk.done.append(text)
        assert desk.error is not None
        raise desk.error

    @command("look", "Look", acts=False)
    async def look(ctx: Context, text: Text) -> Reply:
        if desk.error is not None:
            raise desk.error
        desk.done.append(text)
        return Reply(text="seen")

    return Registry([act, talk, outside, whisper, fail, look])


@pytest.fixture
async def desk(database: Database) -> Desk:
    found = Desk(database)
    await found.admit()
    return found


async def test_stored_before_it_is_done(desk: Desk) -> None:
    calling = asyncio.create_task(desk.call("act", "wait"))
    await asyncio.wait_for(desk.entered.wait(), 10)
    (item,) = await desk.items()
    assert (item.command, item.arguments, item.handled_at) == ("act", {"text": "wait"}, None)
    desk.gate.set()
    assert (await calling)["text"] == "did wait"
    (item,) = await desk.items()
    assert item.handled_at == desk.now()
    assert item.reply is not None
    assert item.reply["text"] == "did wait"


async def test_a_repeated_call_acts_once(desk: Desk) -> None:
    first = await desk.call("act")
    assert await desk.call("act") == first
    desk.dispatcher = desk.make_dispatcher()
    assert await desk.call("act") == first
    assert desk.done == ["x"]


async def test_calls_at_the_same_time_act_once(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.call("act", key="same") for _ in range(10)))
    assert desk.done == ["x"]
    assert all(answer == answers[0] for answer in answers)
    assert len(await desk.items()) == 1


async def test_two_processes_act_once(postgres_pair: tuple[Database, Database]) -> None:
    """Both have the call, neither knows of the other: the act's own transaction decides."""
    one, other = (Desk(database) for database in postgres_pair)
    other.actor = await one.admit()
    calls = [asyncio.create_task(each.call("act", "wait", "same")) for each in (one, other)]
    for each in (one, other):
        await asyncio.wait_for(each.entered.wait(), 10)
    for each in (one, other):
        each.gate.set()
    answers = await asyncio.gather(*calls)
    assert [answer["text"] for answer in answers] == ["did wait", "did wait"]
    assert one.done + other.done == ["wait"]
    assert [row.verb for row in await one.audit()] == ["act"]


async def test_a_key_for_something_else_is_a_conflict(desk: Desk) -> None:
    await desk.call("act", "one")
    for name, text in (("act", "two"), ("outside", "one")):
        with pytest.raises(Conflict, match="Idempotency-Key"):
            await desk.call(name, text)
    assert desk.done == ["one"]


async def test_keys_of_two_people_are_two(desk: Desk) -> None:
    first = desk.actor
    second = await desk.admit(name="lee")
    for actor in (first, second):
        await desk.call("act", "same", actor=actor)
    assert desk.done == ["same", "same"]


async def test_killed_between_stored_and_done(desk: Desk) -> None:
    """What a killed process leaves: an item, and nobody at it."""
    item = InboxItem("c-1", "api:p:k", "api", desk.actor.person, Role.ADMIN, "terminal:up", "act", {"text": "late"},
                     desk.now())  # fmt: skip
    async with desk.database.transaction() as tx:
        await receive_item(tx, item)
    assert await desk.dispatcher.resume() == 1
    await desk.dispatcher.drain(10)
    assert desk.done == ["late"]
    assert await desk.make_dispatcher().resume() == 0


async def test_the_caller_who_went_away_finds_it_done(desk: Desk) -> None:
    calling = asyncio.create_task(desk.call("act", "wait"))
    await asyncio.wait_for(desk.entered.wait(), 10)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    desk.gate.set()
    await desk.dispatcher.drain(10)
    assert desk.done == ["wait"]
    assert (await desk.call("act", "wait"))["text"] == "did wait"
    assert desk.done == ["wait"]


async def test_drain_waits_for_what_runs(desk: Desk) -> None:
    calling = asyncio.create_task(desk.call("act", "wait"))
    await asyncio.wait_for(desk.entered.wait(), 10)
    draining = asyncio.create_task(desk.dispatcher.drain(10))
    desk.gate.set()
    await draining
    assert desk.done == ["wait"]
    assert (await calling)["text"] == "did wait"


async def test_what_is_not_drained_is_done_after_the_start(desk: Desk) -> None:
    calling = asyncio.create_task(desk.call("act", "wait"))
    await asyncio.wait_for(desk.entered.wait(), 10)
    await desk.dispatcher.drain(0.01)
    desk.gate.set()
    with pytest.raises(TemporaryFailure, match=r"The bot is ending; this is done after its next start\."):
        await calling
    assert desk.done == []
    again = desk.make_dispatcher()
    assert await again.resume() == 1
    await again.drain(10)
    assert desk.done == ["wait"]


async def test_what_comes_while_the_bot_ends_is_kept_and_not_begun(desk: Desk) -> None:
    await desk.dispatcher.drain(10)
    with pytest.raises(TemporaryFailure, match="done after its next start"):
        await desk.call("act", "late")
    with pytest.raises(TemporaryFailure, match="nothing was begun"):
        await desk.call("look")
    assert await desk.dispatcher.take(desk.make_call("act", "later", "k2")) is None
    assert desk.done == []
    again = desk.make_dispatcher()
    assert await again.resume() == 2
    await again.drain(10)
    assert sorted(desk.done) == ["late", "later"]
    _, answer = await again.call(desk.make_call("act", "late"))
    assert answer["text"] == "did late"


async def test_refused_is_audited_and_told(desk: Desk) -> None:
    viewer = await desk.admit(Role.VIEWER, "vic")
    answer = await desk.call("act", actor=viewer)
    assert answer["error"]["code"] == "refused"
    assert "operator" in answer["error"]["message"]
    (row,) = await desk.audit()
    assert (row.actor, row.via, row.verb, row.allowed) == (viewer.person, "api", "act", False)
    async with desk.database.reading() as tx:
        (event,) = await list_events(tx, kinds=["command.refused"])
    assert (event.actor, event.data["command"]) == (viewer.person, "act")
    assert desk.done == []
    assert await desk.call("act", actor=viewer) == answer
    assert len(await desk.audit()) == 1


async def test_a_refused_look_is_audited_too(desk: Desk) -> None:
    nobody = await desk.admit(Role.NOBODY, "nemo")
    assert (await desk.call("look", actor=nobody))["error"]["code"] == "refused"
    assert [row.verb for row in await desk.audit()] == ["look"]


async def test_the_role_counts_that_one_has_when_it_is_done(desk: Desk) -> None:
    item = InboxItem("c-1", "api:p:k", "api", desk.actor.person, Role.ADMIN, "terminal:up", "act", {"text": "late"},
                     desk.now())  # fmt: skip
    async with desk.database.transaction() as tx:
        await receive_item(tx, item)
        await change(tx, Person, {"id": desk.actor.person}, role=Role.VIEWER)
    await desk.dispatcher.resume()
    await desk.dispatcher.drain(10)
    assert desk.done == []
    assert [row.allowed for row in await desk.audit()] == [False]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("No.", remedy="Try."), "bad_input"),
        (NotFound("No.", remedy="Try."), "not_found"),
        (Conflict("No.", remedy="Try."), "conflict"),
        (Refused("No.", remedy="Try."), "refused"),
        (PermanentFailure("No.", remedy="Try."), "failed"),
    ],
)
async def test_an_error_is_an_answer_and_kept(desk: Desk, error: Exception, code: str) -> None:
    desk.error = error
    answer = await desk.call("fail")
    assert answer == {"error": {"code": code, "message": "No.", "remedy": "Try."}}
    assert await desk.call("fail") == answer
    assert desk.done == ["x"]


async def test_a_temporary_failure_is_not_kept(desk: Desk) -> None:
    """Nor is it done behind the back of whoever was told to try again, at some start weeks later."""
    desk.error = TemporaryFailure("Later.")
    assert (await desk.call("fail"))["error"]["code"] == "try_again"
    assert await desk.items() == []
    assert await desk.make_dispatcher().resume() == 0
    desk.error = NotFound("Now.")
    assert (await desk.call("fail"))["error"]["code"] == "not_found"
    assert desk.done == ["x", "x"]


async def test_what_nobody_waits_for_is_tried_until_it_is_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.dispatcher._AGAIN", 0.01)
    monkeypatch.setattr("bot.dispatcher._MOST_TRIES", 1_000_000)
    item = InboxItem("c-1", "api:p:k", "api", desk.actor.person, Role.ADMIN, "terminal:up", "fail", {"text": "late"},
                     desk.now())  # fmt: skip
    async with desk.database.transaction() as tx:
        await receive_item(tx, item)
    desk.error = TemporaryFailure("Later.")
    assert await desk.dispatcher.resume() == 1
    async with asyncio.timeout(10):
        while len(desk.done) < 3:
            await asyncio.sleep(0.01)
    desk.error = NotFound("Now.")
    await desk.dispatcher.drain(10)
    (item,) = await desk.items()
    assert item.handled_at


async def test_a_mistake_of_ours_is_logged_and_not_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.error = RuntimeError(SECRET)
    answer = await desk.call("fail")
    (item,) = await desk.items()
    assert answer["error"]["code"] == "broken"
    assert answer["error"]["message"] == f"Something broke ({item.id})."
    assert SECRET not in str(answer)
    logged = "".join(capsys.readouterr())
    assert item.id in logged
    assert "RuntimeError" in logged
    assert await desk.call("fail") == answer


async def test_looking_is_not_stored(desk: Desk) -> None:
    assert (await desk.call("look"))["text"] == "seen"
    await desk.call("look")
    assert desk.done == ["x", "x"]
    assert await desk.items() == []
    desk.error = RuntimeError("bug")
    assert (await desk.call("look"))["error"]["code"] == "broken"
    desk.error = NotFound("No.")
    assert (await desk.call("look"))["error"]["code"] == "not_found"
    assert await desk.items() == []


async def test_the_fuller_answer_is_kept(desk: Desk) -> None:
    assert (await desk.call("talk"))["text"] == "longer"
    assert (await desk.call("talk"))["text"] == "longer"


async def test_what_breaks_after_the_act_does_not_undo_it(desk: Desk) -> None:
    desk.error = RuntimeError("bug")
    assert (await desk.call("talk"))["error"]["code"] == "broken"
    assert (await desk.call("talk"))["text"] == "short"


async def test_acts_outside_the_store_are_kept_as_well(desk: Desk) -> None:
    assert await desk.call("outside") == await desk.call("outside")
    assert desk.done == ["x"]


async def test_a_secret_is_told_once_and_kept_nowhere(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert (await desk.call("whisper"))["secret"] == SECRET
    again = await desk.call("whisper")
    assert again["text"] == "made"
    assert SECRET not in str(again)
    assert SECRET not in str(await desk.items())
    assert SECRET not in repr(Reply(secret=SECRET))
    assert SECRET not in "".join(capsys.readouterr())


async def test_words_that_do_not_fit_are_not_stored(desk: Desk) -> None:
    with pytest.raises(BadInput):
        await desk.call("act", "")
    with pytest.raises(NotFound):
        await desk.call("dance")
    assert await desk.items() == []


async def test_a_command_that_is_gone_is_answered(desk: Desk) -> None:
    item = InboxItem("c-1", "api:p:k", "api", desk.actor.person, Role.ADMIN, "terminal:up", "dance", {}, desk.now())
    async with desk.database.transaction() as tx:
        await receive_item(tx, item)
    await desk.dispatcher.resume()
    await desk.dispatcher.drain(10)
    async with desk.database.reading() as tx:
        kept = await get(tx, InboxItem, id="c-1")
    assert kept is not None
    assert kept.reply is not None
    assert kept.reply["error"]["code"] == "not_found"


# ------------------------------------------------------------------------------------------ places that hear of it

CHANNEL = "slack:C1/17.2"


async def test_the_place_that_is_named_hears_the_answer_once(desk: Desk) -> None:
    desk.reply_to = CHANNEL
    await desk.call("act")
    await desk.call("act")
    desk.dispatcher = desk.make_dispatcher()
    await asyncio.gather(*(desk.call("act") for _ in range(5)))
    assert await desk.told() == [(CHANNEL, "did x")]
    await desk.call("outside", key="k2")
    assert await desk.told() == [(CHANNEL, "did x"), (CHANNEL, "outside")]


async def test_nobody_else_hears_of_it(desk: Desk) -> None:
    await desk.call("act")
    await desk.call("look", key="k2")
    assert await desk.told() == []


async def test_a_place_hears_also_of_what_only_looks_once(desk: Desk) -> None:
    desk.reply_to = CHANNEL
    await desk.call("look")
    await desk.call("look")
    assert len(await desk.told()) == 1
    assert [item.command for item in await desk.items()] == ["look"]


async def test_what_is_for_the_asker_goes_to_the_asker(desk: Desk) -> None:
    desk.reply_to = CHANNEL
    await desk.call("outside", "hint", key="k1")
    desk.error = NotFound("No such thing.", remedy="Look again.")
    await desk.call("fail", key="k2")
    mine = f"slack:@{desk.actor.person}"
    assert await desk.told() == [(mine, "outside"), (mine, "No such thing. Look again.")]


async def test_a_refusal_is_told_to_the_one_who_is_refused(desk: Desk) -> None:
    desk.reply_to = CHANNEL
    nobody = await desk.admit(Role.NOBODY, "nemo")
    await desk.call("act", actor=nobody)
    ((place, words),) = await desk.told()
    assert (place, "no role" in words) == (f"slack:@{nobody.person}", True)


async def test_a_secret_goes_to_no_place(desk: Desk) -> None:
    desk.reply_to = CHANNEL
    assert (await desk.call("whisper"))["secret"] == SECRET
    async with desk.database.reading() as tx:
        (delivery,) = await find(tx, Delivery)
    assert SECRET not in str(delivery)


async def test_a_place_that_is_none_is_refused_before_anything_is_stored(desk: Desk) -> None:
    desk.reply_to = "nowhere"
    with pytest.raises(BadInput):
        await desk.call("act")
    assert await desk.items() == []


async def test_who_need_not_wait_is_not_told_to_try_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.dispatcher._AGAIN", 0.01)
    monkeypatch.setattr("bot.dispatcher._TOLD_AFTER", 1_000_000)
    monkeypatch.setattr("bot.dispatcher._MOST_TRIES", 1_000_000)
    desk.reply_to = CHANNEL
    desk.error = TemporaryFailure("Later.")
    calling = asyncio.create_task(desk.call("fail"))
    async with asyncio.timeout(10):
        while len(desk.done) < 3:
            await asyncio.sleep(0.01)
    desk.error = NotFound("Now.")
    assert (await calling)["error"]["code"] == "not_found"
    assert await desk.told() == [(f"slack:@{desk.actor.person}", "Now.")]


async def test_who_waits_long_is_told_and_in_the_end_it_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.dispatcher._AGAIN", 0.001)
    desk.reply_to = CHANNEL
    desk.error = TemporaryFailure("The disk is full.", remedy="Make room.")
    answer = await desk.call("fail")
    assert len(desk.done) == 40
    assert answer["error"]["code"] == "failed"
    mine = f"slack:@{desk.actor.person}"
    assert await desk.told() == [
        (mine, "fail is not done yet: The disk is full. It is tried again for 0 minutes."),
        (mine, "fail was tried 40 times and is given up: The disk is full. Make room. Then repeat it."),
    ]
    assert await desk.make_dispatcher().resume() == 0


async def test_while_nothing_can_be_written_nothing_is_given_up(
    desk: Desk, no_writes: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer would be lost; it is kept for when the store is back."""
    monkeypatch.setattr("bot.dispatcher._AGAIN", 0.001)
    monkeypatch.setattr("bot.dispatcher._MOST_TRIES", 1_000_000)
    desk.reply_to = CHANNEL
    desk.error = TemporaryFailure("Later.")
    calling = asyncio.create_task(desk.call("fail"))
    async with asyncio.timeout(30):
        while not desk.done:
            await asyncio.sleep(0.001)
        no_writes()
        monkeypatch.setattr("bot.dispatcher._MOST_TRIES", 1)
        while len(desk.done) < 50:
            await asyncio.sleep(0.001)
    assert not calling.done()
    monkeypatch.undo()
    assert (await calling)["error"]["code"] == "failed"


async def test_what_was_not_done_before_the_end_is_answered_after_it(desk: Desk) -> None:
    item = InboxItem("c-1", "api:p:k", "api", desk.actor.person, Role.ADMIN, "slack:C1", "act", {"text": "x"},
                     desk.now(), reply_to=CHANNEL)  # fmt: skip
    async with desk.database.transaction() as tx:
        await receive_item(tx, item)
    assert await desk.told() == []
    for _ in range(2):
        desk.dispatcher = desk.make_dispatcher()
        await desk.dispatcher.resume()
        await desk.dispatcher.drain(10)
    assert await desk.told() == [(CHANNEL, "did x")]


async def test_two_processes_answer_once(postgres_pair: tuple[Database, Database]) -> None:
    one, other = (Desk(database) for database in postgres_pair)
    for desk in (one, other):
        await desk.admit()
        desk.reply_to = CHANNEL
    await asyncio.gather(*(desk.call("act", key=str(n)) for n in range(5) for desk in (one, other)))
    assert await one.told() == [(CHANNEL, "did x")] * 5


@pytest.fixture
def no_writes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def break_store() -> None:
        def refuse() -> Any:
            raise TemporaryFailure("the database cannot be used.")

        monkeypatch.setattr(desk.database, "transaction", refuse)

    return break_store


async def test_no_acknowledgement_without_a_durable_write(desk: Desk, no_writes: Callable[[], None]) -> None:
    no_writes()
    with pytest.raises(TemporaryFailure):
        await desk.call("act")
    assert desk.done == []


async def test_a_refusal_that_cannot_be_written_is_asked_again(desk: Desk, no_writes: Callable[[], None]) -> None:
    nobody = await desk.admit(Role.NOBODY, "nemo")
    no_writes()
    assert (await desk.call("look", actor=nobody))["error"]["code"] == "try_again"


async def test_two_bots_on_one_store_do_their_own(desk: Desk) -> None:
    """Whoever starts does not begin what another, living one is at."""
    first = asyncio.create_task(desk.call("act", "wait"))
    await desk.entered.wait()
    desk.entered.clear()
    other = Desk(desk.database, desk.clock, id="h-2")
    other.actor = desk.actor
    assert await other.dispatcher.resume() == (1 if desk.database.is_sqlite else 0)
    if not desk.database.is_sqlite:
        desk.gate.set()
        assert (await first)["text"] == "did wait"
        assert (desk.done, other.done) == (["wait"], [])
    first.cancel()
    for one in (desk, other):
        one.gate.set()
        await one.dispatcher.drain(5)
