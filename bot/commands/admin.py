"""What admins do: who there is and what they may do, and keys to the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from bot.commands.later import import_later
from bot.commands.parameters import Count, PersonName, PersonOrToken, ProjectName, Shown, Word
from bot.commands.registry import command
from core.messages import Reply, Table

if TYPE_CHECKING:
    from bot.commands.context import Context
    from core import agents, asks, model, roles, sessions, store, tokens, visits
    from core.store import visits as stored
else:
    agents = import_later("core.agents")
    asks = import_later("core.asks")
    visits = import_later("core.visits")
    stored = import_later("core.store.visits")
    model = import_later("core.model")
    roles = import_later("core.roles")
    sessions = import_later("core.sessions")
    store = import_later("core.store")
    tokens = import_later("core.tokens")

RoleName = Literal["viewer", "operator", "approver", "admin"]


@command(
    "admin token",
    "Make a key to the HTTP API; it is shown once",
    role="admin",
    acts=True,
    examples=("admin token kim --role operator --label ci --days 90",),
)
async def make_token(
    ctx: Context,
    person: Annotated[PersonName, "Whose it is."],
    *,
    role: Annotated[RoleName, "The most it may do; viewer when left out."] = "viewer",
    label: Annotated[Word, Shown("LABEL"), "What it is for."] = "",
    days: Annotated[Count, Shown("DAYS"), "How long it lasts."] = 30,
) -> Reply:
    async with ctx.change() as change:
        owner = await agents.find_person(change.tx, person)
        wanted = model.Role[role.upper()]
        secret, token = await tokens.grant_token(change.tx, ctx.actor, owner, wanted, label, days, ctx.now)
        data = _write_token(token, owner.name)
        words = f"{data['token']}: {role} for {owner.name}, until {say_time(token.expires_at)}. {_say_once(ctx)}"
        change.reply = Reply(text=words, data=data, secret=secret)
    return change.reply


def _say_once(ctx: Context) -> str:
    """Others hear of it, too."""
    return f"{ctx.actor.name} alone is shown it, this once."


@command("admin tokens", "Show the keys to the HTTP API", role="admin", examples=("admin tokens",))
async def list_tokens(ctx: Context) -> Reply:
    async with ctx.read() as tx:
        found = await tokens.list_tokens(tx)
        names = {person.id: person.name for person in await store.find(tx, model.Person)}
    data = [_write_token(token, names.get(token.person, token.person)) for token in found]
    rows = [_write_row(item, made) for item, made in zip(data, found, strict=True)]
    return Reply(table=Table(("token", "label", "person", "role", "made", "expires"), rows), data={"tokens": data})


def _write_row(item: dict[str, Any], token: model.Token) -> tuple[str, ...]:
    times = say_time(token.created_at), say_time(token.expires_at)
    return item["token"], item["label"], item["person"], item["role"], *times


@command(
    "admin grant",
    "Give somebody a role, and a link that signs them in to the console once; who is new is added",
    role="admin",
    acts=True,
    examples=("admin grant kim operator", "admin grant kim approver --project sample"),
)
async def grant_role(
    ctx: Context,
    person: Annotated[PersonName, "A name, new or known, or the number of somebody who asks for access."],
    role: Annotated[RoleName, "What they may do."],
    *,
    project: Annotated[ProjectName, "In this project only; they may look at all others."] = "",
) -> Reply:
    house = ctx.house
    within = house.find_project(project).name if project else ""
    lasts = timedelta(minutes=house.settings.http.link_minutes)
    async with ctx.change() as change:
        granted = await roles.grant_role(
            change.tx, ctx.actor, person, model.Role[role.upper()], house.settings.locate, ctx.now, within
        )
        them, what = granted.person, asks.say_granted(model.Role[role.upper()], within)
        words = f"{them.name} is {what}{' and new here' if granted.is_new else ''}."
        data = {"person": them.id, "name": them.name, "role": role, "project": within, "is_new": granted.is_new}
        if granted.ask:
            change.reply = Reply(text=f"{words} Their page goes on by itself.", data=data)
        else:
            secret = await sessions.make_link(change.tx, them.id, model.Role.ADMIN, ctx.actor.person, ctx.now, lasts)
            until = ctx.now + lasts
            words += f" A link signs them in once, until {say_time(until)}. {_say_once(ctx)}"
            data["expires_at"] = until.isoformat()
            change.reply = Reply(text=words, data=data, secret=house.make_login_url(secret))
    return change.reply


@command(
    "admin decline",
    "Do not let somebody in who asks for access",
    role="admin",
    acts=True,
    examples=("admin decline x-7kq2m9wd4t",),
)
async def decline_ask(ctx: Context, ask: Annotated[Word, Shown("ASK"), "The ask, as its card names it."]) -> Reply:
    async with ctx.change() as change:
        declined = await asks.decline_ask(change.tx, ctx.actor, ask, ctx.now)
        data = {"ask": declined.id, "person": declined.person, "name": declined.name}
        change.reply = Reply(text=f"{declined.name} was not let in.", data=data)
    return change.reply


@command(
    "admin revoke",
    "Take a person's role, sessions and tokens, or make one token void; at once",
    role="admin",
    acts=True,
    examples=("admin revoke kim", "admin revoke kim --project sample", "admin revoke t-0f3a9c2d1e"),
)
async def revoke(
    ctx: Context,
    who: PersonOrToken,
    *,
    project: Annotated[ProjectName, "Only the role in this project."] = "",
) -> Reply:
    async with ctx.change() as change:
        known = None if who.lower().startswith("t-") else await roles.find_named(change.tx, who)
        if project:
            them = known or await agents.find_person(change.tx, who)
            await roles.revoke_in_project(change.tx, ctx.actor, them, project, ctx.house.settings.locate, ctx.now)
            role = them.role.name.lower()
            data = {"person": them.id, "name": them.name, "role": role, "project": project}
            change.reply = Reply(text=f"{them.name} is {role} in {project}, as elsewhere.", data=data)
        elif known is None:
            change.reply = await _revoke_token(ctx, change.tx, who)
        else:
            change.reply = await _revoke_person(ctx, change.tx, known)
    return change.reply


async def _revoke_token(ctx: Context, tx: store.Transaction, who: str) -> Reply:
    void = await tokens.revoke_named(tx, ctx.actor, who, ctx.now)
    name = tokens.name_token(void.token)
    signed_out = "" if not void.sessions else " Whose it was is signed out everywhere."
    return Reply(text=f"{name} is void.{signed_out}", data={"token": name, "person": void.token.person})


async def _revoke_person(ctx: Context, tx: store.Transaction, known: model.Person) -> Reply:
    void = await roles.revoke_person(tx, ctx.actor, known, ctx.house.settings.locate, ctx.now)
    counts = f"{void.sessions} sessions, {void.links} links and {void.tokens} tokens"
    data = {"person": known.id, "name": known.name, "role": "nobody", "sessions": void.sessions, "tokens": void.tokens}
    return Reply(text=f"{known.name} has no role any more. Void with it: {counts}.", data=data)


@command(
    "admin people",
    "Show who there is: roles, identities, when they were last here, and who asks for access",
    role="admin",
    examples=("admin people",),
)
async def list_people(ctx: Context) -> Reply:
    async with ctx.read() as tx:
        people = sorted(await store.find(tx, model.Person), key=lambda person: person.name.casefold())
        identities = await store.find(tx, model.Identity)
        seen = await stored.find_last_seen(tx)
        within = await store.find(tx, model.ProjectRole)
        asking = {ask.person: ask for ask in await store.find(tx, visits.Ask, state=visits.AskState.OPEN)}
    data: list[dict[str, Any]] = [
        {
            "id": person.id,
            "name": person.name,
            "role": person.role.name.lower(),
            "projects": {item.project: item.role.name.lower() for item in within if item.person == person.id},
            "identities": sorted(identity.key for identity in identities if identity.person == person.id),
            "last_seen": seen[person.id].isoformat() if person.id in seen else None,
            "asks": asking[person.id].id if person.id in asking else None,
            "word": asking[person.id].word if person.id in asking else None,
        }
        for person in people
    ]
    rows = [_write_person(item, seen.get(item["id"])) for item in data]
    return Reply(table=Table(("person", "role", "last here", "identities", "id"), rows), data={"people": data})


def _write_person(item: dict[str, Any], seen: datetime | None) -> tuple[str, ...]:
    roles = [item["role"], *(f"{role} in {name}" for name, role in sorted(item["projects"].items()))]
    role = f"asks for access: {item['asks']} “{item['word']}”" if item["asks"] else ", ".join(roles)
    return item["name"], role, say_time(seen) if seen else "", ", ".join(item["identities"]), item["id"]


def _write_token(token: model.Token, owner: str) -> dict[str, Any]:
    return {
        "token": tokens.name_token(token),
        "label": token.label,
        "person": owner,
        "role": token.role.name.lower(),
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
    }


def say_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z" if at else "never"
