"""What agents write, in Markdown for Slack: it calls nobody, hides no address, and can be appended to."""

from __future__ import annotations

import html
from itertools import pairwise
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError

from core.errors import TemporaryFailure
from core.exam.sample import HOSTILE, ODD
from core.messages import Card
from integrations.slack.blocks import draw_card
from integrations.slack.prose import MOST, escape_prose, show_prose
from integrations.slack.streams import Streams
from tests.fakes.slack.blocks import find_faults
from tests.fakes.slack.marks import find_links, find_mentions

LURES = (
    "[good.com](http://evil)", "![x](http://evil)", "[good.com][1]\n\n[1]: http://evil", "[good.com]\n(http://evil)",
    "<http://evil|good.com>", "<!channel>", "<@U1>", "<!subteam^S1>", "&lt;!here&gt;", "[a](<http://evil>)",
    "[a\n](http://evil)", "`[a](http://evil)`", "```\n[a](http://evil)\n```", "\\[a](http://evil)", HOSTILE, *ODD[2:],
)  # fmt: skip
PROSE = st.lists(st.sampled_from(LURES) | st.text(max_size=30) | st.text(alphabet="[]()<>&:!`\n a", max_size=30)).map(
    "".join
)


def read_block(text: str) -> list[dict[str, Any]]:
    return [{"type": "markdown", "text": text}]


@given(PROSE, st.lists(st.integers(0, 400), max_size=6))
def test_it_calls_nobody_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    parts = [*sorted(cut for cut in cuts if cut < len(text)), len(text)]
    grown = [escape_prose(text[:part]) for part in parts]
    assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
    for shown in grown:
        assert find_mentions(read_block(shown)) == []
        assert find_links(read_block(shown)) == []
    assert "](" not in grown[-1]


@pytest.mark.parametrize("is_growing", [True, False])
@given(text=PROSE | st.text(min_size=1).map(lambda text: (text + "\n") * 9_000) | st.just("&" * 40_000))
def test_it_is_never_longer_than_slack_takes(is_growing: bool, text: str) -> None:
    shown, is_cut = show_prose(text, is_growing=is_growing)
    assert len(shown) <= 12_000
    assert is_cut == (len(escape_prose(text)) > MOST)
    assert not is_cut or "characters more" in shown
    assert find_faults(read_block(shown)) == []


def test_code_that_is_cut_stays_code() -> None:
    text = "before\n```\n" + "x = 1\n" * 5_000 + "```\nafter"
    shown, _ = show_prose(text, is_growing=False)
    assert shown.count("```") == 4
    assert html.unescape(shown).endswith("```\nafter")


def test_the_file_has_all_of_it() -> None:
    drawn = draw_card(Card("web-1 · turn 3", prose="line\n" * 9_000))
    assert [(file.name, len(file.text)) for file in drawn.files] == [("web-1-turn-3.md", 45_000)]


class Script:
    """Answers each call with what stands next, and notes what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        async def answer(**args: Any) -> Any:
            self.asked.append((name.removeprefix("chat_"), args.get("markdown_text")))
            said = self.answers.pop(0) if self.answers else {"ok": True}
            if isinstance(said, Exception):
                raise said
            return said

        return answer


def refuse(code: str) -> SlackApiError:
    body = {"ok": False, "error": code}
    return SlackApiError("no", MagicMock(status_code=200, data=body, get=body.get))


async def test_a_piece_without_an_answer_is_not_said_again() -> None:
    client = Script({"ts": "1.1"}, TimeoutError())
    streams = Streams(client)  # type: ignore[arg-type]
    reference = await streams.start("C1", "1.0", ["slack:T1/U1"], "one")
    with pytest.raises(TemporaryFailure):
        await streams.go_on(reference, "one two", {}, is_over=False)
    assert not await streams.go_on(reference, "one two", {}, is_over=False), "it is edited from now on"
    assert not await streams.go_on(reference, "one two three", {}, is_over=False)
    assert client.asked == [("startStream", "one"), ("appendStream", " two"), ("stopStream", None)]


async def test_what_changed_before_its_end_is_ended_and_edited() -> None:
    client = Script({"ts": "1.1"})
    streams = Streams(client)  # type: ignore[arg-type]
    reference = await streams.start("C1", "1.0", ["slack:T1/U1"], "my key")
    assert not await streams.go_on(reference, "my [redacted]", {}, is_over=False)
    assert client.asked[-1] == ("stopStream", None)


async def test_a_workspace_without_streams_is_asked_once() -> None:
    client = Script(refuse("feature_not_enabled"))
    streams = Streams(client)  # type: ignore[arg-type]
    for _ in range(3):
        assert not await streams.start("C1", "1.0", ["slack:T1/U1"], "one")
    assert not await streams.start("C1", "1.0", [], "one")
    assert len(client.asked) == 1


async def test_the_last_words_end_it() -> None:
    client = Script({"ts": "1.1"})
    streams = Streams(client)  # type: ignore[arg-type]
    reference = await streams.start("C1", "1.0", ["discord:1", "slack:T1/U1"], "one")
    assert await streams.go_on(reference, "one two", {}, is_over=False)
    assert await streams.go_on(reference, "one two", {}, is_over=False)
    assert await streams.go_on(reference, "one two!", {}, is_over=True)
    assert client.asked == [("startStream", "one"), ("appendStream", " two"), ("stopStream", "!")]
