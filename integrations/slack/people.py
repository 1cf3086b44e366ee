"""What Slack knows of those who act: names, guests, strangers, bots, and groups as far as the settings name them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from integrations.slack.web import call

# How long what Slack says of somebody is believed, in seconds.
BELIEVED = 30.0


@dataclass(frozen=True, slots=True)
class Known:
    """What was found, and when."""

    at: float
    name: str
    facts: tuple[str, ...]


class People:
    """Looks people up. `team` is the workspace that the bot is of, `groups` are the user groups that matter."""

    def __init__(self, client: AsyncWebClient, groups: Sequence[str]) -> None:
        self._client = client
        self._groups = groups
        self._known: dict[str, Known] = {}
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    async def find(self, user: str, team: str) -> Known:
        """Somebody, as Slack has them now. Raises TemporaryFailure and PermanentFailure."""
        now = time.monotonic()
        known = self._known.get(user)
        if known and now - known.at < BELIEVED:
            return known
        said = await call(self._client.users_info(user=user))
        person = said.get("user") or {}
        facts = (*list_facts(person, team), *await self._list_groups(user, now))
        self._known[user] = Known(now, read_name(person), facts)
        if len(self._known) > 5_000:
            del self._known[next(iter(self._known))]
        return self._known[user]

    async def _list_groups(self, user: str, now: float) -> list[str]:
        found = []
        for group in self._groups:
            at, members = self._members.get(group, (-BELIEVED, frozenset[str]()))
            if now - at >= BELIEVED:
                said = await call(self._client.usergroups_users_list(usergroup=group))
                members = frozenset(said.get("users") or ())
                self._members[group] = now, members
            if user in members:
                found.append(f"group:{group}")
        return found


def list_facts(person: Mapping[str, Any], team: str) -> list[str]:
    """guest, foreign, bot: who is none of the workspace's own people. Whoever was deleted is foreign too. Of its own
    people the confirmed address, as `email:ann@example.com`."""
    is_foreign = (
        bool(person.get("deleted")) or bool(person.get("is_stranger")) or person.get("team_id") not in (team, None)
    )
    marks = {
        "bot": bool(person.get("is_bot")) or person.get("id") == "USLACKBOT",
        "guest": bool(person.get("is_restricted")) or bool(person.get("is_ultra_restricted")),
        "foreign": is_foreign,
    }
    found = [name for name, holds in marks.items() if holds]
    # An address that somebody only typed says nothing of who they are, nor does one that another workspace looks after.
    return found or [f"email:{address}" for address in [_read_address(person)] if address]


def _read_address(person: Mapping[str, Any]) -> str:
    """The address of somebody, as far as Slack has made sure that it is theirs (scope users:read.email)."""
    address = str((person.get("profile") or {}).get("email") or "").strip()
    return address if person.get("is_email_confirmed") is True and "@" in address else ""


def read_name(person: Mapping[str, Any]) -> str:
    """What somebody is called."""
    profile = person.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), person.get("real_name"), person.get("name"))
    return next((str(name).strip() for name in names if name and str(name).strip()), "somebody")
