"""A registry with one command of every shape, for the tests of registry, parser and command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from bot.commands.parameters import (
    AgentId,
    AgentOrRequest,
    CommandName,
    Count,
    Duration,
    Files,
    Flag,
    KindName,
    PersonName,
    ProjectName,
    Text,
    Word,
)
from bot.commands.registry import Command, Registry, command
from core.messages import Reply

if TYPE_CHECKING:
    from bot.commands.context import Context


@command(
    "spawn",
    "Start an agent on a task",
    synonyms=("start", "run"),
    role="operator",
    examples=('spawn sample "Write a guide"',),
    acts=True,
)
async def spawn(
    ctx: Context,
    project: ProjectName | None,
    text: Annotated[Text, "What to do."],
    *,
    kind: Annotated[KindName, "Which kind of agent."] = "",
    model: Word = "",
    mode: Word = "",
    base: Word = "",
    file: Files = (),
) -> Reply:
    return Reply(f"{project}: {text}")


@command("list", "List agents", synonyms=("ls", "agents"), examples=("list --all",))
async def list_agents(
    ctx: Context,
    *,
    all_: Flag = False,
    status: Literal["needs you", "working", "done"] | None = None,
    project: ProjectName = "",
) -> Reply:
    return Reply("none")


@command("show", "Show an agent", examples=("show sample-1",))
async def show_agent(ctx: Context, agent: AgentId) -> Reply:
    return Reply(agent)


@command("send", "Send a message to an agent", synonyms=("tell", "steer"), role="operator", acts=True)
async def send_message(ctx: Context, agent: AgentId, text: Text, now: Flag = False) -> Reply:
    return Reply(text)


@command("approve", "Approve what an agent asks for", role="approver", acts=True)
async def approve_request(ctx: Context, subject: AgentOrRequest, *, for_agent: Flag = False) -> Reply:
    return Reply(subject)


@command("deny", "Deny what an agent asks for", role="approver", acts=True)
async def deny_request(ctx: Context, subject: AgentOrRequest, reason: Text = "") -> Reply:
    return Reply(reason)


@command("answer", "Answer a question", role="operator", acts=True)
async def answer_question(ctx: Context, subject: AgentOrRequest, text: Text) -> Reply:
    return Reply(text)


@command("stop", "Stop an agent", synonyms=("abort", "cancel", "kill"), role="operator", acts=True)
async def stop_agent(ctx: Context, agent: AgentId, reason: Text = "") -> Reply:
    return Reply(reason)


@command("retry", "Try again", role="operator", acts=True)
async def retry_agent(ctx: Context, agent: AgentId, text: Text = "", *, kind: KindName = "") -> Reply:
    return Reply(text)


@command("logs", "Show what an agent did", examples=("logs sample-1 --lines 50",))
async def show_logs(ctx: Context, agent: AgentId, *, lines: Count = 40, raw: Flag = False) -> Reply:
    return Reply(str(lines))


@command("diff", "Show an agent's changes")
async def show_diff(ctx: Context, agent: AgentId, *, stat: Flag = False) -> Reply:
    return Reply(agent)


@command("assign", "Give an agent to somebody", role="operator", acts=True)
async def assign_agent(ctx: Context, agent: AgentId, person: PersonName) -> Reply:
    return Reply(person)


@command("project list", "List projects", synonyms=("projects",))
async def list_projects(ctx: Context) -> Reply:
    return Reply("")


@command("events", "Show what happened", examples=("events --since 2h",))
async def show_events(
    ctx: Context, *, since: Duration | None = None, kind: Word = "", agent: AgentId = "", limit: Count = 100
) -> Reply:
    return Reply(str(since))


@command("help", "Show the commands")
async def show_help(ctx: Context, name: CommandName = "") -> Reply:
    return Reply(name)


def make_registry() -> Registry:
    return Registry(item for item in list(globals().values()) if isinstance(item, Command))
