"""Agents: start, list, show, speak to, stop, start again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from bot.commands.files import say_files
from bot.commands.later import import_later
from bot.commands.parameters import (
    EVERY,
    AgentId,
    AgentOrAll,
    Files,
    Flag,
    HereWord,
    KindName,
    PersonName,
    ProjectName,
    Shown,
    Text,
    Word,
)
from bot.commands.registry import command
from core.errors import BadInput
from core.messages import Place, Reply, Table, Visibility

if TYPE_CHECKING:
    from bot import bulk, models, views
    from bot import choice as choices
    from bot.commands.context import Context
    from core import agents, cards, ledger, lifecycle, model, prompts
    from core.store import fleet
else:
    bulk = import_later("bot.bulk")
    choices = import_later("bot.choice")
    models = import_later("bot.models")
    views = import_later("bot.views")
    agents = import_later("core.agents")
    cards = import_later("core.cards")
    ledger = import_later("core.ledger")
    lifecycle = import_later("core.lifecycle")
    model = import_later("core.model")
    prompts = import_later("core.prompts")
    fleet = import_later("core.store.fleet")

StatusName = Literal["needs you", "stuck", "failed", "working", "queued", "ready", "done", "stopped"]
MOST_LISTED = 1_000
_HEARD = 15.0
_LONGEST_HINT = 500


@command(
    "spawn",
    "Start an agent on a task, in a worktree and on a branch of its own",
    synonyms=("run", "start", "new"),
    role="operator",
    acts=True,
    examples=(
        'spawn sample "Write a CONTRIBUTING guide"',
        'spawn "Fix the failing test" --kind claude',
        'spawn "Make it look like this" --file shot.png',
    ),
)
async def spawn(
    ctx: Context,
    project: Annotated[ProjectName, "Project; the default one when left out."] | None,
    text: Annotated[Text, "What the agent is to do."],
    *,
    kind: Annotated[KindName, "Agent kind: claude, codex, gemini, opencode, …"] = "",
    model: Annotated[Word, Shown("MODEL"), "Model, by a name the agent offers."] = "",
    mode: Annotated[Word, Shown("MODE"), "Mode, by a name the agent offers."] = "",
    base: Annotated[Word, Shown("BRANCH"), "Branch or commit to begin from."] = "",
    file: Annotated[Files, "A file or picture for the agent; may be repeated."] = (),
) -> Reply:
    house = ctx.house
    async with ctx.read() as tx:
        choice = await choices.choose(tx, house, ctx.place, project or "", kind)
        await models.demand_model(tx, choice.kind.name, model)
    site, chosen = choice.project, choice.kind
    order = agents.Order(
        site.name,
        chosen.name,
        text,
        model,
        mode,
        base or site.base,
        files=file,
        threaded=house.has_threads(ctx.place),
    )
    async with ctx.change() as change:
        await ledger.demand_room(change.tx, house.find_plan(site.name), site.name, ctx.actor.person, house.day)
        agent = await agents.spawn_agent(change.tx, ctx.actor, order, ctx.place, house.settings.limits.queue, ctx.now)
        sight = await views.see_agent(change.tx, house, agent)
        note = " (scripted, no model)" if chosen.scripted else ""
        change.reply = Reply(
            text=f"{agent.id}: {chosen.name}{note} starts on {site.name}{say_files(file)}{choice.words}.",
            data=views.write_agent(sight, ctx.now),
        )
    return change.reply


@command("list", "Show agents, those that need somebody first", synonyms=("ls", "agents", "ps"), examples=("list",))
async def list_(
    ctx: Context,
    *,
    all: Annotated[Flag, "Also those that were done or stopped long ago."] = False,
    status: Annotated[StatusName, "Only those in this state."] | None = None,
    project: Annotated[ProjectName, "Only those of this project."] = "",
    mine: Annotated[Flag, "Only those that are yours."] = False,
) -> Reply:
    owner = ctx.actor.person if mine else ""
    async with ctx.read() as tx:
        outcome = lifecycle.find_outcome(model.Status(status)) if status else None
        found = await fleet.list_agents(
            tx, project=project, owner=owner, outcome=outcome, busy_first=True, limit=MOST_LISTED
        )
        sights = await views.see_agents(tx, ctx.house, found)
    wanted = [sight for sight in sights if status in (None, sight.status.value)]
    wanted.sort(key=lambda sight: (lifecycle.ORDER.index(sight.status), -sight.agent.created_at.timestamp()))
    shown = wanted if all else wanted[:50]
    rows = [_write_row(sight, ctx) for sight in shown]
    cut = f"… {len(wanted) - len(shown)} more; --all shows them." if len(wanted) > len(shown) else ""
    if len(found) == MOST_LISTED:
        cut = f"{cut} Of the oldest that rest, none are listed: there are more than {MOST_LISTED:,}.".strip()
    empty, hint = ("", "") if rows else ("No agents.", '`spawn sample "Write a CONTRIBUTING guide"` starts one.')
    data = {"agents": [views.write_agent(sight, ctx.now) for sight in shown]}
    table = Table(("agent", "status", "task", "owner", "age", "doing"), rows) if rows else None
    return Reply(text=cut or empty, table=table, data=data, hint=hint)


def _write_row(sight: cards.Sight, ctx: Context) -> tuple[str, ...]:
    agent = sight.agent
    age = cards.say_seconds((ctx.now - agent.created_at).total_seconds())
    doing = f"number {sight.queue} in the queue" if sight.queue else (cards.say_reason(agent) or agent.last_activity)
    return (
        agent.id,
        sight.status.value,
        prompts.title_task(agent.task, 40),
        sight.owner,
        age,
        doing if len(doing) <= 60 else f"{doing[:59]}…",
    )


@command(
    "show",
    "Show one agent; `here`: keep a second card of it in this place",
    synonyms=("status", "info", "watch"),
    examples=("show sample-1", "show sample-1 here"),
)
async def show(
    ctx: Context,
    agent: AgentId,
    here: Annotated[HereWord, "Keep a card of it here as well, with a thread of its own."] = "",
) -> Reply:
    if here:
        return await _show_here(ctx, agent)
    async with ctx.read() as tx:
        found = await agents.require_agent(tx, agent)
        sight = await views.see_agent(tx, ctx.house, found)
    return Reply(cards=(cards.draw_agent(sight, ctx.now),), data=views.write_agent(sight, ctx.now))


async def _show_here(ctx: Context, agent: str) -> Reply:
    place = Place.parse(ctx.place)
    threaded = ctx.house.has_threads(ctx.place)
    async with ctx.house.database.transaction() as tx:
        found = await agents.require_agent(tx, agent)
        is_new = await agents.show_here(tx, ctx.actor, found, place, threaded, ctx.now)
    thread = " What is said below it goes to the agent." if threaded else ""
    words = f"{found.id} is shown here too, as it changes.{thread}" if is_new else f"{found.id} is shown here already."
    return Reply(text=words, data={"agent": found.id, "place": ctx.place, "new": is_new}, visibility=Visibility.ASKER)


@command(
    "send",
    "Send a message to an agent: to its turn's end, or now",
    synonyms=("tell", "steer", "say"),
    role="operator",
    acts=True,
    examples=('send sample-1 "Also mention the licence"', 'send sample-1 --now "Stop that, look at tally.py first"'),
)
async def send(
    ctx: Context,
    agent: AgentId,
    text: Annotated[Text, "What to tell it."],
    *,
    now: Annotated[Flag, "Interrupt its turn."] = False,
    file: Annotated[Files, "A file or picture for the agent; may be repeated."] = (),
) -> Reply:
    async with ctx.change() as change:
        found = await agents.require_agent(change.tx, agent)
        message, how = await agents.send_message(change.tx, ctx.actor, found, text, now, ctx.now, file)
        data = {"agent": found.id, "message": message.id, "handover": how.value}
        change.reply = Reply(text=_say_handover(found.id, how), data=data)
    if how is not agents.Handover.RESUMES:
        return change.reply
    resumed = await views.await_resume(ctx.house, found, _HEARD)
    text = f"{found.id} goes on: {resumed}." if resumed else change.reply.text
    return Reply(text=text, data={**data, "session": resumed})


def _say_handover(agent: str, how: agents.Handover) -> str:
    return {
        agents.Handover.QUEUED: f"Queued: {agent} gets it when its turn ends. (--now interrupts.)",
        agents.Handover.INTERRUPTS: f"Interrupting {agent} with it now.",
        agents.Handover.RESUMES: f"{agent} goes on with it as soon as there is a place.",
    }[how]


@command(
    "stop",
    "Stop an agent, or all that you may, which are shown before; their work is kept",
    synonyms=("cancel", "abort", "kill"),
    role="operator",
    acts=True,
    examples=("stop sample-1", "stop all --mine", "stop all --status working"),
)
async def stop(
    ctx: Context,
    agent: AgentOrAll,
    reason: Annotated[Text, Shown("REASON…"), "Why."] = "",
    *,
    status: Annotated[StatusName, "Of all, only those in this state."] | None = None,
    project: Annotated[ProjectName, "Of all, only those of this project."] = "",
    mine: Annotated[Flag, "Of all, only those that are yours."] = False,
    only: Annotated[Text, Shown("AGENTS"), "Exactly these, which were shown; it is done."] = "",
) -> Reply:
    if agent == EVERY:
        return await (_stop_all(ctx, only) if only else _plan_stop(ctx, status, project, mine))
    if status or project or mine or only:
        raise BadInput("Options choose among all agents, and one is named.", remedy="`stop all` takes them.")
    async with ctx.change() as change:
        found = await agents.require_agent(change.tx, agent)
        stopped = await agents.stop_agent(change.tx, ctx.actor, found, reason, ctx.now)
        words = f"Stopping {found.id}; its work is kept." if stopped else f"{found.id} does not run."
        change.reply = Reply(text=words, data={"agent": found.id, "stopping": stopped})
    return change.reply


async def _plan_stop(ctx: Context, status: str | None, project: str, mine: bool) -> Reply:
    async with ctx.read() as tx:
        owner = ctx.actor.person if mine else ""
        found = await fleet.list_agents(tx, project=project, owner=owner, outcome=model.Outcome.NONE, limit=bulk.MOST)
        sights = await views.see_agents(tx, ctx.house, found)
    wanted = [sight for sight in sights if status in (None, sight.status.value)]
    plan = [(sight, bulk.find_hindrance(ctx.actor, sight)) for sight in wanted]
    able = bulk.list_able(plan)
    data = {"stops": able, "left_out": {sight.agent.id: why for sight, why in plan if why}}
    hint = f'`stop all --only "{" ".join(able)}"` stops exactly these.' if able else ""
    return Reply(cards=(bulk.draw_plan(plan),), data=data, hint=hint if len(hint) < _LONGEST_HINT else "")


async def _stop_all(ctx: Context, only: str) -> Reply:
    async with ctx.change() as change:
        outcomes = await bulk.stop_agents(change.tx, ctx.actor, only.lower().replace(",", " ").split(), ctx.now)
        change.reply = Reply(text=bulk.say_outcomes(outcomes), data={"agents": outcomes})
    return change.reply


@command(
    "retry",
    "Do the same again with a new agent, with other words or another kind if you like",
    synonyms=("again", "redo"),
    role="operator",
    acts=True,
    examples=("retry sample-1", "retry sample-1 --kind claude", "retry sample-1 --model opus"),
)
async def retry(
    ctx: Context,
    agent: AgentId,
    text: Annotated[Text, "Another task; the same one when left out."] = "",
    *,
    kind: Annotated[KindName, "Another agent kind."] = "",
    model: Annotated[Word, Shown("MODEL"), "Another model, by a name the agent offers."] = "",
) -> Reply:
    house = ctx.house
    async with ctx.read() as tx:
        before = await agents.require_agent(tx, agent)
        chosen = house.find_kind(kind or before.kind, house.find_project(before.project))
        await models.demand_model(tx, chosen.name, model)
    async with ctx.change() as change:
        room = house.settings.limits.queue
        plan = house.find_plan(before.project)
        await ledger.demand_room(change.tx, plan, before.project, ctx.actor.person, house.day)
        again = await agents.retry_agent(change.tx, ctx.actor, before, text, chosen.name, room, ctx.now, model)
        sight = await views.see_agent(change.tx, house, again)
        words = f"{again.id}: {again.kind} does again what {before.id} was to do."
        change.reply = Reply(text=words, data=views.write_agent(sight, ctx.now))
    return change.reply


@command(
    "assign",
    "Make somebody else the owner of an agent",
    role="operator",
    acts=True,
    examples=("assign sample-1 kim",),
)
async def assign(ctx: Context, agent: AgentId, person: Annotated[PersonName, "Who."]) -> Reply:
    async with ctx.change() as change:
        found = await agents.require_agent(change.tx, agent)
        new = await agents.find_person(change.tx, person)
        await agents.assign_agent(change.tx, ctx.actor, found, new, ctx.now)
        words = f"{new.name} owns {found.id} now."
        change.reply = Reply(text=words, data={"agent": found.id, "owner": new.name})
    return change.reply
