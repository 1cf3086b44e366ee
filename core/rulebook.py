"""The rules in force in a project: those of the settings, those that people added, and those that come with the house.

*Always in this project* adds a rule; it is audited with who and when, and it opens nothing that another rule keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from core.audit import write_audit
from core.errors import BadInput, Conflict, NotFound
from core.events import Event
from core.ids import make_id
from core.interfaces import Ask
from core.model import Actor
from core.permissions import demand
from core.quorum import merge_parts
from core.rules import Decision, Effect, Rule, Scene, decide, parse_rule, propose_rule, write_rule
from core.rules.saved import SavedRule
from core.store import Transaction, append_events, find, get, insert, remove

log = structlog.get_logger()
_LIMIT = 10.0
LATE = Decision(Effect.ASK, "the rules took too long")


def _write_nothing(_project: str) -> Sequence[Rule]:
    return ()


def _resolve_nothing(_path: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What the wiring knows: `written` and `stock` give a project's rules, `resolve` follows links (see Scene), `home`
    is where agents are at home."""

    written: Callable[[str], Sequence[Rule]] = _write_nothing
    stock: Callable[[str], Sequence[Rule]] = _write_nothing
    resolve: Callable[[str], str] = _resolve_nothing
    home: str = "/root"

    async def list_rules(self, tx: Transaction, project: str) -> list[Rule]:
        """All rules of a project in the order in which they are asked: what stands in the settings comes before what
        people added."""
        saved = sorted(await find(tx, SavedRule, project=project), key=lambda item: (item.created_at, item.id))
        return [*self.written(project), *filter(None, map(read_saved, saved)), *self.stock(project)]

    def set_scene(self, worktree: str) -> Scene:
        """Where an ask of an agent in this worktree would run."""
        return Scene(worktree, worktree, self.home, self.resolve)

    async def judge(self, ask: Ask, rules: Sequence[Rule], worktree: str) -> Decision:
        """What the rules say. It is looked at beside the loop, since the disk may be slow; then people are asked."""
        try:
            async with asyncio.timeout(_LIMIT):
                return await asyncio.to_thread(decide, ask, rules, self.set_scene(worktree))
        except TimeoutError:
            log.warning("the rules took too long", title=ask.title)
            return replace(LATE, approvers=merge_parts([part for rule in rules for part in rule.approvers]))


def read_saved(saved: SavedRule) -> Rule | None:
    """A saved rule as a rule. One that this version does not understand opens nothing."""
    try:
        rule = parse_rule(saved.rule, f"added by {saved.name}")
    except BadInput as error:
        log.warning("a saved rule is not understood", rule=saved.id, reason=error.message)
        return None
    return replace(rule, id=saved.id)


async def propose_always(tx: Transaction, book: Rulebook, project: str, worktree: str, ask: Ask) -> Rule:
    """The rule that *Always in this project* would add. Raises Conflict when no rule can say it, or when another rule
    would go on asking."""
    return await find_always(book, project, worktree, ask, await book.list_rules(tx, project))


async def find_always(book: Rulebook, project: str, worktree: str, ask: Ask, rules: Sequence[Rule]) -> Rule:
    """As `propose_always`, where these rules are in force."""
    rule = await asyncio.to_thread(propose_rule, ask, book.set_scene(worktree))
    if any(replace(known, source="", id="") == rule for known in rules):
        raise Conflict(f"There is this rule already: {rule}", remedy="`approve` allows what is asked now.")
    at = len(rules) - len(book.stock(project))
    decision = await book.judge(ask, [*rules[:at], rule, *rules[at:]], worktree)
    if decision.effect is not Effect.ALLOW:
        raise Conflict(
            f"A rule for it would change nothing: {decision.by} comes first ({decision.why}).",
            remedy="Who keeps the settings can change that rule.",
        )
    return rule


async def save_rule(tx: Transaction, actor: Actor, project: str, rule: Rule, now: datetime) -> SavedRule:
    """Add a rule to a project."""
    demand(actor, "approve --always", project=project)
    saved = SavedRule(make_id("rule", 6), project, write_rule(rule), actor.person, actor.name, now)
    await insert(tx, saved)
    await write_audit(tx, actor, "approve --always", saved.id, True, str(rule), now)
    data = {"rule": saved.id, "text": str(rule)}
    await append_events(tx, Event("rule.added", now, project=project, actor=actor.person, data=data))
    return saved


async def remove_rule(tx: Transaction, actor: Actor, id: str, now: datetime) -> SavedRule:
    """Take back a rule that somebody added. Raises NotFound."""
    saved = await get(tx, SavedRule, id=id)
    demand(actor, "rules remove", project=saved.project if saved else "")
    if saved is None:
        raise NotFound(f"There is no rule {id} that somebody added.", remedy="`rules list` names them.")
    await remove(tx, SavedRule, id=id)
    text = str(read_saved(saved) or saved.rule)
    await write_audit(tx, actor, "rules remove", id, True, text, now)
    data = {"rule": id, "text": text}
    await append_events(tx, Event("rule.removed", now, project=saved.project, actor=actor.person, data=data))
    return saved
