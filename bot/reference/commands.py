"""docs/reference/commands.md, from the registry."""

from __future__ import annotations

from collections.abc import Iterator

from bot.commands import load_registry
from bot.commands.parameters import Parameter
from bot.commands.registry import Command
from bot.records import find_own
from bot.reference.markdown import join_code, write_head, write_table
from core.interfaces import LocalVerb
from core.permissions import RULES, Rule

ABOUT = """Every command is declared once, in `bot/commands/`. The command line (`callboard spawn …`) and the HTTP API
(`POST /api/v1/commands/spawn`) read the same declaration. Roles are viewer, operator, approver and admin; each includes
the ones before it. Denying a question takes what answering it takes.

On the command line each command takes `--json` too, `spawn`, `send`, `retry` and `show` take `--wait` (and with it
`--approve once`), and `events` takes `--follow`. Four verbs are the command line's own: `callboard up`,
`callboard watch AGENT`, `callboard config check` and `callboard config example`. At the end are the verbs that
integrations bring, for the command line alone: they need no running bot."""


def write_commands() -> str:
    """The page."""
    parts = [write_head("Commands", "bot/commands", ABOUT)]
    parts += [_write_command(item) for item in load_registry()]
    parts += [_write_verb(item.name, verb) for item in find_own() for verb in item.verbs]
    return "\n".join(parts)


def _write_verb(name: str, verb: LocalVerb) -> str:
    usage = [f"[--{flag.name}{flag.metavar and f' {flag.metavar}'}]" for flag in verb.flags]
    lines = [
        f"## {name} {verb.name}",
        "",
        f"{verb.about}.",
        "",
        f"    callboard {' '.join([name, verb.name, *usage])}",
        "",
    ]
    rows = [(f"`--{flag.name}{flag.metavar and f' {flag.metavar}'}`", flag.about) for flag in verb.flags]
    return "\n".join([*lines, write_table(("option", "meaning"), rows), ""] if rows else lines)


def _write_command(item: Command) -> str:
    lines = [f"## {item.name}", "", f"{item.about}.", "", f"    callboard {item.usage}", ""]
    lines += [f"{_write_role(item)}{_write_synonyms(item)}", ""]
    if rows := list(_list_rows(item)):
        lines += [write_table(("parameter", "meaning"), rows), ""]
    if item.examples:
        lines += ["```sh", *(f"callboard {example}" for example in item.examples), "```", ""]
    return "\n".join(lines)


def _write_role(item: Command) -> str:
    """Who may: the registry's role opens the door, core/permissions decides about the act."""
    rule = RULES.get(item.name, Rule(item.role, item.role))
    own, need = (max(item.role, role).name.lower() for role in (rule.own, rule.need))
    forced = RULES.get(f"{item.name} --force")
    words = f"Takes the role {need}" if own == need else f"Takes the role {own} for one's own agent, {need} for others"
    return f"{words}; with `--force` {forced.need.name.lower()}." if forced else f"{words}."


def _write_synonyms(item: Command) -> str:
    return f" Also: {join_code(item.synonyms)}." if item.synonyms else ""


def _list_rows(item: Command) -> Iterator[tuple[str, str]]:
    for part in (*item.positionals, *item.options):
        yield f"`{part.usage}`", f"{part.help}{_write_default(part)}"


def _write_default(part: Parameter) -> str:
    if part.default in (None, False, "", ()):
        return ""
    return f" Default: {part.default}."
