"""What the bot needs, as the page says it; and what it has in a channel, by Discord's own order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.discord.permissions import NEEDS, PERMISSIONS, list_missing, read_app, sum_permissions
from tests.fakes.discord.records import BITS

PAGE = Path(__file__).parents[3] / "docs" / "discord.md"
VIEW, SEND, ADMIN = BITS["VIEW_CHANNEL"], BITS["SEND_MESSAGES"], BITS["ADMINISTRATOR"]
MEMBER = {"user": {"id": "5"}, "roles": ["2", "3"]}


def make_guild(*more: int) -> dict[str, Any]:
    roles = [{"id": str(number), "permissions": str(bits)} for number, bits in enumerate([VIEW, *more], 1)]
    return {"id": "1", "owner_id": "9", "roles": roles}


def say(id: str, allow: int = 0, deny: int = 0) -> dict[str, Any]:
    return {"id": id, "allow": str(allow), "deny": str(deny)}


def test_the_page_names_each_with_its_reason() -> None:
    page = PAGE.read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert [row for need in NEEDS if (row := f"| {need.name} | {need.why} |") not in rows] == []
    assert f"Together they are {PERMISSIONS}," in page


@pytest.mark.parametrize(
    ("overwrites", "has"),
    [
        ([], VIEW | SEND),
        ([say("1", deny=VIEW)], SEND),
        ([say("1", deny=VIEW), say("2", allow=VIEW)], VIEW | SEND),
        ([say("2", allow=SEND), say("3", deny=SEND)], VIEW | SEND),
        ([say("2", allow=VIEW), say("5", deny=VIEW)], SEND),
        ([say("4", deny=VIEW), say("6", deny=SEND)], VIEW | SEND),
    ],
)
def test_roles_then_channel_then_member(overwrites: list[dict[str, Any]], has: int) -> None:
    assert sum_permissions(make_guild(SEND), MEMBER, {"permission_overwrites": overwrites}) == has


def test_owners_and_administrators_lack_nothing() -> None:
    channel = {"permission_overwrites": [say("1", deny=VIEW)]}
    assert list_missing(sum_permissions(make_guild(ADMIN), MEMBER, channel)) == []
    assert list_missing(sum_permissions(make_guild() | {"owner_id": "5"}, MEMBER, channel)) == []
    assert list_missing(sum_permissions(make_guild(), MEMBER, channel)) == ["View Channels"]
    assert "Send Messages" in list_missing(VIEW)


@pytest.mark.parametrize(("token", "app"), [("MTIzNDU2Nzg5MDEyMzQ1Njc4.a.b", "123456789012345678"), ("x.y.z", "")])
def test_a_token_says_its_application(token: str, app: str) -> None:
    assert read_app(token) == app
