from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands.parameters import AGENT, ASKER, COUNT, DURATION, FILES, FLAG, KIND, PERSON, PROJECT, WORD
from bot.commands.parser import Defaults, Invocation, format_line, parse_line
from bot.commands.registry import Command, read_arguments
from core.errors import BadInput, NotFound, UserError
from tests.bot import sample

REGISTRY = sample.make_registry()
KNOWN = Defaults(projects=("sample", "web"))


def parse(line: str, defaults: Defaults = KNOWN) -> tuple[str, dict[str, Any]]:
    found = parse_line(REGISTRY, line, defaults)
    return found.command.name, found.arguments


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("spawn sample fix it", "spawn", {"project": "sample", "text": "fix it"}),
        ("SPAWN sample fix it", "spawn", {"project": "sample", "text": "fix it"}),
        ('spawn "Sample fix it"', "spawn", {"text": "Sample fix it"}),
        ("spawn -- samples fix it", "spawn", {"text": "samples fix it"}),
        ("spawn --project web samples fix it", "spawn", {"project": "web", "text": "samples fix it"}),
        ("spawn fix “it”", "spawn", {"text": "fix “it”"}),
        ("spawn fix the sample", "spawn", {"text": "fix the sample"}),
        ("spawn --project web sample it", "spawn", {"project": "web", "text": "sample it"}),
        ("spawn -- sample it", "spawn", {"text": "sample it"}),
        ('spawn sample "Write a guide"', "spawn", {"project": "sample", "text": "Write a guide"}),
        ("spawn sample “Write a guide”", "spawn", {"project": "sample", "text": "Write a guide"}),
        ("spawn «écris»", "spawn", {"text": "écris"}),
        ('spawn say "a" and "b"', "spawn", {"text": 'say "a" and "b"'}),
        ('spawn "a" and "b"', "spawn", {"text": '"a" and "b"'}),
        ("spawn don’t break ‘it’", "spawn", {"text": "don’t break ‘it’"}),
        ("spawn sample fix --kind claude", "spawn", {"project": "sample", "text": "fix", "kind": "claude"}),
        ("spawn --kind claude sample fix", "spawn", {"project": "sample", "text": "fix", "kind": "claude"}),
        ("spawn —kind claude fix", "spawn", {"text": "fix", "kind": "claude"}),
        ("spawn fix —kind “claude” —base=main", "spawn", {"text": "fix", "kind": "claude", "base": "main"}),
        ('spawn "fix" --kind claude', "spawn", {"text": "fix", "kind": "claude"}),
        ('spawn "fix --kind claude"', "spawn", {"text": "fix --kind claude"}),
        ("spawn see --kind x in the docs", "spawn", {"text": "see --kind x in the docs"}),
        ("spawn explain git push --force", "spawn", {"text": "explain git push --force"}),
        ("spawn explain `ls --kind x`", "spawn", {"text": "explain `ls --kind x`"}),
        ("spawn run `ls --kind x", "spawn", {"text": "run `ls --kind x"}),
        ("spawn do\n```\nls --kind x\n```", "spawn", {"text": "do\n```\nls --kind x\n```"}),
        ("spawn do\n```\nls\n--kind x", "spawn", {"text": "do\n```\nls\n--kind x"}),
        ("spawn a\n  b\n\n--kind x", "spawn", {"text": "a\n  b", "kind": "x"}),
        ("send web-3 use tabs --now", "send", {"agent": "web-3", "text": "use tabs", "now": True}),
        ("send web-3 use tabs —now", "send", {"agent": "web-3", "text": "use tabs", "now": True}),
        ("send web-3 use tabs –now", "send", {"agent": "web-3", "text": "use tabs", "now": True}),
        ("send --now web-3 use tabs", "send", {"agent": "web-3", "text": "use tabs", "now": True}),
        ("send web-3 -- say --now", "send", {"agent": "web-3", "text": "say --now"}),
        ('send web-3 -- "quoted"', "send", {"agent": "web-3", "text": '"quoted"'}),
        ("send -- web-3 --now", "send", {"agent": "web-3", "text": "--now"}),
        ("send web-3 — please", "send", {"agent": "web-3", "text": "please"}),
        ("send web-3 —please", "send", {"agent": "web-3", "text": "—please"}),
        ("send\u00a0web-3\u202fhi\u00a0there", "send", {"agent": "web-3", "text": "hi\u00a0there"}),
        ("\u200bsend #WEB-3 hi", "send", {"agent": "web-3", "text": "hi"}),
        ("tell `web-3` hi", "send", {"agent": "web-3", "text": "hi"}),
        ("abort web-3", "stop", {"agent": "web-3"}),
        ("abort web-3 wrong idea", "stop", {"agent": "web-3", "reason": "wrong idea"}),
        ("approve web-3 --for-agent", "approve", {"subject": "web-3", "for_agent": True}),
        ("approve web-3 —for–agent", "approve", {"subject": "web-3", "for_agent": True}),
        ("approve --for-agent=no r-7f", "approve", {"subject": "r-7f", "for_agent": False}),
        ('list --status "needs you"', "list", {"status": "needs you"}),
        ("list --status=“Needs you” --all", "list", {"status": "needs you", "all_": True}),
        ("project list", "project list", {}),
        ("projects", "project list", {}),
        ("help project list", "help", {"name": "project list"}),
        ("logs web-3 --lines 5 --raw", "logs", {"agent": "web-3", "lines": 5, "raw": True}),
        ("events --since 2h", "events", {"since": "2h"}),
    ],
)
def test_lines_people_type(line: str, name: str, arguments: dict[str, Any]) -> None:
    assert parse(line) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("send hello there", {"agent": "web-3", "text": "hello there"}),
        ("send web-4 hello", {"agent": "web-4", "text": "hello"}),
        ("stop", {"agent": "web-3"}),
        ("deny too risky", {"subject": "web-3", "reason": "too risky"}),
        ("deny r-12 too risky", {"subject": "r-12", "reason": "too risky"}),
        ("spawn fix it", {"project": "web", "text": "fix it"}),
        ("spawn sample fix it", {"project": "sample", "text": "fix it"}),
    ],
)
def test_a_place_fills_in_what_it_knows(line: str, arguments: dict[str, Any]) -> None:
    assert parse(line, Defaults(("sample", "web"), project="web", agent="web-3"))[1] == arguments


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Say what"),
        (" \u200b ", "Say what"),
        ("project", "another word"),
        ("spawn", "spawn needs TEXT"),
        ("spawn sample", "spawn needs TEXT"),
        ('spawn ""', "spawn needs TEXT"),
        ("send web-3", "send needs TEXT"),
        ("send web hi", "“web” is no agent"),
        ("send web-3 --nwo hi", "no option “--nwo”"),
        ("send --now --now web-3 hi", "twice"),
        ("logs web-3 --lines", "needs a value"),
        ("logs web-3 --lines --raw", "needs a value"),
        ("logs web-3 --lines= --raw", "needs a value"),
        ("logs web-3 --lines many", "number"),
        ("logs web-3 again", "takes no “again”"),
        ("project list all", "takes no “all”"),
        ("list --status lazy", "none of"),
        ("spawn --file a.txt x", "list"),
        ("spawn " + "x" * 40_000, "40,006"),
    ],
)
def test_what_does_not_fit_is_explained(line: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(line)
    assert words in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("spawn smaple write docs", "sample"),
        ("spawn Sample fix it", "sample"),
        ("spawn samples", "sample"),
        ("spawn --kind claude smaple “write docs”", "sample"),
        ('spawn fix "all of it"', ""),
        ("spawn fix “all of it” —kind claude", ""),
    ],
)
def test_a_first_word_that_may_be_a_project_starts_nothing(line: str, near: str) -> None:
    with pytest.raises(NotFound) as caught:
        parse(line)
    assert caught.value.message.startswith("There is no project")
    assert (f"Did you mean {near}?" if near else "Projects: sample, web.") in caught.value.remedy
    assert "--project" in caught.value.remedy


