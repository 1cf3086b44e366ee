"""What a command shows once: to the one who asked, and nowhere else."""

from __future__ import annotations

import re
import uuid

import pytest

from core.board import list_entries
from core.model import InboxItem, Role
from core.store import find
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = re.compile(r"/login/([\w-]{43})|\bcb_([\w-]{43})")
JSON, PAGE = {"Accept": "application/json"}, {"Accept": "text/html"}
LINES = ("admin grant kim operator", "login", "admin token admin")


async def assert_kept_nowhere(door: Door, secret: str) -> None:
    async with door.bot.database.reading() as tx:
        entries = await list_entries(tx, ["console:main", f"console:@{door.bot.entrance.local}"], limit=1_000)
        items = await find(tx, InboxItem)
    assert secret not in f"{entries}{items}{await door.events()}"
    assert secret not in (await door.http.get("/", headers=PAGE)).text


def find_secret(text: str) -> str:
    """The one secret in an answer."""
    (found,) = {"".join(match) for match in SECRET.findall(text)}
    return found


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("path", "field"), [("/say", "line"), ("/act", "command")])
@pytest.mark.parametrize("accept", [JSON, PAGE])
async def test_a_secret_is_shown_once(door: Door, line: str, path: str, field: str, accept: dict[str, str]) -> None:
    await door.make_token(Role.ADMIN)  # whose name is admin
    form = {field: f"/agent {line}" if path == "/say" else line, "key": uuid.uuid4().hex}
    first = await door.http.post(path, data=form, headers=accept)
    assert first.status_code == 200, first.text
    secret = find_secret(first.text)
    if accept is JSON:
        assert secret in first.json()["secret"]
    again = await door.http.post(path, data=form, headers=accept, follow_redirects=True)
    assert not SECRET.search(again.text)
    await assert_kept_nowhere(door, secret)
