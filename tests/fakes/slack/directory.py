"""auth.test, users.*, usergroups.*, team.info, bots.info: who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.methods import method
from tests.fakes.slack.records import Call, Denied, Json

if TYPE_CHECKING:
    from tests.fakes.slack.hands import User
    from tests.fakes.slack.server import FakeSlack

_GROUP = ("id", "handle", "name", "user_count")


@method("auth.test", kind="any")
def check_auth(slack: FakeSlack, call: Call) -> Json:
    if slack.tokens[call.token].kind == "app":
        return {"app_name": "Callboard", "app_id": slack.tokens[call.token].app}
    return {
        "url": f"{slack.url}/",
        "team": "Home",
        "user": "callboard",
        "team_id": slack.tokens[call.token].team or slack.team,
        "user_id": slack.bot,
        "bot_id": slack.bot_id,
        "is_enterprise_install": False,
    }


def write_user(slack: FakeSlack, user: User) -> Json:
    """A person as `users.info` tells; the address only with the scope for it and of the own team."""
    foreign = user.team != slack.team
    profile: Json = {"real_name": user.real_name, "display_name": user.name, "team": user.team}
    if "users:read.email" in slack.scopes and not foreign and user.email:
        profile["email"] = user.email
    return {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": user.tz,
        "tz_offset": 0,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_email_confirmed": user.is_email_confirmed,
        "updated": 0,
    } | ({"is_stranger": True} if foreign else {})


@method("users.info", "users:read")
def show_user(slack: FakeSlack, call: Call) -> Json:
    (id,) = call.need("user")
    if id == slack.bot:
        return {"user": {"id": id, "team_id": slack.team, "name": "callboard", "is_bot": True, "profile": {}}}
    if id not in slack.people:
        raise Denied("user_not_found")
    return {"user": write_user(slack, slack.people[id])}


@method("users.lookupByEmail", "users:read.email")
def find_user(slack: FakeSlack, call: Call) -> Json:
    (email,) = call.need("email")
    for user in slack.people.values():
        if user.email.lower() == email.lower() and user.team == slack.team and not user.deleted:
            return {"user": write_user(slack, user)}
    raise Denied("users_not_found")


@method("usergroups.list", "usergroups:read")
def list_groups(slack: FakeSlack, call: Call) -> Json:
    keys = (*_GROUP, "users") if call.is_true("include_users") else _GROUP
    return {"usergroups": [{key: group[key] for key in keys} for group in slack.groups.values()]}


@method("usergroups.users.list", "usergroups:read")
def list_members(slack: FakeSlack, call: Call) -> Json:
    (id,) = call.need("usergroup")
    if id not in slack.groups:
        raise Denied("no_such_subteam")
    return {"users": slack.groups[id]["users"]}


@method("team.info", "team:read")
def show_team(slack: FakeSlack, call: Call) -> Json:
    return {"team": {"id": slack.team, "name": "Home", "domain": "home"}}


@method("bots.info", "users:read")
def show_bot(slack: FakeSlack, call: Call) -> Json:
    id = call.args.get("bot") or slack.bot_id
    if id != slack.bot_id:
        raise Denied("bot_not_found")
    return {"bot": {"id": id, "app_id": slack.app, "user_id": slack.bot, "name": "callboard", "deleted": False}}


@method("apps.connections.open", "connections:write", kind="app")
def open_connection(slack: FakeSlack, call: Call) -> Json:
    return {"url": slack.sockets.issue_url()}