def test_mistakes_come_with_usage_and_example() -> None:
    with pytest.raises(BadInput) as caught:
        parse("logs web-3 --lines many")
    assert "Usage: `logs AGENT [--lines N] [--raw]`. For example: `logs sample-1 --lines 50`" in caught.value.remedy


def test_unknown_verbs_suggest() -> None:
    with pytest.raises(NotFound, match="Did you mean `approve`"):
        parse("aprove web-3")


PIECES = st.sampled_from(
    [
        *REGISTRY.names,
        *(p.option for item in REGISTRY for p in item.parameters),
        "--",
        "—",
        "web-3",
        '"',
        "“",
        "`",
        "\\",
        "\n",
    ]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=4), max_size=9).map(" ".join))
@example('spawn "\\')
@example("send web-3 --now=")
def test_any_line_raises_nothing_but_user_errors(line: str) -> None:
    for defaults in (KNOWN, Defaults(("sample",), "sample", "web-3")):
        try:
            parse_line(REGISTRY, line, defaults)
        except UserError:
            continue


WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
TEXTS = st.text(min_size=1, max_size=60) | st.lists(PIECES | WORDS, min_size=1, max_size=6).map(" ".join)
VALUES = {
    AGENT.name: st.from_regex(r"[a-z]{1,5}-[0-9]{1,3}", fullmatch=True),
    ASKER.name: WORDS,
    PROJECT.name: WORDS,
    KIND.name: WORDS,
    WORD.name: st.text(min_size=1, max_size=12),
    PERSON.name: st.text(min_size=1, max_size=12),
    COUNT.name: st.integers(0, 1000),
    DURATION.name: st.from_regex(r"[1-9][0-9]?[smhd]", fullmatch=True),
    FLAG.name: st.booleans(),
}


@st.composite
def draw_invocation(draw: st.DrawFn) -> Invocation | None:
    item: Command = draw(st.sampled_from(list(REGISTRY)))
    arguments: dict[str, Any] = {}
    for parameter in item.parameters:
        if parameter.type is FILES or not (parameter.required or draw(st.booleans())):
            continue
        values = VALUES.get(parameter.type.name, TEXTS)
        arguments[parameter.name] = draw(st.sampled_from(parameter.choices) if parameter.choices else values)
    try:
        clean = {name: value for name, value in read_arguments(item, arguments).items() if value != ""}
    except BadInput:
        return None
    return Invocation(item, clean)


@given(draw_invocation())
def test_formatted_lines_mean_the_same(invocation: Invocation | None) -> None:
    if invocation:
        assert parse_line(REGISTRY, format_line(invocation), KNOWN) == invocation


def test_calm_texts_are_formatted_as_people_type_them() -> None:
    line = "send web-3 use tabs, please"
    assert format_line(parse_line(REGISTRY, line, KNOWN)) == line
    assert format_line(parse_line(REGISTRY, "spawn sample it", Defaults())) == "spawn -- sample it"
