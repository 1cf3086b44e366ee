"""What is drawn for Discord, against what Discord takes: any card, any reply, any form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import Attachment, Button, Card, FormField, Reply, Table, Tone
from integrations.discord import forms
from integrations.discord.layout import Drawn, draw_card, draw_reply, draw_sure, mark_message, name_file
from integrations.discord.text import cut, escape, fence, read_sent, say
from integrations.discord.web import V2
from tests.fakes.discord.records import walk_components
from tests.fakes.discord.rules import judge_message, judge_modal
from tests.fakes.shown import BUTTONS, CARDS, FIELDS, REPLIES, TEXT

MARKED = re.compile(r"(?<!\\)(<@|<#|\[[^\]\\]*\]\(|@everyone|@here)")


def judge(drawn: Drawn) -> list[str]:
    return judge_message({"flags": V2, "components": drawn.components})


def list_ids(drawn: Drawn) -> list[str]:
    every = list(walk_components(drawn.components))
    options = [str(option["value"]) for item in every for option in item.get("options", ())]
    return [str(item["custom_id"]).split(":")[1] for item in every if item["type"] == 2] + options


def assert_calls_nobody(drawn: Drawn) -> None:
    """No mention, and no link with another label, outside of blocks of code."""
    for item in walk_components(drawn.components):
        said = re.sub(r"```.*?```", "", str(item.get("content") or ""), flags=re.DOTALL)
        assert not MARKED.search(said.replace("\\\\", "")), said


@settings(max_examples=60)
@given(CARDS, st.text(min_size=1, max_size=20))
def test_any_card_is_taken(card: Card, key: str) -> None:
    drawn = draw_card(card, key)
    assert judge(drawn) == []
    assert drawn.components[0]["id"] == mark_message(key)
    assert_calls_nobody(drawn)
    assert set(list_ids(drawn)) <= {button.command for button in card.buttons}


@settings(max_examples=60)
@given(REPLIES)
def test_any_reply_is_taken(reply: Reply) -> None:
    drawn = draw_reply(reply, "d-1", "agent")
    assert judge(drawn) == []
    assert drawn.components[0]["id"] == mark_message("d-1")
    assert_calls_nobody(drawn)
    named = [item["file"]["url"] for item in walk_components(drawn.components) if item["type"] == 13]
    assert len(named) == len(drawn.files) == len(set(named))


@settings(max_examples=40)
@given(BUTTONS, st.lists(FIELDS, max_size=8), TEXT, TEXT)
def test_any_form_is_taken(button: Button, fields: list[FormField], prompt: str, label: str) -> None:
    asked = Button(button.label, button.command, "", False, prompt, "", fields)
    assert [*judge_modal(forms.draw_button("b-1", asked))] == []
    assert [*judge_modal(forms.draw_spawn(prompt, label[:100], ""))] == []
    assert judge(Drawn(draw_sure(prompt, label, "b-1"))) == []


@pytest.mark.parametrize(
    "said", ["@everyone", "<@1>", "[a](http://b)", "# x", "- x", "> x", "1. x", "||x||", "`x`", "\\"]
)
def test_words_say_what_they_say(said: str) -> None:
    assert escape(said) != said
    assert re.sub(r"\\([^0-9A-Za-z\s])", r"\1", escape(said)) == said


def test_what_is_cut_is_told_and_in_a_file() -> None:
    drawn = draw_reply(Reply("line\n" * 2_000, table=Table(("a",), [("x" * 50,)] * 100)), "d-1", "agent")
    shown = "\n".join(str(item.get("content", "")) for item in walk_components(drawn.components))
    assert "characters more in the file)" in shown
    assert {file.name: len(file.text) > 5_000 for file in drawn.files} == {"text.txt": True, "table.txt": True}


def test_files_beyond_what_is_shown_are_told() -> None:
    drawn = draw_reply(Reply("x", attachments=[Attachment(f"{n}.txt", "x") for n in range(5)]), "d-1", "agent")
    assert len(drawn.files) == 3
    assert any("2 more files" in str(item.get("content")) for item in drawn.components)


def test_code_cannot_end_its_block() -> None:
    assert fence("a ``` b", 100).count("```") == 2
    assert len(fence("x" * 900, 500)) <= 500


@given(TEXT, st.integers(60, 400))
def test_what_is_said_fits(text: str, most: int) -> None:
    assert len(say(text, most)) <= most
    assert len(cut(text, most)) <= max(most, 60)


def test_colours_are_said_in_words_too() -> None:
    for tone in Tone:
        first = draw_card(Card("web-1 · done", tone), "c").components[0]
        assert first["accent_color"]
        assert "web-1" in first["components"][0]["content"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("<@99> spawn x", "spawn x"),
        ("<@!99> hi <@12> <#34>", "hi @12 #34"),
        ("<:party:123> <a:go:9> <t:1:R>", ":party: :go: <t:1:R>"),
        ("a < b > c", "a < b > c"),
    ],
)
def test_what_people_type_is_read(sent: str, meant: str) -> None:
    assert read_sent(sent, "99") == meant


@pytest.mark.parametrize(("name", "kept"), [("a b/é.diff", "a_b__.diff"), ("..", "file.txt"), ("x" * 200, "x" * 80)])
def test_names_of_files(name: str, kept: str) -> None:
    assert name_file(name) == kept


FORM = [
    FormField("db", "Database", way="choose", required=True, choices=(("pg", "PostgreSQL"), ("my", "MySQL"))),
    FormField("sure", "Sure", way="yes"),
    FormField("many", "Several", way="tick", choices=(("a", "A"), ("b", "B"))),
    FormField("port", "Port", way="number", least="1", most="9"),
    FormField("note", "Note"),
]


def fill(form: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """As Discord sends it."""
    rows = []
    for row in form["components"]:
        if row["type"] == 18:
            item = row["component"]
            given = values.get(item["custom_id"], [] if item["type"] == 3 else "")
            key = "values" if item["type"] == 3 else "value"
            rows.append({"type": 18, "component": {"custom_id": item["custom_id"], key: given}})
    return {"components": rows}


def test_a_form_of_several_fields_is_read() -> None:
    form = forms.draw_button("b-1", Button("Answer…", "answer r-1", prompt="How?", fields=FORM[:4]))
    given = forms.read_given(
        fill(form, {"field:0": ["1"], "field:1": ["0"], "field:2": ["0", "1"], "field:3": "5"}), FORM[:4]
    )
    assert given == {"db": ["my"], "sure": ["yes"], "many": ["a", "b"], "port": ["5"]}


def test_fields_that_find_no_place_share_one() -> None:
    form = forms.draw_button("b-1", Button("Answer…", "answer r-1", prompt="How?", fields=FORM))
    assert [*judge_modal(form)] == []
    given = forms.read_given(fill(form, {"field:0": ["0"], "rest": "Port: 7\nnote: a: b\nother: x"}), FORM)
    assert given == {"db": ["pg"], "sure": [], "many": [], "port": ["7"], "note": ["a: b"]}
