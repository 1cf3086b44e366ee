"""People: who I am here, and how I sign in to the console."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from bot.commands.later import import_later
from bot.commands.parameters import CodeWord, LoosePerson, Shown, Word
from bot.commands.registry import command
from core.errors import Conflict
from core.messages import Card, Reply, Visibility

if TYPE_CHECKING:
    from bot import admission, choice
    from bot.commands.context import Context
    from core import agents, audit, claims, codes, identities, model, permissions, sessions, store, visits
    from core.store import fleet
else:
    admission = import_later("bot.admission")
    choice = import_later("bot.choice")
    claims = import_later("core.claims")
    codes = import_later("core.codes")
    identities = import_later("core.identities")
    visits = import_later("core.visits")
    agents = import_later("core.agents")
    audit = import_later("core.audit")
    model = import_later("core.model")
    permissions = import_later("core.permissions")
    sessions = import_later("core.sessions")
    store = import_later("core.store")
    fleet = import_later("core.store.fleet")

_MAY = {
    "nobody": "nothing yet",
    "viewer": "look",
    "operator": "look, and run agents of your own",
    "approver": "look, run agents, and approve what they ask for",
    "admin": "everything",
}


@command("me show", "Show who you are here and what you may do", synonyms=("me", "whoami"), examples=("me",))
async def show_me(ctx: Context) -> Reply:
    actor = ctx.actor
    async with ctx.read() as tx:
        linked = await identities.list_linked(tx, actor.person)
        mine = await fleet.list_agents(tx, owner=actor.person, outcome=model.Outcome.NONE)
        here = await choice.say_custom(tx, ctx.house, ctx.place)
    role = actor.role.name.lower()
    within = "".join(f", {value.name.lower()} in {name}" for name, value in sorted(actor.projects.items()))
    fields = [
        ("you may", _MAY[role]),
        ("known as", ", ".join(map(_say_identity, linked)) or "nobody but you"),
        ("agents at work", str(len(mine))),
        *([("default here", here)] if here else []),
    ]
    data = {
        "person": actor.person,
        "name": actor.name,
        "role": role,
        "projects": {name: value.name.lower() for name, value in actor.projects.items()},
        "identities": sorted(item.key for item in linked),
        "linked": [{"key": item.key, "by": item.origin} for item in linked],
    }
    hint = "`me link` makes a code that joins what you are in another place to this."
    card = Card(f"{actor.name}: {role}{within}", fields=fields)
    return Reply(cards=(card,), data=data, visibility=Visibility.ASKER, hint=hint)


def _say_identity(item: model.Identity) -> str:
    return f"{item.key} (by {'a code' if item.origin == identities.CODE else 'e-mail'})" if item.origin else item.key


@command(
    "me claim",
    "Become the first admin of a chat, by the code that the bot shows at its start",
    acts=True,
    examples=("me claim 7KQM-2XPD-9RTW",),
)
async def claim(ctx: Context, code: CodeWord) -> Reply:
    caller, chats = ctx.caller, admission.needs_claim(ctx.house.settings)
    if not caller.identity:
        raise Conflict("A code of the start is said in a chat.", remedy="Say it where nobody is known yet.")
    async with ctx.change() as change:
        made = await claims.claim_chat(change.tx, code, caller.identity, caller.name, chats, ctx.now)
        if made:
            words = (
                f"You are {made.name} here, and admin. Whoever else wants to come in asks for access; you are asked."
            )
            data = {"person": made.id, "name": made.name, "role": "admin"}
            change.reply = Reply(text=words, data=data, visibility=Visibility.ASKER, hint="Try: `help`, `me`")
    if change.reply is None:
        raise codes.refuse_code("Where nobody is known, each start of the bot shows one.")
    return change.reply


@command(
    "me link",
    "Make a code that joins you in another place to who you are here; with a code: join",
    acts=True,
    examples=("me link", "me link 7KQM-2XPD-9RTW"),
)
async def link(
    ctx: Context, code: Annotated[CodeWord, "The code that `me link` showed you in another place."] = ""
) -> Reply:
    if not code:
        return await _make_link_code(ctx)
    async with ctx.change() as change:
        joined = await identities.join_by_code(change.tx, ctx.actor, code, ctx.caller.identity, ctx.now)
        if joined and not joined.refusal:
            person = joined.person
            was = f", and no longer {joined.former}" if joined.former not in ("", person.name) else ""
            words = f"You are {person.name} here too{was}: {person.role.name.lower()}."
            data = {"person": person.id, "name": person.name, "role": person.role.name.lower(), "former": joined.former}
            change.reply = Reply(text=words, data=data, visibility=Visibility.ASKER)
    if change.reply is None:
        again = "Where you are known, `me link` makes another."
        raise (joined and joined.refusal) or codes.refuse_code(again)
    return change.reply


async def _make_link_code(ctx: Context) -> Reply:
    async with ctx.change() as change:
        secret = await identities.make_link_code(change.tx, ctx.actor, ctx.now)
        until = ctx.now + codes.LASTS[visits.Purpose.LINK]
        words = (
            f"Say `me link` with this code in another place, until {sessions.say_moment(until)}, and you are "
            f"{ctx.actor.name} there too. Give it to nobody: whoever says it is you. It is shown this once."
        )
        data = {"expires_at": until.isoformat()}
        change.reply = Reply(text=words, data=data, visibility=Visibility.ASKER, secret=secret)
    return change.reply


@command(
    "me unlink",
    "Take back what a code joined: it is nobody you know then",
    acts=True,
    examples=("me unlink slack:T012AB3CD/U024BE7LH",),
)
async def unlink(ctx: Context, identity: Annotated[Word, Shown("IDENTITY"), "As `me` shows it."]) -> Reply:
    async with ctx.change() as change:
        gone = await identities.unlink_identity(change.tx, ctx.actor, identity, ctx.now)
        data = {"identity": gone.key, "person": gone.person}
        change.reply = Reply(text=f"{gone.key} is nobody here any more.", data=data, visibility=Visibility.ASKER)
    return change.reply


@command(
    "login",
    "Make a link that signs in to the console once",
    acts=True,
    examples=("login", "login kim"),
)
async def make_link(
    ctx: Context, person: Annotated[LoosePerson, "Whom it signs in, for admins; you when left out."] = ""
) -> Reply:
    lasts = timedelta(minutes=ctx.house.settings.http.link_minutes)
    async with ctx.change() as change:
        them, cap = await _find_guest(ctx, change.tx, person)
        secret = await sessions.make_link(change.tx, them.id, cap, ctx.actor.person, ctx.now, lasts)
        until = ctx.now + lasts
        await audit.write_audit(change.tx, ctx.actor, "login", them.id, True, "a link was made", ctx.now)
        change.reply = Reply(
            text=f"This link signs {them.name} in once, until {sessions.say_moment(until)}; it is shown this once.",
            data={"person": them.id, "name": them.name, "expires_at": until.isoformat()},
            visibility=Visibility.ASKER,
            secret=ctx.house.make_login_url(secret),
        )
    return change.reply


async def _find_guest(ctx: Context, tx: store.Transaction, words: str) -> tuple[model.Person, model.Role]:
    """Whom a link is for, and the most it may be: one's own opens no more than the token it was asked for with."""
    them = await agents.find_person(tx, words or ctx.actor.person)
    if them.id != ctx.actor.person:
        permissions.demand(ctx.actor, "grant")
    elif ctx.actor.role < them.role:
        return them, ctx.actor.role
    if them.role is model.Role.NOBODY:
        raise Conflict(f"{them.name} has no role.", remedy=f"`admin grant {them.name} viewer` gives one, and a link.")
    return them, model.Role.ADMIN
