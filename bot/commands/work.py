"""What agents made: logs, differences, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bot.commands.later import import_later
from bot.commands.parameters import AgentId, Count, Flag
from bot.commands.registry import command
from core.errors import BadInput, Conflict
from core.messages import Attachment, Reply

if TYPE_CHECKING:
    from bot import views
    from bot.commands.context import Context
    from core import agents, interfaces, lifecycle, model, permissions, prompts
    from core import logs as logs_
    from core.store import fleet
else:
    agents = import_later("core.agents")
    interfaces = import_later("core.interfaces")
    lifecycle = import_later("core.lifecycle")
    logs_ = import_later("core.logs")
    model = import_later("core.model")
    permissions = import_later("core.permissions")
    prompts = import_later("core.prompts")
    fleet = import_later("core.store.fleet")
    views = import_later("bot.views")

DIFF_LIMIT = 1_000_000
RELEASE_SECONDS = 15.0


@command("logs", "Show what an agent said and did", synonyms=("log", "transcript"), examples=("logs sample-1",))
async def show_logs(
    ctx: Context,
    agent: AgentId,
    *,
    lines: Annotated[Count, "How many of the last lines."] = 100,
    raw: Annotated[Flag, "The agent's error output instead."] = False,
    setup: Annotated[Flag, "What its worktree's set-up said instead."] = False,
) -> Reply:
    wanted = min(lines, 5000)
    async with ctx.read() as tx:
        found = await agents.require_agent(tx, agent)
        updates = await fleet.last_updates(tx, found.id, wanted)
    if raw or setup:
        log = ctx.house.home / "agents" / found.id / ("setup.log" if setup else "stderr.log")
        text = ctx.house.redactor.redact(logs_.read_tail(log, wanted))
    else:
        text = logs_.write_lines(updates)
    if not text:
        return Reply(text=f"{found.id} has said nothing yet.", data={"agent": found.id, "lines": []})
    data = {"agent": found.id, "lines": text.split("\n")}
    return Reply(attachments=(Attachment(f"{found.id}.log", text),), data=data)


@command("diff", "Show what an agent changed", synonyms=("changes", "patch"), examples=("diff sample-1",))
async def diff(
    ctx: Context, agent: AgentId, *, stat: Annotated[Flag, "Only which files, and how much."] = False
) -> Reply:
    async with ctx.read() as tx:
        found = await agents.require_agent(tx, agent)
    place = _find_workspace(found)
    work = await ctx.house.repositories.collect(place, "")
    if stat:
        text = work.diffstat
    else:
        text = await ctx.house.repositories.diff(place, DIFF_LIMIT)
    text = ctx.house.redactor.redact(text)
    data = {"agent": found.id, "diff": text, "diffstat": work.diffstat, "uncommitted": list(work.uncommitted)}
    if not text.strip():
        return Reply(text=f"{found.id} has changed nothing.", data=data)
    return Reply(attachments=(Attachment(f"{found.id}.diff", text),), data=data)


def _find_workspace(agent: model.Agent) -> interfaces.Workspace:
    if not agent.worktree:
        raise Conflict(f"{agent.id} has no worktree yet.", remedy="It waits for a place, or never began.")
    return interfaces.Workspace(agent.id, agent.repository, agent.worktree, agent.branch, agent.base, agent.base_commit)


@command(
    "accept",
    "Take an agent's work: merge or rebase it into its base, or push its branch",
    synonyms=("merge", "take"),
    role="operator",
    acts=True,
    examples=("accept sample-1", "accept sample-1 --push"),
)
async def accept(
    ctx: Context,
    agent: AgentId,
    *,
    merge: Annotated[Flag, "Merge into the base branch."] = False,
    rebase: Annotated[Flag, "Rebase onto the base branch, which then has it."] = False,
    push: Annotated[Flag, "Push the branch to its remote."] = False,
) -> Reply:
    named = [how for how, wanted in (("merge", merge), ("rebase", rebase), ("push", push)) if wanted]
    if len(named) > 1:
        raise BadInput(f"{' and '.join(named)} exclude each other.", remedy="Name one, or none: the project says then.")
    async with ctx.read() as tx:
        found = await agents.require_agent(tx, agent)
    permissions.demand(ctx.actor, "accept", found.owner, found.project)
    if not lifecycle.is_resting(found):
        raise Conflict(f"{found.id} is still at it.", remedy=f"Wait for it, or `stop {found.id}` first.")
    project = ctx.house.projects.get(found.project)
    how = named[0] if named else project.accept if project else "merge"
    taken = await ctx.house.repositories.accept(_find_workspace(found), how)
    async with ctx.change() as change:
        target = found.branch if how == "push" else found.base
        await agents.record_accept(change.tx, ctx.actor, found, how, target, ctx.now, taken.base_commit)
        words = taken.words
        data = {"agent": found.id, "how": how, "done": words}
        hint = f"`remove {found.id}` takes its worktree and branch away."
        change.reply = Reply(text=f"{found.id}: {words}", data=data, hint=hint)
    return change.reply


@command(
    "remove",
    "Remove an agent's worktree and branch; never what would be lost unless forced",
    synonyms=("rm", "delete", "clean"),
    role="operator",
    acts=True,
    examples=("remove sample-1", "remove sample-1 --force"),
)
async def remove(
    ctx: Context, agent: AgentId, *, force: Annotated[Flag, "Also work that nobody took."] = False
) -> Reply:
    async with ctx.read() as tx:
        found = await agents.require_agent(tx, agent)
    permissions.demand(ctx.actor, "remove --force" if force else "remove", found.owner, found.project)
    if not lifecycle.is_resting(found) or not await views.await_release(ctx.house, found, RELEASE_SECONDS):
        raise Conflict(f"{found.id} is still at it.", remedy=f"`stop {found.id}` first.")
    place = await _find_left_over(ctx, found)
    lost = await ctx.house.repositories.remove(place, force) if place else ()
    async with ctx.change() as change:
        await agents.record_removal(change.tx, ctx.actor, found, ", ".join(lost)[:500], ctx.now)
        thrown = f" Thrown away: {', '.join(lost)}." if lost else ""
        change.reply = Reply(text=f"{found.id} is removed.{thrown}", data={"agent": found.id, "lost": list(lost)})
    return change.reply


async def _find_left_over(ctx: Context, agent: model.Agent) -> interfaces.Workspace | None:
    """The agent's worktree, also one that was being made when the agent was stopped and is in no record."""
    if agent.worktree:
        return _find_workspace(agent)
    project = ctx.house.projects.get(agent.project)
    if project is None or not agent.epoch:
        return None
    title = prompts.title_task(agent.task)
    return await ctx.house.host.prepare(agent.id, str(project.path), agent.base or project.base, title)
