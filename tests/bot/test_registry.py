from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import load_registry
from bot.commands.parameters import AgentId, ProjectName, Text, bind_duration, read_duration, read_signature
from bot.commands.registry import ROLES, Registry, bind_arguments, command, read_arguments
from core.errors import BadInput, NotFound, UserError
from core.files import refer_to
from core.messages import Reply
from core.model import Role
from tests.bot import sample

REGISTRY = sample.make_registry()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("spawn", "spawn [PROJECT] TEXT… [--kind KIND] [--model WORD] [--mode WORD] [--base WORD] [--file FILE]"),
        ("list", "list [--all] [--status needs you|working|done] [--project PROJECT]"),
        ("send", "send AGENT TEXT… [--now]"),
        ("approve", "approve AGENT|REQUEST [--for-agent]"),
        ("deny", "deny AGENT|REQUEST [TEXT…]"),
        ("logs", "logs AGENT [--lines N] [--raw]"),
        ("help", "help [COMMAND]"),
        ("project list", "project list"),
    ],
)
def test_usage_comes_from_the_signature(name: str, usage: str) -> None:
    assert REGISTRY.get(name).usage == usage


def test_parameters_carry_help_choices_and_completion() -> None:
    kind = REGISTRY.get("spawn").find_parameter("kind")
    status = REGISTRY.get("list").find_parameter("status")
    assert kind is not None
    assert (kind.help, kind.type.source, kind.required, kind.default) == ("Which kind of agent.", "kinds", False, "")
    assert status is not None
    assert status.choices == ("needs you", "working", "done")


def test_lookup_by_synonym_case_and_group() -> None:
    assert REGISTRY.get("abort").name == "stop"
    assert REGISTRY.get("Projects").name == "project list"
    assert REGISTRY.get("project  LIST").name == "project list"
    assert list(REGISTRY.groups) == ["project"]
    assert "project" in REGISTRY.verbs
    assert REGISTRY.get("spawn").role is Role.OPERATOR
    assert [role.name.lower() for role in Role if role] == list(ROLES)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        REGISTRY.get("spwan")
    assert caught.value.remedy == "Did you mean `spawn`?"
    with pytest.raises(NotFound, match="help"):
        REGISTRY.get("zzzz")


def test_clashing_names_are_refused() -> None:
    @command("stop", "Twice")
    async def other(ctx: Any) -> Reply:
        return Reply()

    @command("project", "A group's name")
    async def group(ctx: Any) -> Reply:
        return Reply()

    with pytest.raises(ValueError, match="stop"):
        Registry([*REGISTRY, other])
    with pytest.raises(ValueError, match="project"):
        Registry([*REGISTRY, group])


def test_signatures_no_chat_can_offer_are_refused() -> None:
    async def leading_agent(ctx: Any, agent: AgentId | None, text: Text) -> Reply:
        return Reply()

    async def two_types(ctx: Any, text: Text | int) -> Reply:
        return Reply()

    async def no_parameters(ctx: Any) -> Reply:
        return Reply()

    async def strange(ctx: Any, text: dict[str, str]) -> Reply:
        return Reply()

    for handler in (leading_agent, two_types, strange):
        with pytest.raises(TypeError):
            read_signature(handler)
    with pytest.raises(ValueError, match="king"):
        command("x", "X", role="king")(no_parameters)


