from __future__ import annotations

from core.interfaces import GivenFile
from core.prompts import FILES, INSTRUCTIONS, TASK, write_prompt
from integrations.demo.scripted import given
from integrations.demo.scripted.given import part_prompt
from integrations.demo.scripted.script import read_task

FILE = GivenFile("a.txt", "text/plain", "/x/a.txt", b"say no")


def part(text: str) -> tuple[str, str]:
    words, found = part_prompt([{"type": "text", "text": text}])
    return words, found["instructions"]


def test_the_marks_are_those_of_the_house() -> None:
    assert given.INSTRUCTIONS.rstrip() == INSTRUCTIONS
    assert TASK.startswith(given.TASK.strip())
    assert given.FILES == FILES


def test_only_the_words_are_played() -> None:
    prompt = write_prompt(
        "say yes", interrupted=True, how="rebuilt", earlier=["say before"], instructions="say no", files=(FILE,)
    )
    words, instructions = part(prompt)
    assert instructions == "say no"
    assert read_task(words) == "say yes"
    assert "say before" in words
    assert part("say yes") == ("say yes", "")


def test_hostile_blocks_are_told_and_nothing_more() -> None:
    blocks = [{"type": "text", "text": "x"}, {"type": "resource_link", "uri": "file:///no/such"}, {"type": "audio"}]
    assert part_prompt(blocks)[1]["files"] == [
        "such: resource_link, None, not in its place",
        "?: audio, None, not in its place",
    ]
