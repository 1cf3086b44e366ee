"""Requests: say yes, no, or answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bot.commands.later import import_later
from bot.commands.parameters import AgentOrRequest, Flag, Shown, Text, Word
from bot.commands.registry import command
from core.errors import BadInput, Conflict
from core.messages import Reply

if TYPE_CHECKING:
    from bot.commands.context import Context
    from core import agents, cards, interfaces, model, options, rulebook, rules, store, votes
    from core import quorum as quorums
    from core import requests as asked
else:
    agents = import_later("core.agents")
    cards = import_later("core.cards")
    interfaces = import_later("core.interfaces")
    model = import_later("core.model")
    options = import_later("core.options")
    asked = import_later("core.requests")
    rulebook = import_later("core.rulebook")
    votes = import_later("core.votes")

_HEARS = {
    "once": "may do it this once",
    "for this agent": "may do exactly this from now on",
    "denied": "may not do it",
    "answered": "has its answer",
}


@command(
    "approve",
    "Allow what an agent asks for: once, or exactly this for this agent or project",
    synonyms=("allow", "yes"),
    role="approver",
    acts=True,
    examples=("approve sample-1", "approve sample-1 --for-agent", "approve sample-1 --always --dry-run"),
)
async def approve(
    ctx: Context,
    request: AgentOrRequest,
    *,
    for_agent: Annotated[Flag, "Allow exactly this to this agent from now on."] = False,
    always: Annotated[Flag, "Allow exactly this in this project from now on: adds a rule."] = False,
    dry_run: Annotated[Flag, "Only show the rule."] = False,
    shown: Annotated[Word, Shown("SEAL"), "With --always: which rule was shown, so that no other is added."] = "",
) -> Reply:
    if shown and (for_agent or not always):
        raise BadInput("--shown names a rule that was shown.", remedy="Write it with --always.")
    if always or dry_run:
        return await _allow_always(ctx, request, shown, is_shown=dry_run)
    verdict = model.Verdict.AGENT if for_agent else model.Verdict.ONCE
    return await _answer(ctx, request, interfaces.Answer(verdict), model.RequestKind.PERMISSION)


@command(
    "deny",
    "Refuse what an agent asks for; a reason is told to it",
    synonyms=("reject", "no"),
    role="operator",
    acts=True,
    examples=("deny sample-1", 'deny sample-1 "Use the tests of the tally module only"'),
)
async def deny(
    ctx: Context, request: AgentOrRequest, reason: Annotated[Text, Shown("REASON…"), "Why; the agent hears it."] = ""
) -> Reply:
    return await _answer(ctx, request, interfaces.Answer(model.Verdict.DENIED, text=reason), None)


@command(
    "answer",
    "Answer what an agent asks: an option, its number, words of your own, or a form's fields as JSON",
    synonyms=("reply",),
    role="operator",
    acts=True,
    examples=("answer sample-1 2", 'answer sample-1 "Use tabs"'),
)
async def answer(ctx: Context, request: AgentOrRequest, text: Annotated[Text, "An option or words."]) -> Reply:
    async with ctx.read() as tx:
        found = await agents.find_request(tx, request, model.RequestKind.QUESTION)
    fields = options.read_fields(text) if found.detail.get("fields") else None
    choice = "" if fields else options.pick_option(found.options, text)
    given = interfaces.Answer(model.Verdict.ANSWERED, choice, "" if choice or fields else text, fields or {})
    return await _answer(ctx, found.id, given, model.RequestKind.QUESTION)


async def _allow_always(ctx: Context, words: str, shown: str, *, is_shown: bool) -> Reply:
    async with ctx.change() as change:
        request = await agents.find_request(change.tx, words, model.RequestKind.PERMISSION)
        agent = await agents.require_agent(change.tx, request.agent)
        ask = asked.demand_open(request)
        rule = await rulebook.propose_always(change.tx, ctx.house.rulebook, agent.project, agent.worktree, ask)
        seal = asked.seal_rule(request.fingerprint, rule)
        if is_shown:
            return _show_rule(agent, request, rule, seal)
        if shown not in ("", seal):
            raise Conflict(
                "The rule that would be added is not the one that was shown.",
                remedy=f"Look at it again: `approve {request.id} --always --dry-run`",
            )
        if quorum := ctx.house.find_quorum(agent.project, request):
            raise BadInput(f"{request.id} takes {quorum}, each time.", remedy=f"`approve {request.id}` allows it once.")
        answer = interfaces.Answer(model.Verdict.ONCE)
        settled = await agents.answer_agent(change.tx, ctx.actor, request, answer, ctx.now)
        saved = await rulebook.save_rule(change.tx, ctx.actor, agent.project, rule, ctx.now)
        words = f"{agent.id} {_HEARS[settled.verdict]}. {agent.project} has a new rule, {saved.id}: {rule}"
        data = {**cards.write_request(settled), **_write_rule(agent, rule), "rule_id": saved.id}
        change.reply = Reply(text=words, data=data)
    return change.reply


def _show_rule(agent: model.Agent, request: model.Request, rule: rules.Rule, seal: str) -> Reply:
    text = f"This rule would be added to {agent.project}: {rule}"
    card = cards.draw_always(request, agent.project, str(rule), seal)
    return Reply(text=text, cards=(card,), data={**_write_rule(agent, rule), "request": request.id, "shown": seal})


def _write_rule(agent: model.Agent, rule: rules.Rule) -> dict[str, str]:
    return {"rule": str(rule), "project": agent.project}


async def _answer(ctx: Context, words: str, answer: interfaces.Answer, kind: model.RequestKind | None) -> Reply:
    async with ctx.change() as change:
        request = await agents.find_request(change.tx, words, kind)
        agent = await agents.require_agent(change.tx, request.agent)
        quorum = ctx.house.find_quorum(agent.project, request)
        settled = await agents.answer_agent(change.tx, ctx.actor, request, answer, ctx.now, quorum)
        if quorum and settled.state is model.RequestState.OPEN:
            change.reply = await _say_missing(change.tx, agent, settled, quorum)
            return change.reply
        said = settled.text or next((o.name for o in settled.options if o.id == settled.choice), "")
        said = said or ", ".join(f"{name}: {value}" for name, value in settled.fields.items())
        heard = f"{_HEARS[settled.verdict]}{f': {said}' if said else ''}"
        words = f"{settled.agent} {heard}. [{settled.title}]"
        change.reply = Reply(text=words, data=cards.write_request(settled))
    return change.reply


async def _say_missing(
    tx: store.Transaction, agent: model.Agent, request: model.Request, quorum: quorums.Quorum
) -> Reply:
    tally = await votes.count_votes(tx, agent, request, quorum)
    text = f"{request.id}: {tally}. {agent.id} still waits. [{request.title}]"
    return Reply(text=text, data={**cards.write_request(request), "approvals": cards.write_tally(tally)})
