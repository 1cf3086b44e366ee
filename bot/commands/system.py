"""The bot itself: its health and its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bot.commands.later import import_later
from bot.commands.parameters import CommandName, Flag, Shown, Text
from bot.commands.registry import Command, command
from core.messages import ADVICE, Attachment, Reply, Table

if TYPE_CHECKING:
    from bot import backup as backups
    from bot import doctor as checks
    from bot.commands.context import Context
    from core import audit, interfaces, permissions
else:
    audit = import_later("core.audit")
    backups = import_later("bot.backup")
    permissions = import_later("core.permissions")
    checks = import_later("bot.doctor")


@command(
    "doctor",
    "Check what works and say what to do about the rest",
    synonyms=("health",),
    examples=("doctor", "doctor --quick"),
)
async def examine(
    ctx: Context, *, quick: Annotated[Flag, "Start no agent kind to see whether it answers."] = False
) -> Reply:
    found = await checks.examine_house(ctx.house, quick)
    rows = [(_mark(line), line.name, line.detail, line.remedy) for line in found]
    data = {
        "ok": all(line.ok for line in found),
        "checks": [{"name": c.name, "ok": c.ok, "used": c.used, "detail": c.detail, "remedy": c.remedy} for c in found],
    }
    return Reply(table=Table(("", "what", "how it is", ADVICE), rows), data=data)


def _mark(line: interfaces.Check) -> str:
    if not line.used:
        return "-"
    return "ok" if line.ok else "NOT OK"


@command(
    "reload",
    "Read settings and secrets again, without a restart; all or nothing",
    role="admin",
    acts=True,
    examples=("reload",),
)
async def reload_settings(ctx: Context) -> Reply:
    permissions.demand(ctx.actor, "reload")
    swap = await ctx.house.require_keeper().reload(ctx.actor)
    data = {"file": str(swap.file or ""), "changed": list(swap.changed), "restart": list(swap.later)}
    return Reply(text=str(swap), data=data)


@command(
    "backup",
    "Write database and settings to a file, while the bot runs",
    role="admin",
    acts=True,
    examples=("backup", "backup /srv/backups/callboard-monday.tar.gz"),
)
async def back_up(
    ctx: Context,
    file: Annotated[Text, Shown("FILE"), "On the bot's machine; in `backups` of its data folder when left out."] = "",
) -> Reply:
    permissions.demand(ctx.actor, "backup")
    made = await backups.make_backup(ctx.house, file, ctx.now)
    async with ctx.change() as change:
        await audit.write_audit(change.tx, ctx.actor, "backup", str(made.file), True, "", ctx.now)
        words = f"{made.file}: {made.size:,} bytes, read again and whole. It holds {', '.join(made.names)}."
        change.reply = Reply(text=words, data={"file": str(made.file), "bytes": made.size, "holds": list(made.names)})
    return change.reply


@command("help", "Show the commands, or one of them", synonyms=("commands",), examples=("help", "help spawn"))
async def show_help(ctx: Context, name: Annotated[CommandName, "A command."] = "") -> Reply:
    from bot.commands import load_registry

    registry = load_registry()
    if name:
        found = registry.groups.get(name.casefold()) or [registry.get(name)]
        return Reply(attachments=(Attachment(f"{name}.txt", "\n\n\n".join(map(explain_command, found))),))
    rows = [(item.usage, item.about, ", ".join(item.synonyms)) for item in registry if ctx.actor.role >= item.role]
    data = {"commands": [{"name": c.name, "usage": c.usage, "about": c.about} for c in registry]}
    return Reply(table=Table(("command", "what it does", "also"), rows), data=data)


def explain_command(item: Command) -> str:
    """Usage, parameters and examples of one command, as text."""
    lines = [item.usage, "", f"{item.about}."]
    lines += [f"  {part.usage:<24} {part.help}" for part in item.parameters if part.help]
    if item.synonyms:
        lines += ["", f"Also: {', '.join(item.synonyms)}"]
    return "\n".join([*lines, "", *(f"  {example}" for example in item.examples)])
