"""The rules in force, the answers that rules give, and the rules that people add."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core import rulebook
from core.errors import Conflict, NotFound, Refused
from core.interfaces import Answer, Ask
from core.model import Agent, AuditRow, Grant, Request, RequestState, Role, Timer, Verdict
from core.requests import CHANGED, Ruling, answer_request, open_request, scope_ask, use_answer
from core.rulebook import LATE, Rulebook, propose_always, remove_rule, save_rule
from core.rules import Decision, Effect, Rule, decide, parse_rule
from core.rules.saved import SavedRule
from core.rules.scene import Scene
from core.store import Database, change, find, insert
from integrations.local.links import resolve_path
from tests.fakes.board import admit, keep_agent, list_kinds, read_events
from tests.fakes.clock import START
from tests.fakes.records import make_ask

LATER = START + timedelta(minutes=5)
RULE = parse_rule("deny make test")
DENIED = Decision(Effect.DENY, "`make test` is denied", 2, RULE)
ALLOWED = Decision(Effect.ALLOW, "`make test` is allowed", 1, parse_rule("allow execute make test"))


def make_book(*written: str, stock: tuple[str, ...] = ()) -> Rulebook:
    return Rulebook(lambda _: [parse_rule(item) for item in written], lambda _: [parse_rule(item) for item in stock])


async def open_one(
    database: Database, agent: Agent, ruling: Decision | None, attempt: int = 1, what: Ask | None = None
) -> Request:
    async with database.transaction() as tx:
        return await open_request(tx, agent, what or make_ask(), attempt, START, timedelta(hours=1), Ruling(ruling))


async def give_answer(database: Database, agent: Agent, request: Request, verdict: Verdict = Verdict.ONCE) -> None:
    async with database.transaction() as tx:
        await answer_request(tx, agent, request, Answer(verdict), "ann", START)


# ------------------------------------------------------------------------------------------------- answers of a rule


async def test_an_allowing_rule_answers_at_once(database: Database) -> None:
    agent = await keep_agent(database)
    request = await open_one(database, agent, ALLOWED)
    assert (request.state, request.verdict, request.answered_by) == (RequestState.ANSWERED, "once", ALLOWED.by)
    assert await list_kinds(database) == ["request.answered"]
    async with database.reading() as tx:
        assert await find(tx, Timer) == []
        assert await find(tx, Grant) == []


async def test_a_denying_rule_answers_with_the_rule_as_reason(database: Database) -> None:
    agent = await keep_agent(database)
    request = await open_one(database, agent, DENIED)
    assert (request.verdict, request.answered_by) == ("denied", 'rule 2: deny: {command: "make test"}')
    assert request.text == '`make test` is denied here by rule 2: deny: {command: "make test"}'


@pytest.mark.parametrize(("ruling", "verdict"), [(DENIED, "denied"), (ALLOWED, "once"), (None, "for this agent")])
async def test_a_denying_rule_comes_before_a_grant(database: Database, ruling: Decision | None, verdict: str) -> None:
    agent = await keep_agent(database)
    async with database.transaction() as tx:
        await insert(tx, Grant(agent.id, scope_ask(make_ask()), "ann", START))
    assert (await open_one(database, agent, ruling)).verdict == verdict


async def test_asking_again_meets_the_rules_of_now(database: Database) -> None:
    agent = await keep_agent(database)
    before = await open_one(database, agent, None)
    again = await open_one(database, agent, DENIED, attempt=2)
    assert (again.id, again.verdict) == (before.id, "denied")


async def test_an_approval_that_a_rule_has_closed_since_is_not_used(database: Database) -> None:
    agent = await keep_agent(database)
    before = await open_one(database, agent, None)
    await give_answer(database, agent, before)
    kept = await open_one(database, agent, Decision(Effect.ASK, "so"), attempt=2)
    assert (kept.id, kept.verdict) == (before.id, "once")
    denied = await open_one(database, agent, DENIED, attempt=3)
    assert denied.id != before.id
    assert denied.verdict == "denied"


# --------------------------------------------------------------------------------------- what was approved is what runs


async def test_an_approval_is_for_what_was_shown(database: Database) -> None:
    agent = await keep_agent(database)
    request = await open_one(database, agent, None)
    await give_answer(database, agent, request)
    async with database.transaction() as tx:
        used = await use_answer(tx, agent, request, LATER, make_ask("make install"))
    assert used == Answer(Verdict.DENIED, text=CHANGED)
    assert (await read_events(database, "request.used"))[0].data["outcome"] == "denied"


@pytest.mark.parametrize("what", ["detail", "title", "fingerprint"])
async def test_an_approval_of_a_changed_row_is_not_used(database: Database, what: str) -> None:
    agent = await keep_agent(database)
    request = await open_one(database, agent, None)
    await give_answer(database, agent, request, Verdict.AGENT)
    async with database.transaction() as tx:
        await change(tx, Request, {"id": request.id}, **{what: {"command": "make x"} if what == "detail" else "x"})
        assert (await use_answer(tx, agent, request, LATER, make_ask())).verdict is Verdict.DENIED


async def test_an_approval_of_the_same_is_used(database: Database) -> None:
    agent = await keep_agent(database)
    request = await open_one(database, agent, None)
    await give_answer(database, agent, request)
    async with database.transaction() as tx:
        assert (await use_answer(tx, agent, request, LATER, make_ask())).verdict is Verdict.ONCE


# ------------------------------------------------------------------------------------------------------------- the book


async def keep_rule(database: Database, rule: Rule, role: Role = Role.APPROVER) -> SavedRule:
    actor = await admit(database, "kim", role)
    async with database.transaction() as tx:
        return await save_rule(tx, actor, "web", rule, START)


async def test_added_rules_stand_between_those_of_the_settings_and_the_stock(database: Database) -> None:
    saved = await keep_rule(database, parse_rule("allow execute make"))
    book = make_book("deny git", stock=("deny sudo",))
    async with database.reading() as tx:
        rules = await book.list_rules(tx, "web")
        assert [str(rule.effect.value) for rule in rules] == ["deny", "allow", "deny"]
        assert (rules[1].id, rules[1].source) == (saved.id, "added by kim")
        assert len(await book.list_rules(tx, "api")) == 2, "a rule is added to one project"


async def test_adding_and_removing_is_told_and_audited(database: Database) -> None:
    saved = await keep_rule(database, parse_rule("allow execute make"))
    actor = await admit(database, "kim", Role.APPROVER)
    async with database.transaction() as tx:
        await remove_rule(tx, actor, saved.id, LATER)
    events = await read_events(database, "rule.added", "rule.removed")
    assert [event.data["text"] for event in events] == ['allow: {tool: execute, command: "make"}'] * 2
    assert {(event.project, event.actor) for event in events} == {("web", actor.person)}
    async with database.reading() as tx:
        assert [row.verb for row in await find(tx, AuditRow)] == ["approve --always", "rules remove"]
        assert await make_book().list_rules(tx, "web") == []
    with pytest.raises(NotFound):
        async with database.transaction() as tx:
            await remove_rule(tx, actor, saved.id, LATER)


async def test_operators_add_and_remove_nothing(database: Database) -> None:
    with pytest.raises(Refused):
        await keep_rule(database, parse_rule("allow execute make"), Role.OPERATOR)
    actor = await admit(database, "lee", Role.OPERATOR)
    with pytest.raises(Refused):
        async with database.transaction() as tx:
            await remove_rule(tx, actor, "rule-x", LATER)


async def test_a_rule_of_another_version_opens_nothing(database: Database) -> None:
    saved = await keep_rule(database, parse_rule("allow execute make"))
    async with database.transaction() as tx:
        await change(tx, SavedRule, {"id": saved.id}, rule={"allow": {"planet": "mars"}})
        assert await make_book().list_rules(tx, "web") == []


async def test_always_is_refused_where_another_rule_comes_first(database: Database) -> None:
    ask = replace(make_ask(), detail={"command": "make test", "folder": "/w/t"})
    async with database.reading() as tx:
        rule = await propose_always(tx, make_book(stock=("ask",)), "web", "/w/t", ask)
        assert str(rule) == 'allow: {tool: execute, exactly: "make test"}'
        with pytest.raises(Conflict, match="rule 1: ask"):
            await propose_always(tx, make_book("ask make"), "web", "/w/t", ask)
        with pytest.raises(Conflict, match="rule 2: deny"):
            await propose_always(tx, make_book(stock=("deny make",)), "web", "/w/t", ask)


async def test_people_are_asked_when_rules_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "_LIMIT", 0.01)

    def resolve_slowly(path: str) -> str:
        time.sleep(0.1)
        return path

    book = replace(make_book("allow execute"), resolve=resolve_slowly)
    assert await book.judge(make_ask("cat x"), [parse_rule("allow execute")], "/w/t") == LATE


# -------------------------------------------------------------------------------------------------------- the real disk


def test_links_are_followed_on_the_disk(tmp_path: Path) -> None:
    worktree, outside = tmp_path / "t", tmp_path / "o"
    (worktree / "src").mkdir(parents=True)
    outside.mkdir()
    (worktree / "out").symlink_to(outside)
    (worktree / "tool").symlink_to("/bin/rm")
    (worktree / "in").symlink_to(worktree / "src")
    scene = Scene(str(worktree), str(worktree), str(tmp_path), resolve_path)

    def see(command: str) -> str:
        rules = [parse_rule("allow execute"), parse_rule("deny rm")]
        return decide(replace(make_ask(command), detail={"command": command}), rules, scene).effect.value

    assert [see("cat src/x"), see("cat in/x"), see("cat out/x"), see("cat out/new/x")] == [
        "allow",
        "allow",
        "ask",
        "ask",
    ]
    assert see("./tool x") == "deny"
    assert resolve_path("") == ""
    assert resolve_path("a\0/b") == ""
    assert resolve_path("no-such-program") == ""
    assert resolve_path("sh").startswith("/")