def test_bound_arguments_are_python_values_with_defaults() -> None:
    assert bind_arguments(REGISTRY.get("events"), {"since": "1h30m"}) == {
        "since": timedelta(minutes=90),
        "kind": "",
        "agent": "",
        "limit": 100,
    }
    assert bind_arguments(REGISTRY.get("list"), {"all": True, "status": "Needs You"})["status"] == "needs you"
    bound = bind_arguments(REGISTRY.get("spawn"), {"text": " hi ", "file": [{"name": "a.txt", "text": "x"}]})
    assert (bound["project"], bound["text"], bound["file"]) == (None, "hi", (refer_to("a.txt", b"x"),))
    assert bind_arguments(REGISTRY.get("approve"), {"subject": "r-1", "for-agent": "yes"})["for_agent"] is True


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("send", {"agent": "web-3"}, "send needs TEXT"),
        ("send", {"agent": "web-3", "text": "  "}, "send needs TEXT"),
        ("send", {"agent": "web", "text": "x"}, "“web” is no agent"),
        ("send", {"agent": 3, "text": "x"}, "must be a string"),
        ("send", {"agent": "web-3", "text": "a\0b"}, "cannot be stored"),
        ("send", {"agent": "web-3", "text": "\ud800"}, "cannot be stored"),
        ("send", {"agent": "web-3", "text": "x" * 40_001}, "40,001"),
        ("send", {"agent": "web-3", "text": "x", "later": True}, "“later”"),
        ("logs", {"agent": "web-3", "lines": -1}, "number"),
        ("logs", {"agent": "web-3", "lines": True}, "number"),
        ("logs", {"agent": "web-3", "raw": "perhaps"}, "neither"),
        ("list", {"status": "lazy"}, "none of"),
        ("events", {"since": "soon"}, "duration"),
        ("events", {"since": "99999w"}, "duration"),
        ("spawn", {"text": "x", "file": [{"name": "../a", "text": ""}]}, "file name"),
        ("spawn", {"text": "x", "file": "a"}, "list"),
    ],
)
def test_bad_arguments_say_what_and_how(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_arguments(REGISTRY.get(name), arguments)
    assert words in caught.value.message
    assert f"Usage: `{name}" in caught.value.remedy


@given(st.sampled_from(list(REGISTRY)), st.data())
def test_arguments_of_any_json_raise_nothing_but_user_errors(item: Any, data: st.DataObject) -> None:
    names = [parameter.name for parameter in item.parameters] + ["other"]
    arguments = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=4))
    try:
        bind_arguments(item, arguments)
    except UserError:
        return


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("2H", 7200), ("1d", 86400), ("1h30m", 5400), ("0s", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert bind_duration(read_duration(text)) == timedelta(seconds=seconds)


def test_a_handler_is_called_through_its_command() -> None:
    async def handler(ctx: Any, project: ProjectName | None, text: Text) -> Reply:
        return Reply(f"{ctx} {project} {text}")

    import asyncio

    item = command("x", "X")(handler)
    assert asyncio.run(item("ctx", **bind_arguments(item, {"text": "t"}))).text == "ctx None t"


def test_the_registry_fits_discord_and_is_well_described() -> None:
    registry = load_registry()
    texts = [text for item in registry for text in (item.name, item.about, *(p.name + p.help for p in item.parameters))]
    assert len(registry.verbs) <= 25
    assert sum(map(len, texts)) < 7_500
    for item in registry:
        assert 0 < len(item.about) <= 100, item.name
        assert not item.about.endswith("."), item.name
        assert all(0 < len(parameter.help) <= 100 for parameter in item.parameters), item.name
        assert item.examples, f"{item.name} has no example"


def test_the_registry_imports_nothing_heavy() -> None:
    heavy = ("pydantic", "sqlalchemy", "httpx", "rich", "fastapi", "structlog", "asyncio")
    code = f"import sys, bot.commands as c; c.load_registry(); print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_groups_word_alone_may_mean_one_of_its_commands() -> None:
    async def handler(ctx: Any) -> Reply:
        return Reply()

    show = command("box show", "Show it", synonyms=("box",))(handler)
    made = Registry([show, command("box open", "Open it")(handler)])
    assert made.get("box") is made.get("box show") is show
    assert (made.verbs, list(made.groups)) == (("box",), ["box"])
    with pytest.raises(ValueError, match="box"):
        Registry([*made, command("other", "Not of the group", synonyms=("box",))(handler)])
    other = command("tin", "Not of the group", synonyms=("box",))(handler)
    with pytest.raises(ValueError, match="box"):
        Registry([other, command("box open", "Open it")(handler)])
