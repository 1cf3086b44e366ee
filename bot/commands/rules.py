"""Permission rules: see them, try them, take back what somebody added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from bot.commands.later import import_later
from bot.commands.parameters import ProjectName, Shown, Text, Word
from bot.commands.registry import command
from core.messages import Card, Reply, Table

if TYPE_CHECKING:
    from bot import choice as choices
    from bot.commands.context import Context
    from core import interfaces, model, quorum, rulebook, rules
else:
    choices = import_later("bot.choice")
    interfaces = import_later("core.interfaces")
    model = import_later("core.model")
    quorum = import_later("core.quorum")
    rulebook = import_later("core.rulebook")
    rules = import_later("core.rules")

Tool = Literal["execute", "read", "edit", "delete", "move", "search", "fetch"]
_SAID = {"allow": "runs without asking", "ask": "asks a person", "deny": "is never done"}


@command(
    "rules list",
    "Show the permission rules of a project, in order",
    examples=("rules list", "rules list sample"),
)
async def list_rules(
    ctx: Context, project: Annotated[Text, "A project; the place's default when left out."] = ""
) -> Reply:
    async with ctx.read() as tx:
        name = (await choices.choose_project(tx, ctx.house, ctx.place, project)).name
        found = await ctx.house.rulebook.list_rules(tx, name)
    data = [_write_rule(number, rule) for number, rule in enumerate(found, 1)]
    rows = [(str(item["number"]), item["text"], item["source"], item["id"]) for item in data]
    table = Table(("number", "rule", "from", "id"), rows)
    return Reply(f"Rules of {name}:", table=table, data={"project": name, "rules": data})


@command(
    "rules test",
    "Say what would happen to a command, and by which rule",
    examples=('rules test sample "rm -rf build"', "rules test sample .github/ci.yml --tool edit"),
)
async def try_rules(
    ctx: Context,
    project: ProjectName,
    text: Annotated[Text, Shown("COMMAND…"), "A command; a path or an address for other tools."],
    *,
    tool: Annotated[Tool, "What would be done; execute when left out."] = "execute",
) -> Reply:
    found = ctx.house.find_project(project)
    async with ctx.read() as tx:
        known = await ctx.house.rulebook.list_rules(tx, found.name)
    decision = await ctx.house.rulebook.judge(_make_ask(tool, text), known, str(found.path))
    words = [f"{decision.effect.value}: it {_SAID[decision.effect.value]}.", f"Why: {decision.why}."]
    data: dict[str, Any] = {
        "effect": decision.effect.value,
        "why": decision.why,
        "rule": _write_rule(decision.number, decision.rule) if decision.rule else None,
    }
    if decision.effect is rules.Effect.ASK:
        parts = quorum.Terms(decision.approvers, tuple(ctx.house.find_approvers(found.name)), decision.whole).choose()
        data["approvers"] = quorum.write_parts(parts)
        words.append(f"Approval: {quorum.Quorum(parts) if parts else 'any one approver'}.")
    if decision.rule:
        words.append(f"Rule {decision.number}: {decision.rule} (from {decision.rule.source})")
    return Reply(cards=(Card(title=words[0], lines=words[1:], code=text),), data=data)


@command(
    "rules remove",
    "Take back a rule that somebody added by `approve --always`",
    role="approver",
    acts=True,
    examples=("rules remove rule-7kq2x9",),
)
async def remove_rule(ctx: Context, rule: Annotated[Word, Shown("RULE"), "As `rules list` calls it."]) -> Reply:
    async with ctx.change() as change:
        saved = await rulebook.remove_rule(change.tx, ctx.actor, rule, ctx.now)
        words = f"{saved.id} of {saved.project}, which {saved.name} added, is gone."
        change.reply = Reply(text=words, data={"id": saved.id, "project": saved.project})
    return change.reply


def _make_ask(tool: str, text: str) -> interfaces.Ask:
    detail: dict[str, Any] = {"command": text}
    if tool == "fetch":
        detail = {"input": text, "text": text}
    elif tool != "execute":
        detail = {"paths": [text]}
    return interfaces.Ask(model.RequestKind.PERMISSION, "", tool, detail)


def _write_rule(number: int, rule: rules.Rule) -> dict[str, Any]:
    return {"number": number, "text": str(rule), "source": rule.source, "id": rule.id}
