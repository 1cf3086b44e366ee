from __future__ import annotations

from datetime import timedelta

from core import model
from core.files import Blob, FileRef, refer_to
from core.store import Database, change, find, insert
from core.store.files import forget_blobs, keep_blobs, load_contents
from tests.fakes.clock import START

OLD, NEW = START - timedelta(days=3), START
LIMIT = START - timedelta(days=1)
USED, LOST, FRESH = (refer_to(f"{word}.txt", word.encode()) for word in ("used", "lost", "fresh"))


def make_blob(ref: FileRef, at: object = OLD) -> Blob:
    return Blob(ref.sha256, ref.name.removesuffix(".txt").encode(), at)  # type: ignore[arg-type]


async def fill(database: Database) -> None:
    person = model.Person("p-1", "alice", model.Role.ADMIN, START)
    agent = model.Agent("web-1", 1, "web", "demo", "task", "p-1", "fake:x", START, START)
    message = model.AgentMessage("m-1", "web-1", 1, "x", "p-1", model.MessageState.DONE, False, START, (USED,))
    plain = model.AgentMessage("m-2", "web-1", 2, "x", "p-1", model.MessageState.DONE, False, START)
    async with database.transaction() as tx:
        await insert(tx, person, agent, message, plain)
        await keep_blobs(tx, [make_blob(USED), make_blob(LOST), make_blob(FRESH, NEW)])


async def test_contents_are_kept_once_and_found(database: Database) -> None:
    await fill(database)
    async with database.transaction() as tx:
        await keep_blobs(tx, [make_blob(LOST, NEW), make_blob(LOST, NEW)])
        assert len(await find(tx, Blob)) == 3
        assert await load_contents(tx, (USED, LOST)) == {USED.sha256: b"used", LOST.sha256: b"lost"}
        assert await load_contents(tx, ()) == {}
        assert await forget_blobs(tx, LIMIT) == 0


async def test_only_what_is_old_and_nobodys_is_forgotten(database: Database) -> None:
    await fill(database)
    async with database.transaction() as tx:
        assert await forget_blobs(tx, LIMIT) == 1
        assert {blob.sha256 for blob in await find(tx, Blob)} == {USED.sha256, FRESH.sha256}
        await change(tx, model.Agent, {"id": "web-1"}, removed_at=START)
        assert await forget_blobs(tx, LIMIT) == 1
        assert [blob.sha256 for blob in await find(tx, Blob)] == [FRESH.sha256]


async def test_nothing_is_forgotten_while_a_call_is_not_done(database: Database) -> None:
    await fill(database)
    item = model.InboxItem("c-1", "k", "http", "p-1", model.Role.ADMIN, "fake:x", "spawn", {}, OLD)
    async with database.transaction() as tx:
        await insert(tx, item)
        assert await forget_blobs(tx, LIMIT) == 0
