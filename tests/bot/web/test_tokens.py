"""Keys to the API: made by an admin, shown once, kept nowhere in clear, void when revoked or over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.model import AuditRow, InboxItem, Role, Token
from core.people import digest_token
from core.store import change, find, get
from tests.bot.web.door import Door, assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def make(door: Door, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """A token as the API hands it out."""
    await door.make_token(Role.APPROVER)
    response = await door.command("admin.token", **{"person": "approver", **arguments})
    assert response.status_code == 200, response.text
    reply = response.json()["reply"]
    return reply["secret"], reply["data"]


async def test_a_token_opens_the_door_with_its_role(door: Door) -> None:
    secret, data = await make(door, role="operator", label="ci", days=7)
    assert data["token"] == f"t-{digest_token(secret)[-10:]}"
    assert (data["role"], data["person"], data["label"]) == ("operator", "approver", "ci")
    me = (await door.command("me", secret)).json()["reply"]["data"]
    assert (me["name"], me["role"]) == ("approver", "operator")
    async with door.bot.database.reading() as tx:
        token = await get(tx, Token, digest=digest_token(secret))
    assert token is not None
    assert token.expires_at is not None
    assert token.expires_at - token.created_at == timedelta(days=7)


async def test_a_token_is_a_viewers_for_a_month_unless_said(door: Door) -> None:
    secret, data = await make(door)
    assert data["role"] == "viewer"
    assert_problem(await door.command("spawn", secret, text="say x"), 403, "refused")
    async with door.bot.database.reading() as tx:
        token = await get(tx, Token, digest=digest_token(secret))
    assert token is not None
    assert token.expires_at is not None
    assert token.expires_at - token.created_at == timedelta(days=30)


async def test_a_token_is_shown_once_and_kept_nowhere(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    await door.make_token(Role.APPROVER)
    first = (await door.command("admin.token", key="once", person="approver", label="seen")).json()
    again = (await door.command("admin.token", key="once", person="approver", label="seen")).json()
    secret = first["reply"].pop("secret")
    assert again == first
    assert "once" in first["reply"]["text"]
    async with door.bot.database.reading() as tx:
        kept = [await find(tx, kind) for kind in (InboxItem, AuditRow, Token)]
    assert len([token for token in kept[2] if token.label == "seen"]) == 1
    for place in (kept, await door.events(), await door.told(), capsys.readouterr()):
        assert secret not in str(place)
    await asyncio.to_thread(assert_no_file_holds, door.home, secret)


def assert_no_file_holds(home: Path, secret: str) -> None:
    """Not the database, its log, or the journal."""
    for path in home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


async def test_made_and_revoked_are_written_down(door: Door) -> None:
    _, data = await make(door, label="noted")
    assert (await door.command("admin.revoke", who=data["token"])).status_code == 200
    made, revoked = (await door.events("token.*"))[-2:]
    assert (made["kind"], revoked["kind"]) == ("token.made", "token.revoked")
    assert made["data"] == revoked["data"]
    assert (made["data"]["token"], made["data"]["label"]) == (data["token"], "noted")
    async with door.bot.database.reading() as tx:
        rows = [row for row in await find(tx, AuditRow) if row.subject == data["token"]]
    assert [(row.verb, row.allowed) for row in rows] == [("admin token", True), ("admin revoke", True)]


async def test_a_revoked_token_is_void_at_once(door: Door) -> None:
    secret, data = await make(door)
    assert (await door.call("GET", "/agents", token=secret)).status_code == 200
    assert (await door.command("admin.revoke", who=data["token"].upper().replace("T-", ""))).status_code == 200
    assert_problem(await door.call("GET", "/agents", token=secret), 401, "unauthorized")
    assert_problem(await door.command("admin.revoke", who=data["token"]), 404, "not_found")


async def test_a_token_that_is_over_is_void(door: Door) -> None:
    secret, _ = await make(door, days=1)
    async with door.bot.database.transaction() as tx:
        await change(tx, Token, {"digest": digest_token(secret)}, expires_at=door.bot.clock.now())
    assert_problem(await door.call("GET", "/agents", token=secret), 401, "unauthorized")


async def test_the_list_holds_no_key(door: Door) -> None:
    secret, data = await make(door, label="listed")
    response = await door.command("admin.tokens")
    assert secret not in response.text
    assert digest_token(secret) not in response.text
    listed = response.json()["reply"]["data"]["tokens"]
    assert [item for item in listed if item["label"] == "listed"] == [data]
    assert any(item["label"].startswith("run.json") and item["expires_at"] is None for item in listed)


async def test_only_an_admin_may(door: Door) -> None:
    _, data = await make(door)
    capped = await door.make_token(Role.ADMIN, cap=Role.APPROVER)
    for token in (capped, await door.make_token(Role.APPROVER)):
        for name, arguments in (
            ("admin.token", {"person": "approver"}),
            ("admin.tokens", {}),
            ("admin.revoke", {"who": data["token"]}),
            ("admin.people", {}),
        ):
            assert_problem(await door.command(name, token, **arguments), 403, "refused")


async def test_orders_that_do_not_fit(door: Door) -> None:
    await door.make_token(Role.APPROVER)
    for arguments, status in (
        ({"person": "approver", "role": "admin"}, 400),
        ({"person": "approver", "role": "nobody"}, 400),
        ({"person": "approver", "days": 0}, 400),
        ({"person": "approver", "days": 3_661}, 400),
        ({"person": "whoever"}, 404),
        ({}, 400),
    ):
        response = await door.command("admin.token", **arguments)
        assert response.status_code == status, (arguments, response.text)
    for name in ("t-", "", "t-0", "e", "%"):
        assert (await door.command("admin.revoke", who=name)).status_code in (400, 404), name


async def test_people_with_roles_and_identities(door: Door) -> None:
    await door.make_token(Role.APPROVER)
    people = (await door.command("admin.people")).json()["reply"]["data"]["people"]
    (approver,) = [person for person in people if person["name"] == "approver"]
    assert (approver["role"], approver["identities"]) == ("approver", ["test:APPROVER"])
    assert any(person["role"] == "admin" and person["identities"][0].startswith("local:") for person in people)
